import { constants, createPublicKey, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { lacks } from '../mechanisms.ts'
import type { CipherMechanism, HashName } from '../partition.ts'
import { asymmetricKeyOf, attempt, type HeldKey, modulusBits } from './held-key.ts'
import { addOaep, removeOaep, removePkcs1 } from './rsa-padding.ts'

type RsaMechanism = Extract<CipherMechanism, { cipher: 'RSA-OAEP' | 'RSA-PKCS1' | 'RSA-RAW' }>

const { RSA_NO_PADDING, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING } = constants

export function rsaEncrypt(partition: string, held: HeldKey, mechanism: RsaMechanism, data: Uint8Array): Uint8Array {
  const key = asymmetricKeyOf(held, 'public', ['rsa'], mechanism.cipher)
  const bits = modulusBits(key)
  const room = roomFor(partition, mechanism, bits)
  if (data.length > room || (mechanism.cipher === 'RSA-RAW' && data.length !== room)) {
    throw new KmipError(
      'InvalidField',
      `${mechanism.cipher} with ${bits} bits takes ${room} bytes${mechanism.cipher === 'RSA-RAW' ? '' : ' at most'}, not ${data.length}.`,
    )
  }
  return attempt(`${mechanism.cipher} encryption failed: the data does not fit the key.`, () => {
    if (mechanism.cipher === 'RSA-PKCS1') return publicEncrypt({ key, padding: RSA_PKCS1_PADDING }, data)
    if (mechanism.cipher === 'RSA-RAW') return publicEncrypt({ key, padding: RSA_NO_PADDING }, data)
    const { hash, maskHash, label } = mechanism
    if (hash === maskHash) return publicEncrypt(oaep(key, hash, label), data)
    return publicEncrypt({ key, padding: RSA_NO_PADDING }, addOaep(bits, hash, maskHash, label, data))
  })
}

export function rsaDecrypt(partition: string, held: HeldKey, mechanism: RsaMechanism, data: Uint8Array): Uint8Array {
  const key = asymmetricKeyOf(held, 'private', ['rsa'], mechanism.cipher)
  const bits = modulusBits(key)
  roomFor(partition, mechanism, bits)
  return attempt(`The ciphertext does not decrypt with ${mechanism.cipher}: wrong key or parameters, or altered ciphertext.`, () => {
    if (mechanism.cipher === 'RSA-PKCS1') return decryptPkcs1(key, data)
    if (mechanism.cipher === 'RSA-RAW') return privateDecrypt({ key, padding: RSA_NO_PADDING }, data)
    const { hash, maskHash, label } = mechanism
    if (hash === maskHash) return privateDecrypt(oaep(key, hash, label), data)
    return removeOaep(bits, hash, maskHash, label, privateDecrypt({ key, padding: RSA_NO_PADDING }, data))
  })
}

/** The most bytes that fit. @throws KmipError UnsupportedCryptographicParameters for a hash that is not there. */
function roomFor(partition: string, mechanism: RsaMechanism, bits: number): number {
  const size = Math.ceil(bits / 8)
  if (mechanism.cipher === 'RSA-RAW') return size
  if (mechanism.cipher === 'RSA-PKCS1') return size - 11
  const hash = hashes[mechanism.hash]
  if (hash === undefined) throw lacks(partition, `RSA-OAEP with ${mechanism.hash}`)
  if (hashes[mechanism.maskHash] === undefined) throw lacks(partition, `RSA-OAEP with mask hash ${mechanism.maskHash}`)
  return size - 2 * hash.size - 2
}

function oaep(key: KeyObject, hash: HashName, label: Uint8Array) {
  return { key, padding: RSA_PKCS1_OAEP_PADDING, oaepHash: hashes[hash]!.node, ...(label.length > 0 && { oaepLabel: label }) }
}

/**
 * OpenSSL 3.2 and later answers bad padding with random bytes of its own (implicit rejection), and node:crypto allows it.
 * With an older one node:crypto refuses PKCS #1 v1.5 decryption; there the padding is taken off after a raw decryption,
 * and bad padding is an error. That is an oracle for whoever may submit ciphertexts: prefer OAEP.
 */
function decryptPkcs1(key: KeyObject, data: Uint8Array): Uint8Array {
  if (implicitRejection) return privateDecrypt({ key, padding: RSA_PKCS1_PADDING }, data)
  const { n } = createPublicKey(key).export({ format: 'jwk' })
  return removePkcs1(Buffer.from(String(n), 'base64url'), privateDecrypt({ key, padding: RSA_NO_PADDING }, data))
}

const implicitRejection = (() => {
  const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 2)
})()
