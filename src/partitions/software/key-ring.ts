import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { Secret } from '../../objects/secret.ts'
import { rootSecretLength } from '../key-file.ts'

/**
 * A software partition's own keys: one integrity key, and the KEK of each epoch that still has keys under it
 * (one, or two while an epoch turn is under way).
 */
export interface KeyRing {
  /** The epoch whose KEK wraps new keys. */
  readonly epoch: number
  /** HMAC-SHA-256, 32 bytes. */
  readonly integrityKey: Uint8Array
  /** AES-256, by epoch. */
  readonly keks: ReadonlyMap<number, Uint8Array>
}

const version = 1
const saltLength = 32
const tagLength = 16
const keyLength = 32
const epochLength = 4
const headLength = 1 + saltLength
const maxEpochs = 2

/** A ring of a new partition: epoch 1. */
export function newKeyRing(): KeyRing {
  return { epoch: 1, integrityKey: randomBytes(keyLength), keks: new Map([[1, randomBytes(keyLength)]]) }
}

/**
 * The ring as a small blob, safe to store and replicate: version, salt, and the keys under AES-256-GCM.
 *
 * Each sealing has a key of its own, HKDF-SHA-256 of the root secret with a fresh salt, so one root secret may serve many
 * partitions and no IV repeats under one key. The partition's name is authenticated: a ring does not open under another name.
 */
export function sealKeyRing(ring: KeyRing, name: string, rootSecret: Secret): Uint8Array {
  if (ring.keks.size > maxEpochs || !ring.keks.has(ring.epoch))
    throw new Error('A key ring holds one or two epochs, the current one among them.')
  const plain = Buffer.alloc(epochLength + keyLength + ring.keks.size * (epochLength + keyLength))
  let offset = plain.writeUInt32BE(ring.epoch, 0)
  plain.set(ring.integrityKey, offset)
  offset += keyLength
  for (const [epoch, kek] of ring.keks) {
    offset = plain.writeUInt32BE(epoch, offset)
    plain.set(kek, offset)
    offset += keyLength
  }
  const head = Buffer.concat([Buffer.of(version), randomBytes(saltLength)])
  const cipher = createCipheriv('aes-256-gcm', sealingKey(rootSecret, head), zeroIv)
  cipher.setAAD(authenticated(head, name))
  const sealed = Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  plain.fill(0)
  return sealed
}

/** @throws KmipError GeneralFailure when the ring does not open: another root secret, another partition's ring, or an altered one. */
export function openKeyRing(sealed: Uint8Array, name: string, rootSecret: Secret): KeyRing {
  const bytes = Buffer.from(sealed)
  const plainLength = bytes.length - headLength - tagLength
  const epochs = (plainLength - epochLength - keyLength) / (epochLength + keyLength)
  if (bytes[0] !== version || !Number.isInteger(epochs) || epochs < 1 || epochs > maxEpochs) {
    throw new KmipError(
      'GeneralFailure',
      `The key ring of partition ${name} is not one: ${bytes.length} bytes, version ${bytes[0]}. Restore the store from a backup.`,
    )
  }
  const head = bytes.subarray(0, headLength)
  const plain = openSealed(bytes, head, name, rootSecret)
  const ring = readRing(plain, epochs)
  plain.fill(0)
  return ring
}

const zeroIv = Buffer.alloc(12)

function openSealed(bytes: Buffer, head: Buffer, name: string, rootSecret: Secret): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(rootSecret, head), zeroIv)
  decipher.setAAD(authenticated(head, name))
  decipher.setAuthTag(bytes.subarray(bytes.length - tagLength))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(headLength, bytes.length - tagLength)), decipher.final()])
  } catch (error) {
    throw new KmipError(
      'GeneralFailure',
      `The key ring of partition ${name} does not open with this root secret: it is another partition's, the ring was altered, or the key file is not the one it was made with.`,
      { cause: error },
    )
  }
}

function readRing(plain: Buffer, epochs: number): KeyRing {
  const keks = new Map<number, Uint8Array>()
  let offset = epochLength + keyLength
  for (let count = 0; count < epochs; count++) {
    const epoch = plain.readUInt32BE(offset)
    keks.set(epoch, Buffer.from(plain.subarray(offset + epochLength, offset + epochLength + keyLength)))
    offset += epochLength + keyLength
  }
  return { epoch: plain.readUInt32BE(0), integrityKey: Buffer.from(plain.subarray(epochLength, epochLength + keyLength)), keks }
}

function sealingKey(rootSecret: Secret, head: Buffer): Buffer {
  if (rootSecret.length !== rootSecretLength) throw new Error(`A root secret has ${rootSecretLength} bytes, this one ${rootSecret.length}.`)
  return Buffer.from(hkdfSync('sha256', rootSecret.expose(), head, 'tresor key ring', keyLength))
}

function authenticated(head: Buffer, name: string): Buffer {
  return Buffer.concat([head, Buffer.from(name, 'utf8')])
}
