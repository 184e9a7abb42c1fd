import type { Pkcs11PartitionDefinition } from '../../src/tenants/index.ts'

/** Where a token is, as a definition says it. */
export type TokenPlace = Pick<Pkcs11PartitionDefinition, 'module' | 'parameters' | 'token' | 'pinFile'>

/** Tokens of a module in a folder of their own. */
export interface Tokens<Place extends TokenPlace = TokenPlace> {
  /** Makes a token, or names one that was made for this. */
  token(label: string): Place
  remove(): void
}
