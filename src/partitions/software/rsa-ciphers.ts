import { constants, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { lacks } from '../mechanisms.ts'
import type { CipherMechanism, HashName } from '../partition.ts'
import { asymmetricKeyOf, attempt, type HeldKey, modulusBits } from './held-key.ts'
import { hasImplicitRejection } from './implicit-rejection.ts'

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
    return publicEncrypt(oaep(key, mechanism.hash, mechanism.label), data)
  })
}

export function rsaDecrypt(partition: string, held: HeldKey, mechanism: RsaMechanism, data: Uint8Array): Uint8Array {
  const key = asymmetricKeyOf(held, 'private', ['rsa'], mechanism.cipher)
  roomFor(partition, mechanism, modulusBits(key))
  if (mechanism.cipher === 'RSA-PKCS1' && !hasImplicitRejection()) throw lacks(partition, 'RSA-PKCS1 decryption', paddingOracle)
  return attempt(`The ciphertext does not decrypt with ${mechanism.cipher}: wrong key or parameters, or altered ciphertext.`, () => {
    if (mechanism.cipher === 'RSA-PKCS1') return privateDecrypt({ key, padding: RSA_PKCS1_PADDING }, data)
    if (mechanism.cipher === 'RSA-RAW') return privateDecrypt({ key, padding: RSA_NO_PADDING }, data)
    return privateDecrypt(oaep(key, mechanism.hash, mechanism.label), data)
  })
}

/** The most bytes that fit. @throws KmipError UnsupportedCryptographicParameters for a hash, or a pair of hashes, that is not there. */
function roomFor(partition: string, mechanism: RsaMechanism, bits: number): number {
  const size = Math.ceil(bits / 8)
  if (mechanism.cipher === 'RSA-RAW') return size
  if (mechanism.cipher === 'RSA-PKCS1') return size - 11
  const hash = hashes[mechanism.hash]
  if (hash === undefined) throw lacks(partition, `RSA-OAEP with ${mechanism.hash}`)
  if (mechanism.maskHash !== mechanism.hash)
    throw lacks(partition, `RSA-OAEP with hash ${mechanism.hash} and mask hash ${mechanism.maskHash}`, oneOaepHash)
  return size - 2 * hash.size - 2
}

function oaep(key: KeyObject, hash: HashName, label: Uint8Array) {
  return { key, padding: RSA_PKCS1_OAEP_PADDING, oaepHash: hashes[hash]!.node, ...(label.length > 0 && { oaepLabel: label }) }
}

const oneOaepHash =
  'node:crypto sets one hash for both. Name the same Hashing Algorithm and Mask Generator Hashing Algorithm, or use a PKCS #11 partition whose module has the pair'

const paddingOracle = `OpenSSL ${process.versions.openssl} answers bad padding in a way that betrays messages. Run Tresor with Node.js 24, use a PKCS #11 partition, or use RSA-OAEP`
