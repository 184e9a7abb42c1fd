import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { keyLabel, type Labelled } from '../key-label.ts'
import { unwrap, wrap } from './key-wrap.ts'

/** How a value lies under a KEK. Data, which may be long, has a key of its own: key wrap passes over its input six times, twice. */
export type EnvelopeMechanism = 'AES-KEY-WRAP-PAD' | 'AES-KEY-WRAP-PAD+AES-GCM'

const dataKeyLength = 32
const tagLength = 16
const zeroIv = Buffer.alloc(12)

export function envelopeMechanism(kind: Labelled['kind']): EnvelopeMechanism {
  return kind === 'data' ? 'AES-KEY-WRAP-PAD+AES-GCM' : 'AES-KEY-WRAP-PAD'
}

/** Wraps a value with its label under the KEK. Key wrap needs no IV, so a KEK has no bound on the number of keys under it. */
export function seal(kek: KeyObject, label: Labelled, value: Uint8Array): Buffer {
  if (label.kind !== 'data') return wrapLabelled(kek, label, value)
  const dataKey = randomBytes(dataKeyLength)
  // The data key is used once, so its IV may be constant.
  const cipher = createCipheriv('aes-256-gcm', dataKey, zeroIv)
  const sealed = Buffer.concat([wrapLabelled(kek, label, dataKey), cipher.update(value), cipher.final(), cipher.getAuthTag()])
  dataKey.fill(0)
  return sealed
}

/** The value, once its label is the one that the stored key claims. The caller wipes it. @throws KmipError CryptographicFailure. */
export function open(kek: KeyObject, label: Labelled, sealed: Uint8Array): Buffer {
  if (label.kind !== 'data') return unwrapLabelled(kek, label, sealed)
  const wrappedLength = wrappedKeyLength(label)
  const end = sealed.length - tagLength
  if (end < wrappedLength) throw altered()
  const dataKey = unwrapLabelled(kek, label, sealed.subarray(0, wrappedLength))
  const decipher = createDecipheriv('aes-256-gcm', dataKey, zeroIv)
  decipher.setAuthTag(sealed.subarray(end))
  dataKey.fill(0)
  try {
    return Buffer.concat([decipher.update(sealed.subarray(wrappedLength, end)), decipher.final()])
  } catch (error) {
    throw altered(error)
  }
}

function wrapLabelled(kek: KeyObject, label: Labelled, value: Uint8Array): Buffer {
  const labelled = Buffer.concat([keyLabel(label), value])
  const wrapped = wrap('AES-KEY-WRAP-PAD', kek, labelled)
  labelled.fill(0)
  return wrapped
}

function unwrapLabelled(kek: KeyObject, label: Labelled, wrapped: Uint8Array): Buffer {
  const labelled = unwrap('AES-KEY-WRAP-PAD', kek, wrapped)
  const expected = keyLabel(label)
  if (labelled.length > expected.length && labelled.subarray(0, expected.length).equals(expected)) return labelled.subarray(expected.length)
  labelled.fill(0)
  throw altered()
}

/** RFC 5649: padded to a multiple of 8, and 8 more. */
function wrappedKeyLength(label: Labelled): number {
  return Math.ceil((keyLabel(label).length + dataKeyLength) / 8) * 8 + 8
}

function altered(cause?: unknown): KmipError {
  return new KmipError(
    'CryptographicFailure',
    'The stored key is not what its record says: its bytes, kind, type or policy were altered.',
    { cause },
  )
}
