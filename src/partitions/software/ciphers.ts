import { type CipherGCMTypes, createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { checkTag } from '../authentication-tag.ts'
import { type AuthenticatedMechanism, checkParameters, isAuthenticated, padded, type SymmetricMechanism } from '../cipher-parameters.ts'
import { cipherName, lacks } from '../mechanisms.ts'
import type { CipherMechanism, Ciphertext } from '../partition.ts'
import { algorithmOf, attempt, type HeldKey, keyOf } from './held-key.ts'
import { ciphers } from './mechanisms.ts'
import { rsaDecrypt, rsaEncrypt } from './rsa-ciphers.ts'

export function encrypt(partition: string, held: HeldKey, mechanism: CipherMechanism, data: Uint8Array): Ciphertext {
  switch (mechanism.cipher) {
    case 'RSA-OAEP':
    case 'RSA-PKCS1':
    case 'RSA-RAW':
      return { data: rsaEncrypt(partition, held, mechanism, data) }
    default:
      return encryptSymmetric(partition, held, mechanism, data)
  }
}

export function decrypt(partition: string, held: HeldKey, mechanism: CipherMechanism, data: Uint8Array, tag?: Uint8Array): Uint8Array {
  switch (mechanism.cipher) {
    case 'RSA-OAEP':
    case 'RSA-PKCS1':
    case 'RSA-RAW':
      return rsaDecrypt(partition, held, mechanism, data)
    default:
      return decryptSymmetric(partition, held, mechanism, data, tag)
  }
}

function encryptSymmetric(partition: string, held: HeldKey, mechanism: SymmetricMechanism, data: Uint8Array): Ciphertext {
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, data)
  const key = held.key
  if (isAuthenticated(mechanism)) {
    const cipher = createCipheriv(openssl as CipherGCMTypes, key, iv, { authTagLength: mechanism.tagLength })
    if (mechanism.additionalData.length > 0) cipher.setAAD(mechanism.additionalData, { plaintextLength: data.length })
    const out = cipher.update(atOnce(data))
    // All are streams: final() adds no bytes, it makes the tag.
    cipher.final()
    return { data: out, tag: cipher.getAuthTag() }
  }
  const cipher = createCipheriv(openssl, key, iv)
  if (!padded(mechanism)) cipher.setAutoPadding(false)
  return { data: Buffer.concat([cipher.update(data), cipher.final()]) }
}

function decryptSymmetric(partition: string, held: HeldKey, mechanism: SymmetricMechanism, data: Uint8Array, tag?: Uint8Array): Uint8Array {
  if (isAuthenticated(mechanism)) return decryptAuthenticated(partition, held, mechanism, data, tag)
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, data)
  const decipher = createDecipheriv(openssl, held.key, iv)
  if (!padded(mechanism)) decipher.setAutoPadding(false)
  return attempt(doesNotDecrypt, () => Buffer.concat([decipher.update(data), decipher.final()]))
}

function decryptAuthenticated(
  partition: string,
  held: HeldKey,
  mechanism: AuthenticatedMechanism,
  data: Uint8Array,
  tag: Uint8Array | undefined,
): Uint8Array {
  checkTag(mechanism, tag)
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, data)
  const decipher = createDecipheriv(openssl as CipherGCMTypes, held.key, iv, { authTagLength: mechanism.tagLength })
  if (mechanism.additionalData.length > 0) decipher.setAAD(mechanism.additionalData, { plaintextLength: data.length })
  decipher.setAuthTag(tag)
  return attempt(tagDoesNotMatch, () => {
    const out = decipher.update(atOnce(data))
    decipher.final()
    return out
  })
}

/**
 * CCM takes its data in one update even when there is none. Node.js 20 hands OpenSSL a null pointer for some empty arrays, which is no update:
 * the tag of an empty message would be neither made nor checked.
 */
function atOnce(data: Uint8Array): Uint8Array {
  return data.length === 0 ? emptyWithAddress : data
}

const emptyWithAddress = Buffer.alloc(1).subarray(0, 0)

export const doesNotDecrypt = 'The ciphertext does not decrypt: wrong key, IV or padding method, or altered ciphertext.'
export const tagDoesNotMatch = 'The authentication tag does not match: wrong key, IV, additional data, or altered ciphertext.'

/** Ciphers that name their key's algorithm. */
const streamKeys: Readonly<Record<string, string>> = { ChaCha20: 'ChaCha20', 'ChaCha20-Poly1305': 'ChaCha20Poly1305' }

/** OpenSSL's cipher and IV, for so much data. @throws KmipError UnsupportedCryptographicParameters, InvalidField. */
export function prepare(
  partition: string,
  held: HeldKey,
  mechanism: SymmetricMechanism,
  data: { readonly length: number },
): { readonly cipher: string; readonly iv: Uint8Array } {
  const algorithm = algorithmOf(held)
  const name = cipherName(algorithm, mechanism)
  const wanted = streamKeys[mechanism.cipher]
  if (wanted !== undefined && wanted !== algorithm) throw lacks(partition, `${name} with a key of ${algorithm}`)
  const byLength = ciphers[name]
  if (byLength === undefined) throw lacks(partition, name)
  const size = keyOf(held, 'secret', name).symmetricKeySize ?? 0
  const cipher = byLength[size]
  if (cipher === undefined) throw lacks(partition, name, `this key has ${size * 8} bits`)
  const iv = checkParameters(name, algorithm === 'AES' ? 16 : 8, mechanism, data)
  if (mechanism.cipher === 'XTS') checkHalves(name, cipher, held.key, iv)
  return { cipher, iv }
}

/** OpenSSL finds out a key whose halves are the same when it encrypts, and only then: it is asked before decryption too. */
function checkHalves(name: string, cipher: string, key: KeyObject, iv: Uint8Array): void {
  try {
    createCipheriv(cipher, key, iv)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_OSSL_XTS_DUPLICATED_KEYS')) throw error
    throw new KmipError(
      'InvalidField',
      `${name} takes a key whose two halves differ, and those of this key are the same (SP 800-38E). Make another key.`,
      { cause: error },
    )
  }
}
