import { hashes } from '../hashes.ts'
import { mechanismTable, type TokenWay } from '../mechanism-table.ts'
import { generateName } from '../mechanisms.ts'
import type { HashName, KeyType, MechanismName } from '../partition.ts'
import { ckk, ckm } from './constants.ts'

/** What a token says of a mechanism: CKF_*, and the shortest and longest keys, in bits for key pairs. */
export interface MechanismFacts {
  readonly flags: number
  readonly minKeySize: number
  readonly maxKeySize: number
}

/** What a token offers, in the words of `partition.ts`, and the way in which it has each. */
export type TokenWays = ReadonlyMap<MechanismName, TokenWay>

/** A token's ways, from its own list. */
export function waysOf(factsOf: (mechanism: number) => MechanismFacts | undefined): Map<MechanismName, TokenWay> {
  const isHad = ({ mechanism, flag, bits, also }: TokenWay): boolean => {
    const facts = factsOf(mechanism)
    if (facts === undefined || (facts.flags & flag) === 0) return false
    if (bits !== undefined && !allows(facts, bits)) return false
    return also === undefined || ((factsOf(also.mechanism)?.flags ?? 0) & also.flag) !== 0
  }
  const ways = new Map<MechanismName, TokenWay>()
  for (const { name, token = [] } of mechanismTable) {
    const way = token.find(isHad)
    if (way !== undefined) ways.set(name, way)
  }
  return ways
}

/** Some tokens say 0 for what they do not bound. */
function allows({ minKeySize, maxKeySize }: MechanismFacts, bits: number): boolean {
  return bits >= minKeySize && (maxKeySize === 0 || bits <= maxKeySize)
}

/** CKA_KEY_TYPE of a key of this type in a token with these ways; a generic secret where it has none of its own for it. */
export function keyTypeOf(ways: TokenWays, type: KeyType | undefined): number {
  if (type?.algorithm === 'DES3') return type.length <= 128 ? ckk.DES2 : ckk.DES3
  if (type?.algorithm === 'AES') return ckk.AES
  return (type && ways.get(generateName(type))?.keyType) ?? ckk.GENERIC_SECRET
}

/** How a secret key of this type is made; undefined where the token does not make it. */
export function makingOf(ways: TokenWays, type: KeyType): number | undefined {
  const mechanism = ways.get(generateName(type))?.mechanism
  return mechanism === ckm.DES3_KEY_GEN && type.length <= 128 ? ckm.DES2_KEY_GEN : mechanism
}

/** CKA_KEY_TYPE of a private key. */
export function privateKeyType(ways: TokenWays, type: KeyType | undefined): number {
  if (type?.algorithm === 'RSA') return ckk.RSA
  return (type && ways.get(generateName(type))?.keyType) ?? ckk.EC
}

/** The numbers of a hash that PKCS #11 has. */
export function numbersOf(
  hash: HashName,
): { readonly digest: number; readonly hmac: number; readonly mgf?: number | undefined } | undefined {
  return hashes[hash]?.token
}
