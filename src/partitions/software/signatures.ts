import {
  constants,
  createHash,
  sign as cryptoSign,
  verify as cryptoVerify,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  type SignKeyObjectInput,
  timingSafeEqual,
} from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { lacks, signName } from '../mechanisms.ts'
import type { SignMechanism } from '../partition.ts'
import { signDigest, verifyDigest } from './digested-ecdsa.ts'
import { asymmetricKeyOf, attempt, type HeldKey, modulusBits } from './held-key.ts'
import { addPss, checkPss } from './rsa-padding.ts'

const { RSA_NO_PADDING, RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants

type Scheme = SignMechanism['scheme']
type Pss = Extract<SignMechanism, { scheme: 'RSA-PSS' }>

const keyTypes: Readonly<Record<Scheme, readonly string[]>> = {
  'RSA-PKCS1': ['rsa'],
  'RSA-PSS': ['rsa', 'rsa-pss'],
  ECDSA: ['ec'],
  EdDSA: ['ed25519', 'ed448'],
}

export async function sign(partition: string, held: HeldKey, mechanism: SignMechanism, data: Uint8Array): Promise<Uint8Array> {
  const key = asymmetricKeyOf(held, 'private', keyTypes[mechanism.scheme], mechanism.scheme)
  if (mechanism.scheme === 'EdDSA') return cryptoSign(null, data, key)
  const { node, digestInfo } = checkHash(partition, mechanism, data)
  if (mechanism.scheme === 'RSA-PKCS1' && mechanism.digested) {
    return tooShort(() => privateEncrypt({ key, padding: RSA_PKCS1_PADDING }, Buffer.concat([Buffer.from(digestInfo, 'hex'), data])))
  }
  if (mechanism.scheme === 'RSA-PSS' && (mechanism.digested || mechanism.maskHash !== mechanism.hash))
    return signPss(key, mechanism, data, node)
  if (mechanism.scheme === 'ECDSA' && mechanism.digested) return signDigest(key, data) ?? digestedEcdsa(partition, mechanism)
  const input = withPadding(key, mechanism)
  return mechanism.scheme === 'ECDSA' ? tooShort(() => cryptoSign(node, data, input)) : signInThreadpool(node, data, input)
}

export function verify(partition: string, held: HeldKey, mechanism: SignMechanism, data: Uint8Array, signature: Uint8Array): boolean {
  const key = asymmetricKeyOf(held, 'public', keyTypes[mechanism.scheme], mechanism.scheme)
  if (mechanism.scheme === 'EdDSA') return cryptoVerify(null, data, key, signature)
  const { node, digestInfo } = checkHash(partition, mechanism, data)
  if (mechanism.scheme === 'RSA-PKCS1' && mechanism.digested) {
    return falseWhenBroken(() => {
      const encoded = publicDecrypt({ key, padding: RSA_PKCS1_PADDING }, signature)
      return equal(encoded, Buffer.concat([Buffer.from(digestInfo, 'hex'), data]))
    })
  }
  if (mechanism.scheme === 'RSA-PSS' && (mechanism.digested || mechanism.maskHash !== mechanism.hash)) {
    return verifyPss(key, mechanism, data, signature, node)
  }
  if (mechanism.scheme === 'ECDSA' && mechanism.digested) return verifyDigest(key, data, signature) ?? digestedEcdsa(partition, mechanism)
  return falseWhenBroken(() => cryptoVerify(node, data, withPadding(key, mechanism), signature))
}

function checkHash(partition: string, mechanism: Exclude<SignMechanism, { scheme: 'EdDSA' }>, data: Uint8Array) {
  const hash = hashes[mechanism.hash]
  if (hash === undefined) throw lacks(partition, signName(mechanism))
  if (mechanism.scheme === 'RSA-PSS' && hashes[mechanism.maskHash] === undefined)
    throw lacks(partition, `RSA-PSS with mask hash ${mechanism.maskHash}`)
  if (mechanism.digested && data.length !== hash.size) {
    throw new KmipError('InvalidField', `A digest of ${mechanism.hash} has ${hash.size} bytes; the Digested Data has ${data.length}.`)
  }
  return hash
}

function withPadding(key: KeyObject, mechanism: SignMechanism): SignKeyObjectInput {
  if (mechanism.scheme === 'RSA-PSS') return { key, padding: RSA_PKCS1_PSS_PADDING, saltLength: mechanism.saltLength }
  if (mechanism.scheme === 'RSA-PKCS1') return { key, padding: RSA_PKCS1_PADDING }
  return { key, dsaEncoding: 'der' }
}

/** An RSA signature takes milliseconds: it does not hold up the loop. */
function signInThreadpool(hash: string, data: Uint8Array, key: SignKeyObjectInput): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    cryptoSign(hash, data, key, (error, signature) => (error === null ? resolve(signature) : reject(signingFailed(error))))
  })
}

function signPss(key: KeyObject, mechanism: Pss, data: Uint8Array, hash: string): Uint8Array {
  const digest = mechanism.digested ? data : createHash(hash).update(data).digest()
  return tooShort(() => {
    const encoded = addPss(modulusBits(key), mechanism.hash, mechanism.maskHash, mechanism.saltLength, digest)
    // Raw RSA with the private key; for RSA "decrypt" is the private operation whatever the bytes mean.
    return privateDecrypt({ key, padding: RSA_NO_PADDING }, encoded)
  })
}

function verifyPss(key: KeyObject, mechanism: Pss, data: Uint8Array, signature: Uint8Array, hash: string): boolean {
  const digest = mechanism.digested ? data : createHash(hash).update(data).digest()
  return falseWhenBroken(() => {
    const encoded = publicEncrypt({ key, padding: RSA_NO_PADDING }, signature)
    return checkPss(modulusBits(key), mechanism.hash, mechanism.maskHash, mechanism.saltLength, digest, encoded)
  })
}

function digestedEcdsa(partition: string, mechanism: SignMechanism): never {
  throw lacks(partition, `${signName(mechanism)} over Digested Data`, 'only with P-256, P-384, P-521 and secp256k1; send the data itself')
}

function tooShort<T>(action: () => T): T {
  return attempt('The signature could not be made: the key is too short for this hash, padding and salt length.', action)
}

function signingFailed(error: Error): KmipError {
  return new KmipError(
    'CryptographicFailure',
    'The signature could not be made: the key is too short for this hash, padding and salt length.',
    {
      cause: error,
    },
  )
}

/** A signature of a wrong length or form is simply not a valid one. */
function falseWhenBroken(action: () => boolean): boolean {
  try {
    return action()
  } catch {
    return false
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
