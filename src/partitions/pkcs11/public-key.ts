import { createPublicKey } from 'node:crypto'
import { BitString, fromBER, Integer, ObjectIdentifier, OctetString, Sequence } from 'asn1js'
import { KmipError } from '../../../spec/kmip-error.ts'

/** A public key's parts as PKCS #11 has them. */
export type PublicParts =
  | { readonly family: 'RSA'; readonly modulus: Buffer; readonly exponent: Buffer }
  /** `params`: DER of the curve's identifier; `point`: the bare point. */
  | { readonly family: 'EC'; readonly params: Buffer; readonly point: Buffer }
  | { readonly family: 'Edwards'; readonly curve: EdwardsCurve; readonly point: Buffer }

/** The curves of RFC 8410, which are known by the algorithm alone. */
export type EdwardsCurve = 'Ed25519' | 'Ed448' | 'X25519' | 'X448'

const oids = { rsa: '1.2.840.113549.1.1.1', ec: '1.2.840.10045.2.1' } as const
const edwardsOids = { Ed25519: '1.3.101.112', Ed448: '1.3.101.113', X25519: '1.3.101.110', X448: '1.3.101.111' } as const

/** CKA_EC_PARAMS of such a curve: DER of its identifier. */
export function edwardsParams(curve: EdwardsCurve): Buffer {
  return Buffer.from(new ObjectIdentifier({ value: edwardsOids[curve] }).toBER())
}

/** SubjectPublicKeyInfo DER of the parts (RFC 5280 §4.1, RFC 5480, RFC 8410). */
export function toSpki(parts: PublicParts): Buffer {
  if (parts.family === 'RSA') {
    const key = { kty: 'RSA', n: parts.modulus.toString('base64url'), e: parts.exponent.toString('base64url') }
    return createPublicKey({ key, format: 'jwk' }).export({ format: 'der', type: 'spki' })
  }
  const algorithm =
    parts.family === 'EC'
      ? [new ObjectIdentifier({ value: oids.ec }), fromBER(parts.params).result]
      : [new ObjectIdentifier({ value: edwardsOids[parts.curve] })]
  const spki = new Sequence({ value: [new Sequence({ value: algorithm }), new BitString({ valueHex: parts.point })] })
  return Buffer.from(spki.toBER())
}

/** @throws KmipError InvalidField when it is not SubjectPublicKeyInfo of an algorithm that tokens have. */
export function fromSpki(spki: Uint8Array): PublicParts {
  const [algorithm, key] = elements(decoded(spki).result)
  const [identifier, params] = elements(algorithm)
  if (identifier instanceof ObjectIdentifier && key instanceof BitString) {
    const oid = identifier.valueBlock.toString()
    const bits = Buffer.from(key.valueBlock.valueHexView)
    if (oid === oids.rsa) {
      const [modulus, exponent] = elements(decoded(bits).result)
      if (modulus instanceof Integer && exponent instanceof Integer)
        return { family: 'RSA', modulus: unsigned(modulus), exponent: unsigned(exponent) }
    }
    if (oid === oids.ec && params instanceof ObjectIdentifier) return { family: 'EC', params: Buffer.from(params.toBER()), point: bits }
    const curve = (Object.keys(edwardsOids) as EdwardsCurve[]).find((name) => edwardsOids[name] === oid)
    if (curve !== undefined) return { family: 'Edwards', curve, point: bits }
  }
  throw new KmipError('InvalidField', 'The public key is not SubjectPublicKeyInfo DER of an RSA, EC or Edwards curve key.')
}

/** CKA_EC_POINT: the point in a DER OCTET STRING. */
export function toEcPoint(point: Buffer): Buffer {
  return Buffer.from(new OctetString({ valueHex: point }).toBER())
}

/** The bare point; some tokens leave the OCTET STRING away. */
export function fromEcPoint(value: Buffer): Buffer {
  const { result, offset } = fromBER(value)
  return offset === value.length && result instanceof OctetString ? Buffer.from(result.valueBlock.valueHexView) : value
}

/** ECDSA: r and s side by side, as tokens have it, to the DER SEQUENCE (RFC 3279 §2.2.3). */
export function toDerSignature(pair: Uint8Array): Buffer {
  const half = pair.length / 2
  const integer = (bytes: Uint8Array) => Integer.fromBigInt(BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
  return Buffer.from(new Sequence({ value: [integer(pair.subarray(0, half)), integer(pair.subarray(half))] }).toBER())
}

/** The other way; undefined when it is no such SEQUENCE or a number is too long for the curve. */
export function fromDerSignature(der: Uint8Array, size: number): Buffer | undefined {
  const { result, offset } = decoded(der)
  if (offset !== der.length || !(result instanceof Sequence)) return undefined
  const [r, s] = elements(result)
  if (!(r instanceof Integer) || !(s instanceof Integer)) return undefined
  const halves = [unsigned(r), unsigned(s)]
  if (halves.some((half) => half.length > size)) return undefined
  return Buffer.concat(halves.flatMap((half) => [Buffer.alloc(size - half.length), half]))
}

/** What came from outside: asn1js throws at some of what is no DER, and answers an offset of -1 for the rest. */
function decoded(der: Uint8Array): { readonly result?: unknown; readonly offset: number } {
  try {
    return fromBER(der)
  } catch {
    return { offset: -1 }
  }
}

function elements(value: unknown): unknown[] {
  return value instanceof Sequence ? value.valueBlock.value : []
}

function unsigned(integer: Integer): Buffer {
  const bytes = Buffer.from(integer.valueBlock.valueHexView)
  const start = bytes.findIndex((byte) => byte !== 0)
  return start < 0 ? bytes.subarray(-1) : bytes.subarray(start)
}
