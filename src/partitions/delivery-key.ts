import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { Secret } from '../objects/secret.ts'

/**
 * A node's key pair (X25519) for secrets that other nodes send it: a root secret when it joins, an epoch's secret at a turn. The private
 * half never leaves the node that made it.
 */
export interface DeliveryKey {
  /** 32 bytes, base64url: what is told to who delivers. */
  readonly publicKey: string
  /** 32 bytes. */
  readonly privateKey: Secret
}

export function newDeliveryKey(): DeliveryKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  return { publicKey: rawPublic(publicKey).toString('base64url'), privateKey: new Secret(rawPrivate(privateKey)) }
}

/**
 * Encrypts a secret for the holder of a delivery key: AES-256-GCM under a key from X25519 with an ephemeral key and HKDF-SHA-256, once for
 * each delivery. `purpose` says what it is and for whom, and must be the same when it is opened. Who sent it is not shown.
 * @throws Error when the public key is none.
 */
export function deliver(publicKey: string, purpose: string, secret: Secret): Uint8Array {
  const recipient = readPublic(publicKey)
  const ephemeral = generateKeyPairSync('x25519')
  const head = Buffer.concat([Buffer.of(version), rawPublic(ephemeral.publicKey)])
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient })
  const cipher = createCipheriv('aes-256-gcm', sealingKey(shared, head, rawPublic(recipient), purpose), zeroIv)
  return Buffer.concat([head, cipher.update(secret.expose()), cipher.final(), cipher.getAuthTag()])
}

/** @throws Error when it was made for another key or purpose, or altered. */
export function receive(key: DeliveryKey, purpose: string, delivered: Uint8Array): Secret {
  const bytes = Buffer.from(delivered)
  if (bytes[0] !== version || bytes.length < headLength + tagLength)
    throw new Error(`A delivery (${purpose}) is not one: ${bytes.length} bytes, version ${bytes[0]}.`)
  const head = bytes.subarray(0, headLength)
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Head, key.privateKey.expose()]), format: 'der', type: 'pkcs8' })
  try {
    const publicKey = fromRaw(head.subarray(1))
    const shared = diffieHellman({ privateKey, publicKey })
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(shared, head, Buffer.from(key.publicKey, 'base64url'), purpose), zeroIv)
    decipher.setAuthTag(bytes.subarray(-tagLength))
    return new Secret(Buffer.concat([decipher.update(bytes.subarray(headLength, -tagLength)), decipher.final()]))
  } catch (error) {
    throw new Error(`A delivery (${purpose}) does not open: it was made for another node's key, for another purpose, or altered.`, {
      cause: error,
    })
  }
}

function sealingKey(shared: Buffer, head: Buffer, recipient: Buffer, purpose: string): Buffer {
  const info = Buffer.concat([Buffer.from('tresor delivery\0'), head, recipient, Buffer.from(purpose)])
  return Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, 32))
}

function readPublic(publicKey: string): KeyObject {
  const raw = Buffer.from(publicKey, 'base64url')
  if (raw.length !== keyLength) throw new Error(`A delivery key has ${keyLength} bytes, this one ${raw.length}.`)
  return fromRaw(raw)
}

function fromRaw(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: 'der', type: 'spki' })
}

function rawPublic(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-keyLength)
}

function rawPrivate(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'der', type: 'pkcs8' }).subarray(-keyLength))
}

const version = 1
const keyLength = 32
const headLength = 1 + keyLength
const tagLength = 16
/** Each sealing key is used once. */
const zeroIv = Buffer.alloc(12)
/** What stands before the 32 bytes in DER (RFC 8410). */
const spkiHead = Buffer.from('302a300506032b656e032100', 'hex')
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex')
