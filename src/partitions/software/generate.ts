import { generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { curves } from '../curves.ts'
import { checkRsaLength, edwardsPair, generateName, isCurveAlgorithm, lacks } from '../mechanisms.ts'
import type { KeyType } from '../partition.ts'
import { secretKeySize } from '../symmetric-keys.ts'

/** The plain bytes of a new symmetric or HMAC key. The caller wipes them. */
export function newSecretKey(partition: string, type: KeyType): Buffer {
  const size = secretKeySize(partition, type)
  const key = randomBytes(size)
  return type.algorithm === 'DES3' ? withParity(key) : key
}

const newRsa = promisify(generateKeyPair)

/** A new key pair, made in the threadpool. */
export async function newKeyPair(partition: string, type: KeyType): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const { algorithm, length } = type
  if (algorithm === 'RSA') {
    checkRsaLength(length)
    return newRsa('rsa', { modulusLength: length })
  }
  switch (edwardsPair(type)) {
    case 'Ed25519':
      return promisify(generateKeyPair)('ed25519')
    case 'Ed448':
      return promisify(generateKeyPair)('ed448')
    case 'X25519':
      return promisify(generateKeyPair)('x25519')
    case 'X448':
      return promisify(generateKeyPair)('x448')
  }
  const curve = type.curve === undefined ? undefined : curves[type.curve]
  if (!isCurveAlgorithm(type.algorithm) || curve === undefined) throw lacks(partition, generateName(type))
  try {
    return await promisify(generateKeyPair)('ec', { namedCurve: curve.node })
  } catch (error) {
    throw lacks(partition, generateName(type), error instanceof Error ? error.message : undefined)
  }
}

/** DES wants an odd number of one bits in every byte (FIPS 46-3). The same steps whatever the bits are. */
function withParity(key: Buffer): Buffer {
  for (let index = 0; index < key.length; index++) {
    const bits = key[index]! & 0xfe
    const pairs = bits ^ (bits >> 4)
    const quads = pairs ^ (pairs >> 2)
    key[index] = bits | ((quads ^ (quads >> 1) ^ 1) & 1)
  }
  return key
}
