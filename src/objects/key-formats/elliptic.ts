import { createECDH, createPrivateKey, createPublicKey, ECDH, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial, TransparentKeyMaterial } from '../../../spec/values.ts'
import { type Curve, curves } from '../curves.ts'
import type { CurveName } from '../wrapped-key.ts'
import { fromBigInteger, toBigInteger } from './big-integer.ts'
import { bitString, contentOf, elementsOf, explicit, integer, objectIdentifier, octetString, sequence, toDer } from './der.ts'
import { type Compression, formatNotSupported, type KeyFormat } from './plain-value.ts'

type PrivateMaterial = Extract<TransparentKeyMaterial, { d: Uint8Array }>
type PublicMaterial = Extract<TransparentKeyMaterial, { qString: Uint8Array }>
type PointForm = 'compressed' | 'uncompressed' | 'hybrid'

/** 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480). */
const idEcPublicKey = '06072a8648ce3d0201'

/** An EC private key in one of ECPrivateKey, PKCS_8 and the transparent formats. @throws KmipError KeyFormatTypeNotSupported. */
export function ecPrivateMaterial(key: KeyObject, curve: CurveName, format: KeyFormat): KeyMaterial {
  if (format === 'ECPrivateKey') return withPublicKey(key, curve).export({ format: 'der', type: 'sec1' })
  if (format === 'PKCS_8') return withPublicKey(key, curve).export({ format: 'der', type: 'pkcs8' })
  switch (format) {
    case 'TransparentECPrivateKey':
    case 'TransparentECDSAPrivateKey':
    case 'TransparentECDHPrivateKey':
    case 'TransparentECMQVPrivateKey': {
      return { format, recommendedCurve: curve, d: toBigInteger(scalarOf(key)) }
    }
    default:
      throw formatNotSupported('An EC private key', format, 'ECPrivateKey, PKCS_8 and TransparentECPrivateKey')
  }
}

/** An EC public key in one of X_509 and the transparent formats. @throws KmipError KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported. */
export function ecPublicMaterial(key: KeyObject, curve: CurveName, format: KeyFormat, compression?: Compression): KeyMaterial {
  const point = ecPoint(key, curve, pointForm(curve, compression))
  if (format === 'X_509') return spki(curve, point)
  switch (format) {
    case 'TransparentECPublicKey':
    case 'TransparentECDSAPublicKey':
    case 'TransparentECDHPublicKey':
    case 'TransparentECMQVPublicKey':
      return { format, recommendedCurve: curve, qString: point }
    default:
      throw formatNotSupported('An EC public key', format, 'X_509 and TransparentECPublicKey')
  }
}

/** Devices give a private key back without its public key, which is optional (RFC 5915 §3); clients registered it with one. */
function withPublicKey(key: KeyObject, curve: CurveName): KeyObject {
  const elements = elementsOf(key.export({ format: 'der', type: 'sec1' }))
  const isComplete = elements.length === 4
  return isComplete ? key : ecPrivateKey({ recommendedCurve: curve, d: toBigInteger(scalarOf(key)) })
}

/** RFC 5915 §3: the version comes first, then the private key. */
function scalarOf(key: KeyObject): Uint8Array {
  return contentOf(elementsOf(key.export({ format: 'der', type: 'sec1' }))[1])
}

/** The key of a Transparent EC Private Key (KMIP 2.1 §3.11). */
export function ecPrivateKey(material: Pick<PrivateMaterial, 'recommendedCurve' | 'd'>): KeyObject {
  const { oid, bits, node } = curveOf(material.recommendedCurve)
  const digits = fromBigInteger(material.d)
  const size = Math.ceil(bits / 8)
  if (digits === undefined || digits.length > size)
    throw new KmipError('InvalidField', `D of a key on ${material.recommendedCurve} is a number of at most ${size} bytes.`)
  const scalar = new Uint8Array(size)
  scalar.set(digits, size - digits.length)
  const pair = createECDH(node)
  pair.setPrivateKey(scalar)
  const point = bitString(pair.getPublicKey())
  const der = toDer(sequence(integer(Uint8Array.of(1)), octetString(scalar), explicit(0, objectIdentifier(oid)), explicit(1, point)))
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'sec1' })
}

/** The key of a Transparent EC Public Key (KMIP 2.1 §3.12): Q String is the point (SEC 1 §2.3.3), compressed or not. */
export function ecPublicKey(material: PublicMaterial): KeyObject {
  return createPublicKey({ key: Buffer.from(spki(material.recommendedCurve, material.qString)), format: 'der', type: 'spki' })
}

/** KMIP's name of the curve of a key. @throws KmipError InvalidField for a curve that the standard does not name. */
export function curveNameOf(key: KeyObject): CurveName {
  const node = key.asymmetricKeyDetails?.namedCurve
  const found = Object.entries(curves).find(([, curve]) => curve.node === node)
  if (found !== undefined) return found[0] as CurveName
  throw new KmipError('InvalidField', `The key lies on ${node ?? 'a curve without a name'}; no Recommended Curve of KMIP is that.`)
}

export function curveOf(name: CurveName): Curve {
  const curve = curves[name]
  if (curve !== undefined) return curve
  throw new KmipError('UnsupportedCryptographicParameters', `Curve ${name} is not supported: the cryptographic library does not have it.`)
}

/** The public key with its point written out in full, whatever form it came in. */
export function uncompressed(key: KeyObject, curve: CurveName): Uint8Array {
  return spki(curve, ecPoint(key, curve, 'uncompressed'))
}

function spki(curve: CurveName, point: Uint8Array): Uint8Array {
  return toDer(sequence(sequence(objectIdentifier(idEcPublicKey), objectIdentifier(curveOf(curve).oid)), bitString(point)))
}

function ecPoint(key: KeyObject, curve: CurveName, form: PointForm): Uint8Array {
  const point = contentOf(elementsOf(key.export({ format: 'der', type: 'spki' }))[1])
  return ECDH.convertKey(point, curveOf(curve).node, undefined, undefined, form) as Buffer
}

/** KMIP 2.1 §11.24: the compressed form has a name for curves over prime fields and another for the binary ones. */
function pointForm(curve: CurveName, compression: Compression | undefined): PointForm {
  switch (compression) {
    case undefined:
    case 'ECPublicKeyTypeUncompressed':
      return 'uncompressed'
    case 'ECPublicKeyTypeX9_62Hybrid':
      return 'hybrid'
    default: {
      const binary = curveOf(curve).node.startsWith('sect')
      if (binary === (compression === 'ECPublicKeyTypeX9_62CompressedChar2')) return 'compressed'
      throw new KmipError(
        'KeyCompressionTypeNotSupported',
        `${compression} does not fit a key on ${curve}. Ask for ECPublicKeyTypeX9_62Compressed${binary ? 'Char2' : 'Prime'}.`,
      )
    }
  }
}
