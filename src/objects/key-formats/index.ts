import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial } from '../../../spec/values.ts'
import type { AlgorithmName, CurveName } from '../wrapped-key.ts'
import { asymmetricType, isEdwards } from './asymmetric-type.ts'
import { edwardsPrivateKey, edwardsPrivateMaterial, edwardsPublicKey, edwardsPublicMaterial } from './edwards.ts'
import { curveNameOf, ecPrivateKey, ecPrivateMaterial, ecPublicKey, ecPublicMaterial, uncompressed } from './elliptic.ts'
import { isKept, isKeptMaterial, packStructure, unpackStructure } from './kept-structure.ts'
import {
  bytesOf,
  type ClaimedType,
  type Compression,
  type FormattedKey,
  formatNotSupported,
  type KeyFormat,
  type KeyObjectType,
  type PlainValue,
} from './plain-value.ts'
import { rsaPrivateKey, rsaPrivateMaterial, rsaPublicKey, rsaPublicMaterial } from './rsa.ts'
import { symmetricBytes, symmetricMaterial, symmetricType } from './symmetric.ts'

export type { ClaimedType, Compression, FormattedKey, KeyFormat, KeyObjectType, PlainValue } from './plain-value.ts'

/**
 * The plain form of the Key Material of a Key Block (KMIP 2.1 §3.1), checked against what is said of it. What no partition works with
 * (Opaque, DSA, DH, encrypted PKCS #8, the values of Secret Data, Split Keys and PGP Keys) becomes `data` and keeps its format.
 * @throws KmipError InvalidField (the material is not what the format, algorithm or length say), KeyFormatTypeNotSupported.
 */
export function toPlain(objectType: KeyObjectType, key: FormattedKey, claimed: ClaimedType): PlainValue {
  if (isKept(key.format)) return keptStructure(key)
  switch (objectType) {
    case 'SymmetricKey': {
      if (key.format === 'Opaque') return data(bytesOf(key))
      const bytes = symmetricBytes(key)
      return { kind: 'secret', type: symmetricType(bytes.length, claimed), bytes }
    }
    case 'PrivateKey': {
      const privateKey = readPrivate(key, claimed)
      const type = privateKey === undefined ? undefined : asymmetricType(privateKey, claimed)
      if (privateKey === undefined || type === undefined) return data(bytesOf(key))
      return { kind: 'private', type, bytes: privateKey.export({ format: 'der', type: 'pkcs8' }) }
    }
    case 'PublicKey': {
      const publicKey = readPublic(key, claimed)
      const type = publicKey === undefined ? undefined : asymmetricType(publicKey, claimed)
      if (publicKey === undefined || type === undefined) return data(bytesOf(key))
      const isPoint = publicKey.asymmetricKeyType === 'ec'
      return { kind: 'public', type, bytes: isPoint ? uncompressed(publicKey, curveNameOf(publicKey)) : publicKey.export(spkiDer) }
    }
    default:
      return data(key.format === 'TransparentSymmetricKey' ? symmetricBytes(key) : bytesOf(key))
  }
}

/**
 * Key Material in a format, of a plain value that a partition revealed. `registered` is the format of what is only kept.
 * @throws KmipError KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported.
 */
export function fromPlain(plain: PlainValue, format: KeyFormat, registered: KeyFormat, compression?: Compression): KeyMaterial {
  if (
    compression !== undefined &&
    compression !== 'ECPublicKeyTypeUncompressed' &&
    (plain.kind !== 'public' || plain.type?.curve === undefined)
  )
    throw new KmipError('KeyCompressionTypeNotSupported', `${compression} is for public keys on elliptic curves; this is none.`)
  switch (plain.kind) {
    case 'secret':
      return symmetricMaterial(plain.bytes, format)
    case 'private':
      return privateMaterial(createPrivateKey({ key: Buffer.from(plain.bytes), format: 'der', type: 'pkcs8' }), format)
    case 'public':
      return publicMaterial(createPublicKey({ key: Buffer.from(plain.bytes), ...spkiDer }), format, compression)
    case 'data':
      return keptMaterial(plain.bytes, format, registered)
  }
}

/**
 * The Key Format Type in which a key is given that was made here and asked for without a format. KMIP 2.1 §4.26 has the transparent forms for
 * elliptic curves, which clients before 1.3 cannot read; these get the forms that every version knows.
 */
export function defaultFormat(objectType: KeyObjectType, algorithm: AlgorithmName | undefined, curve?: CurveName): KeyFormat {
  const isPublic = objectType === 'PublicKey'
  if (!isPublic && objectType !== 'PrivateKey') return 'Raw'
  // ECPrivateKey is of curves whose points have two coordinates (RFC 5915); these are of RFC 8410.
  if (curve === 'CURVE25519' || curve === 'CURVE448') return isPublic ? 'X_509' : 'PKCS_8'
  switch (algorithm) {
    case 'RSA':
      return 'PKCS_1'
    case 'EC':
    case 'ECDSA':
    case 'ECDH':
    case 'ECMQV':
      return isPublic ? 'X_509' : 'ECPrivateKey'
    default:
      return isPublic ? 'X_509' : 'PKCS_8'
  }
}

const spkiDer = { format: 'der', type: 'spki' } as const

function data(bytes: Uint8Array): PlainValue {
  return { kind: 'data', type: undefined, bytes }
}

function keptStructure(key: FormattedKey): PlainValue {
  const { format, material } = key
  if (material instanceof Uint8Array || material.format !== format || !isKeptMaterial(material))
    throw new KmipError('InvalidField', `Key Format Type ${format} goes with Key Material of that structure.`)
  return data(packStructure(material))
}

function keptMaterial(bytes: Uint8Array, format: KeyFormat, registered: KeyFormat): KeyMaterial {
  const plainBytes: readonly KeyFormat[] = ['Raw', 'TransparentSymmetricKey']
  if (plainBytes.includes(format) && plainBytes.includes(registered)) return symmetricMaterial(bytes, format)
  if (format !== registered) throw formatNotSupported('This object', format, registered)
  return isKept(format) ? unpackStructure(format, bytes) : bytes
}

/** @returns undefined for what is only kept. */
function readPrivate(key: FormattedKey, claimed: ClaimedType): KeyObject | undefined {
  const { format, material } = key
  if (!(material instanceof Uint8Array)) {
    if (material.format === format && material.format === 'TransparentRSAPrivateKey') return read(format, () => rsaPrivateKey(material))
    if (material.format === format && 'd' in material) return read(format, () => ecPrivateKey(material))
    throw new KmipError('InvalidField', `Key Material of ${material.format} is no private key in format ${format}.`)
  }
  switch (format) {
    case 'PKCS_1':
      return read(format, () => createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'pkcs1' }))
    case 'ECPrivateKey':
      return read(format, () => createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'sec1' }))
    case 'PKCS_8':
      return read(format, () => createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'pkcs8' }))
    case 'Raw':
      if (claimed.algorithm === 'Ed25519') return edwardsPrivateKey('ed25519', material)
      return claimed.algorithm === 'Ed448' ? edwardsPrivateKey('ed448', material) : undefined
    case 'Opaque':
      return undefined
    default:
      throw new KmipError('KeyFormatTypeNotSupported', `A private key cannot be registered as ${format} with Key Material of bytes.`)
  }
}

/** @returns undefined for what is only kept. */
function readPublic(key: FormattedKey, claimed: ClaimedType): KeyObject | undefined {
  const { format, material } = key
  if (!(material instanceof Uint8Array)) {
    if (material.format === format && material.format === 'TransparentRSAPublicKey') return read(format, () => rsaPublicKey(material))
    if (material.format === format && 'qString' in material) return read(format, () => ecPublicKey(material))
    throw new KmipError('InvalidField', `Key Material of ${material.format} is no public key in format ${format}.`)
  }
  switch (format) {
    case 'PKCS_1':
      return read(format, () => createPublicKey({ key: Buffer.from(material), format: 'der', type: 'pkcs1' }))
    case 'X_509':
      return read(format, () => createPublicKey({ key: Buffer.from(material), ...spkiDer }))
    case 'Raw':
      if (claimed.algorithm === 'Ed25519') return edwardsPublicKey('ed25519', material)
      return claimed.algorithm === 'Ed448' ? edwardsPublicKey('ed448', material) : undefined
    case 'Opaque':
      return undefined
    default:
      throw new KmipError('KeyFormatTypeNotSupported', `A public key cannot be registered as ${format} with Key Material of bytes.`)
  }
}

function read(format: KeyFormat, action: () => KeyObject): KeyObject | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof KmipError) throw error
    // An encrypted PKCS #8: its password never came, so it is kept as it is.
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_MISSING_PASSPHRASE') return undefined
    throw new KmipError('InvalidField', `The Key Material is no ${format} of an algorithm that is supported.`, { cause: error })
  }
}

function privateMaterial(key: KeyObject, format: KeyFormat): KeyMaterial {
  if (key.asymmetricKeyType === 'ec') return ecPrivateMaterial(key, curveNameOf(key), format)
  return isEdwards(key) ? edwardsPrivateMaterial(key, format) : rsaPrivateMaterial(key, format)
}

function publicMaterial(key: KeyObject, format: KeyFormat, compression: Compression | undefined): KeyMaterial {
  if (key.asymmetricKeyType === 'ec') return ecPublicMaterial(key, curveNameOf(key), format, compression)
  if (compression !== undefined && compression !== 'ECPublicKeyTypeUncompressed')
    throw new KmipError('KeyCompressionTypeNotSupported', `A key of ${key.asymmetricKeyType} has no compressed form.`)
  return isEdwards(key) ? edwardsPublicMaterial(key, format) : rsaPublicMaterial(key, format)
}
