import {
  constants,
  sign as cryptoSign,
  verify as cryptoVerify,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  type SignKeyObjectInput,
  timingSafeEqual,
} from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { checkSignatureInParts } from '../in-parts.ts'
import { lacks, signName } from '../mechanisms.ts'
import type { SignMechanism } from '../partition.ts'
import { asymmetricKeyOf, attempt, type HeldKey } from './held-key.ts'
import { bindPss, canBindPss } from './pss-parameters.ts'

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants

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
  if (mechanism.scheme === 'ECDSA') {
    if (mechanism.digested) throw onlyOverData(partition, mechanism, 'signs')
    return tooShort(() => cryptoSign(node, data, withPadding(key, mechanism)))
  }
  if (mechanism.scheme === 'RSA-PKCS1') return signInThreadpool(node, data, withPadding(key, mechanism))
  const { binds } = checkPss(partition, key, mechanism)
  const pssKey = binds ? tooShort(() => bindPss(key, mechanism)) : key
  if (!mechanism.digested) return signInThreadpool(node, data, withPadding(pssKey, mechanism))
  // Hash, mask hash and salt length come from the bound key; OpenSSL refuses a digest of another length.
  return tooShort(() => privateEncrypt({ key: pssKey, padding: RSA_PKCS1_PSS_PADDING }, data))
}

export function verify(partition: string, held: HeldKey, mechanism: SignMechanism, data: Uint8Array, signature: Uint8Array): boolean {
  const key = asymmetricKeyOf(held, 'public', keyTypes[mechanism.scheme], mechanism.scheme)
  if (mechanism.scheme === 'EdDSA') return cryptoVerify(null, data, key, signature)
  const { node, digestInfo } = checkHash(partition, mechanism, data)
  if (!isOfWholeLength(key, mechanism, signature)) return false
  if (mechanism.scheme === 'RSA-PKCS1' && mechanism.digested) {
    return falseWhenBroken(() => {
      const encoded = publicDecrypt({ key, padding: RSA_PKCS1_PADDING }, signature)
      return equal(encoded, Buffer.concat([Buffer.from(digestInfo, 'hex'), data]))
    })
  }
  if (mechanism.digested) throw onlyOverData(partition, mechanism, 'verifies')
  const binds = mechanism.scheme === 'RSA-PSS' && checkPss(partition, key, mechanism).binds
  return falseWhenBroken(() => cryptoVerify(node, data, withPadding(binds ? bindPss(key, mechanism) : key, mechanism), signature))
}

/** OpenSSL's hash and the key with its padding, for data that arrives in parts. @throws KmipError as `sign`; UnsupportedCryptographicParameters for EdDSA. */
export function hashedSignature(
  partition: string,
  held: HeldKey,
  mechanism: SignMechanism,
  kind: 'private' | 'public',
): { readonly hash: string; readonly key: SignKeyObjectInput } {
  const key = asymmetricKeyOf(held, kind, keyTypes[mechanism.scheme], mechanism.scheme)
  checkSignatureInParts(partition, mechanism)
  const { node } = checkHash(partition, mechanism, nothing)
  const binds = mechanism.scheme === 'RSA-PSS' && checkPss(partition, key, mechanism).binds
  return { hash: node, key: withPadding(binds ? tooShort(() => bindPss(key, mechanism)) : key, mechanism) }
}

/** An RSA signature is as long as the modulus (RFC 8017 §8.1.2 and §8.2.2, step 1): OpenSSL takes one whose zeros in front were cut off, too. */
export function isOfWholeLength(key: KeyObject, { scheme }: SignMechanism, signature: Uint8Array): boolean {
  if (scheme !== 'RSA-PKCS1' && scheme !== 'RSA-PSS') return true
  return signature.length === Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}

const nothing = new Uint8Array()

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

/**
 * Whether the key must be bound to the parameters, because node:crypto has no other way to say them.
 * @throws KmipError UnsupportedCryptographicParameters, InvalidField.
 */
function checkPss(partition: string, key: KeyObject, mechanism: Pss): { readonly binds: boolean } {
  const { hash, maskHash, saltLength, digested } = mechanism
  if (saltLength < 0) throw new KmipError('InvalidField', `The Salt Length of RSA-PSS is ${saltLength}; it is 0 or more.`)
  const name = `${signName(mechanism)} with mask hash ${maskHash}${digested ? ' over Digested Data' : ''}`
  if (key.asymmetricKeyType === 'rsa-pss') {
    // Such a key says itself what it is for, and OpenSSL keeps to it; one that says nothing takes the hash as the mask hash.
    const own = key.asymmetricKeyDetails?.mgf1HashAlgorithm?.toLowerCase() ?? hashes[hash]?.node
    if (digested || own !== hashes[maskHash]?.node)
      throw lacks(partition, name, `this key is bound to RSASSA-PSS, and signs the data itself with mask hash ${own}`)
    return { binds: false }
  }
  const binds = digested || maskHash !== hash
  if (binds && !canBindPss(mechanism)) throw lacks(partition, name, 'OpenSSL has it with SHA-1 and the SHA-2 family only')
  return { binds }
}

function onlyOverData(partition: string, mechanism: Exclude<SignMechanism, { scheme: 'EdDSA' }>, verb: 'signs' | 'verifies'): KmipError {
  return lacks(
    partition,
    `${signName(mechanism)} over Digested Data`,
    `node:crypto hashes what it ${verb} itself. Send the data instead of its digest, or use a PKCS #11 partition`,
  )
}

export function tooShort<T>(action: () => T): T {
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
export function falseWhenBroken(action: () => boolean): boolean {
  try {
    return action()
  } catch {
    return false
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
