import { KmipError } from '../../../spec/kmip-error.ts'
import { generateName, lacks } from '../mechanisms.ts'
import type { KeyType, WrappedKey } from '../partition.ts'
import { checkSecretLength, secretKeySize } from '../symmetric-keys.ts'
import { symmetricKeys } from '../symmetric-lengths.ts'
import type { Token } from './token.ts'

/**
 * Some tokens wrap a key filled up with zeros to a multiple of 8 bytes. For an HMAC that is the same key as long as it
 * is within the hash's block (RFC 2104 §2); a longer one would become another key, and is refused.
 * @throws KmipError InvalidField; UnsupportedCryptographicParameters for the two keys of XTS-AES-256.
 */
export function checkLength(token: Token, type: KeyType | undefined): void {
  // Named as what makes them: such keys are of one mode, and modules have a key type of their own for it.
  if (type?.algorithm === 'AES' && type.length === 512 && !token.ways.has(generateName(type))) throw lacks(token.name, generateName(type))
  if (type === undefined || isAligned(type) || type.length / 8 <= longestFilled) return
  throw new KmipError(
    'InvalidField',
    `A key of ${type.length} bits cannot be kept by a token: above ${longestFilled * 8} bits the length must be a multiple of 64.`,
  )
}

/** A private key of a curve that the token does not make is not taken in either: modules answer it with a failure of their own. @throws KmipError UnsupportedCryptographicParameters. */
export function checkCurve(token: Token, type: KeyType | undefined): void {
  if (type === undefined || type.algorithm === 'RSA' || token.ways.has(generateName(type))) return
  throw lacks(token.name, generateName(type))
}

/** Whether it needs no filling up. */
export function isAligned(type: KeyType | undefined): boolean {
  return type === undefined || type.algorithm === 'DES3' || type.length % 64 === 0
}

/**
 * A key that came wrapped, by the bytes that it has under the KEK: SoftHSM tells no length of such a key. @throws KmipError InvalidField for one of another
 * length than was said.
 */
export function checkKept(token: Token, { type, bytes }: Pick<WrappedKey, 'type' | 'bytes'>): void {
  if (type === undefined || symmetricKeys[type.algorithm] === undefined) return
  const filled = bytes.length - besideTheKey
  if (filled !== Math.ceil(secretKeySize(token.name, type) / 8) * 8) checkSecretLength(token.name, type, filled)
}

/** In bytes: 8 of the key wrap (RFC 5649), and the MAC. */
const besideTheKey = 40

/** CKA_VALUE_LEN, less the zeros that the token filled in. */
export function withoutFill(attribute: Buffer, type: KeyType | undefined): number {
  const length = attribute.readUInt32LE(0)
  const expected = type === undefined ? length : Math.ceil(type.length / 8)
  return length - expected < 8 && length > expected ? expected : length
}

/** In bytes: the block of SHA-1 and SHA-256. */
const longestFilled = 64
