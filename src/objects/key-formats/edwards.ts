import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial } from '../../../spec/values.ts'
import { bitString, contentOf, elementsOf, integer, objectIdentifier, octetString, sequence, toDer } from './der.ts'
import { formatNotSupported, type KeyFormat } from './plain-value.ts'

interface Edwards {
  /** The DER of the object identifier (RFC 8410 §3), in hexadecimal. */
  readonly oid: string
  /** Length of a key, private or public, in bytes. */
  readonly size: number
}

/** By node:crypto's name of the key type. */
export const edwards = {
  x25519: { oid: '06032b656e', size: 32 },
  x448: { oid: '06032b656f', size: 56 },
  ed25519: { oid: '06032b6570', size: 32 },
  ed448: { oid: '06032b6571', size: 57 },
} as const satisfies Record<string, Edwards>

export type EdwardsName = keyof typeof edwards

/** A private key of RFC 8410 as PKCS_8, or Raw: the key's bytes alone. @throws KmipError KeyFormatTypeNotSupported. */
export function edwardsPrivateMaterial(key: KeyObject, format: KeyFormat): KeyMaterial {
  const der = key.export({ format: 'der', type: 'pkcs8' })
  if (format === 'PKCS_8') return der
  if (format !== 'Raw') throw formatNotSupported('This private key', format, 'PKCS_8 and Raw')
  // PrivateKeyInfo's third element holds an OCTET STRING inside an OCTET STRING; the inner header has two bytes.
  return contentOf(elementsOf(der)[2]).slice(2)
}

/** A public key of RFC 8410 as X_509, or Raw. @throws KmipError KeyFormatTypeNotSupported. */
export function edwardsPublicMaterial(key: KeyObject, format: KeyFormat): KeyMaterial {
  const der = key.export({ format: 'der', type: 'spki' })
  if (format === 'X_509') return der
  if (format !== 'Raw') throw formatNotSupported('This public key', format, 'X_509 and Raw')
  return contentOf(elementsOf(der)[1]).slice()
}

export function edwardsPrivateKey(name: EdwardsName, bytes: Uint8Array): KeyObject {
  const { oid } = checkSize(name, bytes)
  const inner = toDer(octetString(bytes))
  const der = toDer(sequence(integer(Uint8Array.of(0)), sequence(objectIdentifier(oid)), octetString(inner)))
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
}

export function edwardsPublicKey(name: EdwardsName, bytes: Uint8Array): KeyObject {
  const { oid } = checkSize(name, bytes)
  const der = toDer(sequence(sequence(objectIdentifier(oid)), bitString(bytes)))
  return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
}

function checkSize(name: EdwardsName, bytes: Uint8Array): Edwards {
  const facts = edwards[name]
  if (bytes.length === facts.size) return facts
  throw new KmipError('InvalidField', `A raw ${name} key has ${facts.size} bytes; ${bytes.length} were given.`)
}
