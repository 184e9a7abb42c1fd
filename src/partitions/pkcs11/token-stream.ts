import type { StreamEnd } from '../partition.ts'

/** One operation in parts on a token. */
export interface TokenStream {
  readonly holdsBack: boolean
  update(data: Uint8Array): Promise<Uint8Array>
  end(data: Uint8Array, expected: Uint8Array | undefined): Promise<StreamEnd>
  /** Gives its session and its key back. Never fails. */
  close(): Promise<void>
}

export const nothing = new Uint8Array()
