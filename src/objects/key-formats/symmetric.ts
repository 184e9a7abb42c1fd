import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial } from '../../../spec/values.ts'
import type { AlgorithmName, KeyType } from '../wrapped-key.ts'
import { bytesOf, type ClaimedType, type FormattedKey, formatNotSupported, type KeyFormat } from './plain-value.ts'

/**
 * Lengths in bits as KMIP clients give them, each with the length in bytes. A DES key may count its parity bits or not (KMIP 2.1 §3.1).
 * Other algorithms: 8 bits a byte.
 */
const lengths: Partial<Record<AlgorithmName, Readonly<Record<number, number>>>> = {
  AES: { 128: 16, 192: 24, 256: 32, 512: 64 },
  DES: { 56: 8, 64: 8 },
  DES3: { 112: 16, 128: 16, 168: 24, 192: 24 },
  ChaCha20: { 128: 16, 256: 32 },
  ChaCha20Poly1305: { 256: 32 },
}

/** The bytes of a symmetric key in Raw or TransparentSymmetricKey. @throws KmipError InvalidField, KeyFormatTypeNotSupported. */
export function symmetricBytes(key: FormattedKey): Uint8Array {
  if (key.format === 'TransparentSymmetricKey' && !(key.material instanceof Uint8Array) && key.material.format === key.format)
    return key.material.key
  if (key.format === 'Raw') return bytesOf(key)
  throw formatNotSupported('A symmetric key', key.format, 'Raw and TransparentSymmetricKey')
}

export function symmetricMaterial(bytes: Uint8Array, format: KeyFormat): KeyMaterial {
  if (format === 'Raw') return bytes
  if (format === 'TransparentSymmetricKey') return { format, key: bytes }
  throw formatNotSupported('A symmetric key', format, 'Raw and TransparentSymmetricKey')
}

/**
 * The type of a symmetric key of so many bytes. The length follows from the bytes where it is not told.
 * @throws KmipError InvalidField when length and bytes do not go together, or the algorithm is not told.
 */
export function symmetricType(size: number, claimed: ClaimedType): KeyType {
  const { algorithm, length } = claimed
  if (algorithm === undefined)
    throw new KmipError('InvalidField', 'The Cryptographic Algorithm is missing, both in the Key Block and among the attributes.')
  const known = lengths[algorithm]
  if (known === undefined) return { algorithm, length: checked(algorithm, size, length, { [size * 8]: size }) }
  return { algorithm, length: checked(algorithm, size, length, known) }
}

function checked(algorithm: AlgorithmName, size: number, length: number | undefined, known: Readonly<Record<number, number>>): number {
  const fitting = Object.keys(known)
    .map(Number)
    .filter((bits) => known[bits] === size)
  if (fitting[0] === undefined)
    throw new KmipError('InvalidField', `An ${algorithm} key has ${[...new Set(Object.values(known))].join(', ')} bytes, not ${size}.`)
  if (length === undefined) return fitting[0]
  if (fitting.includes(length)) return length
  throw new KmipError(
    'InvalidField',
    `The Cryptographic Length says ${length} bits, but the ${algorithm} key has ${size} bytes: ${fitting.join(' or ')} bits.`,
  )
}
