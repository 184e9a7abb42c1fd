import { createPublicKey, generateKeyPair, type KeyObject, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'

const generate = promisify(generateKeyPair)

/** The key of a certificate: P-256, or RSA for appliances that know nothing else. */
export type KeyKind = 'EC-P256' | 'RSA-2048' | 'RSA-3072'

const makers: Record<KeyKind, () => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>> = {
  'EC-P256': () => generate('ec', { namedCurve: 'P-256' }),
  'RSA-2048': () => generate('rsa', { modulusLength: 2048 }),
  'RSA-3072': () => generate('rsa', { modulusLength: 3072 }),
}

export function makeKeyPair(kind: KeyKind): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return makers[kind]()
}

/** How a private key signs certificates, in WebCrypto's terms. */
export interface Signer {
  readonly key: webcrypto.CryptoKey
  readonly algorithm: { readonly name: string; readonly hash: string }
}

export async function signerOf(privateKey: KeyObject): Promise<Signer> {
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  if (privateKey.asymmetricKeyType === 'rsa') {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm }
  }
  const curve = curveOf(privateKey)
  if (curve === undefined) throw new Error(`An authority's key must be RSA, P-256 or P-384, not ${describeKey(privateKey)}.`)
  const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: curve.name }, false, ['sign'])
  return { key, algorithm: { name: 'ECDSA', hash: curve.hash } }
}

/** Takes a public key that somebody else made, as PEM or as a key object, and refuses what is too weak to certify. */
export function acceptPublicKey(key: string | KeyObject): KeyObject {
  const publicKey = typeof key === 'string' ? readPublicKey(key) : key.type === 'private' ? createPublicKey(key) : key
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0
  const good =
    publicKey.asymmetricKeyType === 'rsa' ? bits >= 2048 : publicKey.asymmetricKeyType === 'ed25519' || curveOf(publicKey) !== undefined
  if (!good) throw new Error(`The public key is ${describeKey(publicKey)}; use P-256, P-384, Ed25519, or RSA of at least 2048 bits.`)
  return publicKey
}

function readPublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (cause) {
    throw new Error('The public key is not a PEM "PUBLIC KEY".', { cause })
  }
}

function curveOf(key: KeyObject): { readonly name: string; readonly hash: string } | undefined {
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'prime256v1':
      return { name: 'P-256', hash: 'SHA-256' }
    case 'secp384r1':
      return { name: 'P-384', hash: 'SHA-384' }
    default:
      return undefined
  }
}

function describeKey(key: KeyObject): string {
  const details = key.asymmetricKeyDetails
  return [key.asymmetricKeyType, details?.namedCurve, details?.modulusLength && `${details.modulusLength} bits`].filter(Boolean).join(' ')
}
