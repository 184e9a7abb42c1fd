import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { Secret } from '../../objects/secret.ts'
import { rootSecretLength } from '../key-file.ts'
import { epochSecretId, epochSecretIdLength, epochSecretLength } from './epoch-secret.ts'
import { isFirstForm, openFirstForm } from './key-ring-first-form.ts'

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

/** An epoch of a sealed ring. */
export interface SealedEpoch {
  readonly epoch: number
  /** Which epoch secret its KEK needs beside the root secret; undefined for a KEK that needs none. */
  readonly secretId: string | undefined
}

/** Finds an epoch secret by its name; undefined when it is not here. */
export type EpochSecretOf = (epoch: number, secretId: string) => Secret | undefined

const version = 2
const saltLength = 32
const tagLength = 16
const keyLength = 32
const epochLength = 4
const maxEpochs = 2
const fixedHead = 1 + saltLength + epochLength + 1
const epochHead = epochLength + epochSecretIdLength
const sealedKey = keyLength + tagLength

/** A ring of a new partition: epoch 1. */
export function newKeyRing(): KeyRing {
  return { epoch: 1, integrityKey: randomBytes(keyLength), keks: new Map([[1, randomBytes(keyLength)]]) }
}

/**
 * The ring as a small blob, safe to store and replicate. In the clear: version, salt, the current epoch, and for each epoch the name of the
 * secret that its KEK needs (zeros for none). Then the integrity key and the KEKs, each under AES-256-GCM.
 *
 * Each key is sealed under a key of its own, HKDF-SHA-256 of the root secret, and for a KEK of its epoch's secret behind it, with a fresh salt. So
 * one root secret may serve many partitions, no IV repeats under one key, and a KEK whose epoch secret is destroyed is gone. What is in
 * the clear is authenticated, and so is the partition's name: a ring does not open under another one.
 */
export function sealKeyRing(ring: KeyRing, name: string, rootSecret: Secret, secrets: ReadonlyMap<number, Secret> = new Map()): Uint8Array {
  if (ring.keks.size > maxEpochs || !ring.keks.has(ring.epoch))
    throw new Error('A key ring holds one or two epochs, the current one among them.')
  const salt = randomBytes(saltLength)
  const head = Buffer.alloc(fixedHead + ring.keks.size * epochHead)
  head[0] = version
  salt.copy(head, 1)
  let offset = head.writeUInt32BE(ring.epoch, 1 + saltLength)
  offset = head.writeUInt8(ring.keks.size, offset)
  for (const epoch of ring.keks.keys()) {
    offset = head.writeUInt32BE(epoch, offset)
    const secret = secrets.get(epoch)
    if (secret !== undefined) head.write(epochSecretId(secret), offset, 'hex')
    offset += epochSecretIdLength
  }
  const sealing = { name, head, salt, rootSecret }
  const parts = [...ring.keks].map(([epoch, kek]) => seal(sealing, kekPurpose(epoch), kek, secrets.get(epoch)))
  return Buffer.concat([head, seal(sealing, integrityPurpose, ring.integrityKey, undefined), ...parts])
}

/**
 * @throws KmipError GeneralFailure when the ring does not open: another root secret, another partition's ring, an altered one, or an
 *   epoch secret that is not on this node.
 */
export function openKeyRing(sealed: Uint8Array, name: string, rootSecret: Secret, secretOf: EpochSecretOf = () => undefined): KeyRing {
  if (isFirstForm(sealed)) return openFirstForm(sealed, name, rootSecret)
  const bytes = Buffer.from(sealed)
  const { epoch, epochs } = readKeyRing(bytes, name)
  const head = bytes.subarray(0, fixedHead + epochs.length * epochHead)
  const sealing = { name, head, salt: head.subarray(1, 1 + saltLength), rootSecret }
  const part = (index: number) => bytes.subarray(head.length + index * sealedKey, head.length + (index + 1) * sealedKey)
  const integrityKey = open(sealing, integrityPurpose, part(0), undefined)
  const keks = new Map<number, Uint8Array>()
  for (const [index, one] of epochs.entries()) {
    const secret = one.secretId === undefined ? undefined : secretOf(one.epoch, one.secretId)
    if (one.secretId !== undefined && secret === undefined) throw missing(name, one.epoch)
    keks.set(one.epoch, open(sealing, kekPurpose(one.epoch), part(index + 1), secret))
  }
  return { epoch, integrityKey, keks }
}

/** What a sealed ring says in the clear. @throws KmipError GeneralFailure when it is no ring. */
export function readKeyRing(sealed: Uint8Array, name: string): { readonly epoch: number; readonly epochs: readonly SealedEpoch[] } {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const count = bytes.length < fixedHead ? 0 : bytes.readUInt8(fixedHead - 1)
  if (bytes[0] !== version || count < 1 || count > maxEpochs || bytes.length !== fixedHead + count * (epochHead + sealedKey) + sealedKey)
    throw noRing(name, bytes)
  const epochs = Array.from({ length: count }, (_, index) => {
    const at = fixedHead + index * epochHead
    const id = bytes.toString('hex', at + epochLength, at + epochHead)
    return { epoch: bytes.readUInt32BE(at), secretId: /^0+$/.test(id) ? undefined : id }
  })
  return { epoch: bytes.readUInt32BE(1 + saltLength), epochs }
}

interface Sealing {
  readonly name: string
  readonly head: Uint8Array
  readonly salt: Uint8Array
  readonly rootSecret: Secret
}

const integrityPurpose = 'integrity key'
const kekPurpose = (epoch: number) => `KEK of epoch ${epoch}`
/** Each sealing has a key of its own. */
const zeroIv = Buffer.alloc(12)

function seal(sealing: Sealing, purpose: string, key: Uint8Array, secret: Secret | undefined): Buffer {
  const cipher = createCipheriv('aes-256-gcm', sealingKey(sealing, purpose, secret), zeroIv)
  cipher.setAAD(authenticated(sealing))
  return Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()])
}

function open(sealing: Sealing, purpose: string, sealed: Buffer, secret: Secret | undefined): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(sealing, purpose, secret), zeroIv)
  decipher.setAAD(authenticated(sealing))
  decipher.setAuthTag(sealed.subarray(keyLength))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, keyLength)), decipher.final()])
  } catch (error) {
    throw new KmipError(
      'GeneralFailure',
      `The key ring of partition ${sealing.name} does not open with this root secret: it is another partition's, the ring was altered, or the root secret is not the one it was made with.`,
      { cause: error },
    )
  }
}

function sealingKey({ rootSecret, salt }: Sealing, purpose: string, secret: Secret | undefined): Buffer {
  if (rootSecret.length !== rootSecretLength) throw new Error(`A root secret has ${rootSecretLength} bytes, this one ${rootSecret.length}.`)
  if (secret !== undefined && secret.length !== epochSecretLength)
    throw new Error(`An epoch secret has ${epochSecretLength} bytes, this one ${secret.length}.`)
  const input = secret === undefined ? Buffer.from(rootSecret.expose()) : Buffer.concat([rootSecret.expose(), secret.expose()])
  const key = Buffer.from(hkdfSync('sha256', input, salt, `tresor key ring: ${purpose}`, keyLength))
  input.fill(0)
  return key
}

function authenticated({ head, name }: Sealing): Buffer {
  return Buffer.concat([head, Buffer.from(name, 'utf8')])
}

function missing(name: string, epoch: number): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The secret of epoch ${epoch} of partition ${name} is not on this node. In a cluster the other nodes deliver it within seconds; elsewhere restore the folder epoch-secrets of the data folder from its backup.`,
    { retry: 'another-node' },
  )
}

function noRing(name: string, bytes: Buffer): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The key ring of partition ${name} is not one: ${bytes.length} bytes, version ${bytes[0]}. Restore the store from a backup.`,
  )
}
