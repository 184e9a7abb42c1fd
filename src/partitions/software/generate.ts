import { generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { KmipError } from '../../../spec/kmip-error.ts'
import { curves } from '../curves.ts'
import { generateName, lacks } from '../mechanisms.ts'
import type { KeyType } from '../partition.ts'
import { symmetricKeys } from './mechanisms.ts'

/** The plain bytes of a new symmetric or HMAC key. The caller wipes them. */
export function newSecretKey(partition: string, type: KeyType): Buffer {
  const size = secretKeySize(partition, type)
  const key = randomBytes(size)
  return type.algorithm === 'DES3' ? withParity(key) : key
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

const rsaLengths = { least: 1024, most: 8192 }
const newRsa = promisify(generateKeyPair)

/** A new key pair, made in the threadpool. */
export async function newKeyPair(partition: string, type: KeyType): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const { algorithm, length } = type
  if (algorithm === 'RSA') {
    if (length < rsaLengths.least || length > rsaLengths.most || length % 8 !== 0) {
      throw new KmipError('InvalidField', `An RSA key has ${rsaLengths.least} to ${rsaLengths.most} bits, a multiple of 8; not ${length}.`)
    }
    return newRsa('rsa', { modulusLength: length })
  }
  if (algorithm === 'Ed25519' || (isCurveAlgorithm(type) && type.curve === 'CURVE25519')) return promisify(generateKeyPair)('ed25519')
  if (algorithm === 'Ed448' || (isCurveAlgorithm(type) && type.curve === 'CURVE448')) return promisify(generateKeyPair)('ed448')
  const curve = type.curve === undefined ? undefined : curves[type.curve]
  if (!isCurveAlgorithm(type) || curve === undefined) throw lacks(partition, generateName(type))
  try {
    return await promisify(generateKeyPair)('ec', { namedCurve: curve.node })
  } catch (error) {
    throw lacks(partition, generateName(type), error instanceof Error ? error.message : undefined)
  }
}

/** What Create Key Pair may ask of a curve: KMIP 1.0 says ECDSA or ECDH, later versions EC. */
function isCurveAlgorithm(type: KeyType): boolean {
  return type.algorithm === 'EC' || type.algorithm === 'ECDSA' || type.algorithm === 'ECDH'
}

/** DES wants an odd number of one bits in every byte (FIPS 46-3). */
function withParity(key: Buffer): Buffer {
  for (let index = 0; index < key.length; index++) {
    const bits = key[index]! & 0xfe
    let odd = 1
    for (let rest = bits; rest > 0; rest >>= 1) odd ^= rest & 1
    key[index] = bits | odd
  }
  return key
}
