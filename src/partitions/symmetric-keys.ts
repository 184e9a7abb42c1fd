import { KmipError } from '../../spec/kmip-error.ts'
import { generateName, lacks } from './mechanisms.ts'
import type { AlgorithmName, KeyType } from './partition.ts'

interface SymmetricRule {
  /** Lengths in bits as KMIP gives them, each with the key's length in bytes: 3DES is 168 bits to some clients and 192 to others. */
  readonly lengths: Readonly<Record<number, number>> | 'any whole number of bytes'
}

/** The symmetric keys that are generated. A key of another algorithm may be imported, kept and given back. */
export const symmetricKeys: Partial<Record<AlgorithmName, SymmetricRule>> = {
  // 512 bits are the two keys of XTS-AES-256; no other mode takes them.
  AES: { lengths: { 128: 16, 192: 24, 256: 32, 512: 64 } },
  DES3: { lengths: { 112: 16, 128: 16, 168: 24, 192: 24 } },
  ChaCha20: { lengths: { 256: 32 } },
  ChaCha20Poly1305: { lengths: { 256: 32 } },
  HMAC_MD5: { lengths: 'any whole number of bytes' },
  HMAC_SHA1: { lengths: 'any whole number of bytes' },
  HMAC_SHA224: { lengths: 'any whole number of bytes' },
  HMAC_SHA256: { lengths: 'any whole number of bytes' },
  HMAC_SHA384: { lengths: 'any whole number of bytes' },
  HMAC_SHA512: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_224: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_256: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_384: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_512: { lengths: 'any whole number of bytes' },
}

/** The length in bytes. @throws KmipError UnsupportedCryptographicParameters, InvalidField. */
export function secretKeySize(partition: string, type: KeyType): number {
  const rule = symmetricKeys[type.algorithm]
  if (rule === undefined) throw lacks(partition, generateName(type))
  if (rule.lengths === 'any whole number of bytes') {
    if (type.length >= minHmacBits && type.length <= maxHmacBits && type.length % 8 === 0) return type.length / 8
    throw new KmipError(
      'InvalidField',
      `A ${type.algorithm} key has ${minHmacBits} to ${maxHmacBits} bits, a multiple of 8; not ${type.length}.`,
    )
  }
  const size = rule.lengths[type.length]
  if (size !== undefined) return size
  throw new KmipError('InvalidField', `A ${type.algorithm} key has ${Object.keys(rule.lengths).join(', ')} bits, not ${type.length}.`)
}

const minHmacBits = 8
const maxHmacBits = 8192

/** A key of an algorithm that is not generated here is kept as it came; no mechanism will take it. */
export function checkSecretLength(partition: string, type: KeyType | undefined, size: number): void {
  if (type === undefined || symmetricKeys[type.algorithm] === undefined) return
  const expected = secretKeySize(partition, type)
  if (expected !== size)
    throw new KmipError('InvalidField', `A ${type.algorithm} key of ${type.length} bits has ${expected} bytes; ${size} were given.`)
}
