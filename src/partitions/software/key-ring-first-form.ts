import { createDecipheriv, hkdfSync } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { Secret } from '../../objects/secret.ts'
import { rootSecretLength } from '../key-file.ts'

/*
 * Rings as they were sealed before there were epoch secrets: version 1, a salt, and all keys together under AES-256-GCM with a key from
 * the root secret alone. They are read, never written: a partition leaves this form with its first turn.
 */

const version = 1
const saltLength = 32
const tagLength = 16
const keyLength = 32
const epochLength = 4
const headLength = 1 + saltLength
const maxEpochs = 2

export function isFirstForm(sealed: Uint8Array): boolean {
  return sealed[0] === version
}

/** @throws KmipError GeneralFailure when the ring does not open. */
export function openFirstForm(
  sealed: Uint8Array,
  name: string,
  rootSecret: Secret,
): { readonly epoch: number; readonly integrityKey: Uint8Array; readonly keks: ReadonlyMap<number, Uint8Array> } {
  const bytes = Buffer.from(sealed)
  const plainLength = bytes.length - headLength - tagLength
  const epochs = (plainLength - epochLength - keyLength) / (epochLength + keyLength)
  if (!Number.isInteger(epochs) || epochs < 1 || epochs > maxEpochs) {
    throw new KmipError(
      'GeneralFailure',
      `The key ring of partition ${name} is not one: ${bytes.length} bytes. Restore the store from a backup.`,
    )
  }
  const plain = openSealed(bytes, name, rootSecret)
  const keks = new Map<number, Uint8Array>()
  let offset = epochLength + keyLength
  for (let count = 0; count < epochs; count++) {
    keks.set(plain.readUInt32BE(offset), Buffer.from(plain.subarray(offset + epochLength, offset + epochLength + keyLength)))
    offset += epochLength + keyLength
  }
  const integrityKey = Buffer.from(plain.subarray(epochLength, epochLength + keyLength))
  const epoch = plain.readUInt32BE(0)
  plain.fill(0)
  return { epoch, integrityKey, keks }
}

function openSealed(bytes: Buffer, name: string, rootSecret: Secret): Buffer {
  if (rootSecret.length !== rootSecretLength) throw new Error(`A root secret has ${rootSecretLength} bytes, this one ${rootSecret.length}.`)
  const head = bytes.subarray(0, headLength)
  const key = Buffer.from(hkdfSync('sha256', rootSecret.expose(), head, 'tresor key ring', keyLength))
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12))
  decipher.setAAD(Buffer.concat([head, Buffer.from(name, 'utf8')]))
  decipher.setAuthTag(bytes.subarray(bytes.length - tagLength))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(headLength, bytes.length - tagLength)), decipher.final()])
  } catch (error) {
    throw new KmipError(
      'GeneralFailure',
      `The key ring of partition ${name} does not open with this root secret: it is another partition's, the ring was altered, or the root secret is not the one it was made with.`,
      { cause: error },
    )
  }
}
