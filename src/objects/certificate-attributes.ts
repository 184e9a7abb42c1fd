import { type KeyObject, X509Certificate } from 'node:crypto'
import {
  type BaseBlock,
  Constructed,
  type Set as DerSet,
  fromBER,
  Integer,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
} from 'asn1js'
import type { AttributeName } from '../../spec/attributes.ts'
import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { asymmetricType } from './key-formats/asymmetric-type.ts'

/**
 * The attributes that a server reads off an X.509 certificate (KMIP 2.1 §4.6 to §4.8, §4.22, §4.61 to §4.63; KMIP 1.4 §3.8 to §3.15).
 * @param der the certificate
 * @throws KmipError InvalidField when it is no certificate.
 */
export function certificateAttributes(der: Uint8Array): AttributeInstance[] {
  const { serial, signatureAlgorithm, issuer, subject, issuerAlternatives, subjectAlternatives, publicKey } = parse(der)
  const serialDigits = Buffer.from(serial.valueBlock.valueHexView)
    .toString('hex')
    .toUpperCase()
    .replace(/^00(?=.)/, '')
  const issuerText = distinguishedName(issuer)
  const attributes: AttributeInstance[] = [
    { name: 'CertificateType', value: 'X_509' },
    { name: 'CertificateLength', value: der.length },
    { name: 'CertificateIdentifier', value: { issuer: issuerText, serialNumber: serialDigits } },
    { name: 'CertificateIssuer', value: { distinguishedName: issuerText, alternativeNames: texts(issuerAlternatives) } },
    { name: 'CertificateSubject', value: { distinguishedName: distinguishedName(subject), alternativeNames: texts(subjectAlternatives) } },
    { name: 'X_509CertificateIdentifier', value: { issuerDistinguishedName: encoded(issuer), serialNumber: encoded(serial) } },
    { name: 'X_509CertificateIssuer', value: { distinguishedName: encoded(issuer), alternativeNames: issuerAlternatives.map(encoded) } },
    { name: 'X_509CertificateSubject', value: { distinguishedName: encoded(subject), alternativeNames: subjectAlternatives.map(encoded) } },
    ...nameParts('CertificateIssuer', issuer),
    ...nameParts('CertificateSubject', subject),
    ...keyFacts(publicKey),
  ]
  if (signatureAlgorithm !== undefined) attributes.push({ name: 'DigitalSignatureAlgorithm', value: signatureAlgorithm })
  return attributes
}

interface Parsed {
  readonly serial: Integer
  readonly signatureAlgorithm: EnumerationValue<'DigitalSignatureAlgorithm'> | undefined
  readonly issuer: Sequence
  readonly subject: Sequence
  /** General Names (RFC 5280 §4.2.1.6). */
  readonly issuerAlternatives: readonly BaseBlock[]
  readonly subjectAlternatives: readonly BaseBlock[]
  readonly publicKey: KeyObject
}

function parse(der: Uint8Array): Parsed {
  try {
    const { publicKey } = new X509Certificate(der)
    const certificate = fromBER(new Uint8Array(der).buffer).result as Sequence
    const [toBeSigned, algorithm] = certificate.valueBlock.value as [Sequence, Sequence]
    const fields = toBeSigned.valueBlock.value
    // The version, where there is one, is [0]; the other fields follow in order (RFC 5280 §4.1).
    const first = fields[0] instanceof Integer ? 0 : 1
    const extensions = extensionsOf(fields.slice(first + 6))
    return {
      serial: fields[first] as Integer,
      signatureAlgorithm: signatureAlgorithms[oidOf(algorithm.valueBlock.value[0])],
      issuer: fields[first + 2] as Sequence,
      subject: fields[first + 4] as Sequence,
      issuerAlternatives: generalNames(extensions.get('2.5.29.18')),
      subjectAlternatives: generalNames(extensions.get('2.5.29.17')),
      publicKey,
    }
  } catch (error) {
    throw new KmipError('InvalidField', 'The Certificate Value is no X.509 certificate in DER.', { cause: error })
  }
}

/** Object identifier to the value's bytes. */
function extensionsOf(optional: readonly BaseBlock[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  const wrapper = optional.find((field) => field instanceof Constructed && field.idBlock.tagClass === 3 && field.idBlock.tagNumber === 3)
  if (!(wrapper instanceof Constructed)) return found
  for (const extension of (wrapper.valueBlock.value[0] as Sequence).valueBlock.value as Sequence[]) {
    const parts = extension.valueBlock.value
    const value = parts.at(-1)
    if (value instanceof OctetString) found.set(oidOf(parts[0]), value.valueBlock.valueHexView)
  }
  return found
}

function generalNames(extension: Uint8Array | undefined): readonly BaseBlock[] {
  if (extension === undefined) return []
  const { result } = fromBER(new Uint8Array(extension).buffer)
  return result instanceof Sequence ? result.valueBlock.value : []
}

/** E-mail addresses, DNS names and URIs: the General Names that are text. */
function texts(names: readonly BaseBlock[]): string[] {
  return names.flatMap((name) =>
    name instanceof Primitive && [1, 2, 6].includes(name.idBlock.tagNumber)
      ? [Buffer.from(name.valueBlock.valueHexView).toString('latin1')]
      : [],
  )
}

/** The short names of RFC 2253 and KMIP, by object identifier. */
const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SerialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'Title',
  '2.5.4.46': 'DNQualifier',
  '1.2.840.113549.1.9.1': 'Email',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
}

interface NamePart {
  readonly oid: string
  readonly text: string
}

/** In the order of the certificate. */
function partsOf(name: Sequence): NamePart[] {
  return (name.valueBlock.value as DerSet[]).flatMap((set) =>
    (set.valueBlock.value as Sequence[]).map((pair) => {
      const [type, value] = pair.valueBlock.value
      return { oid: oidOf(type), text: textOf(value) }
    }),
  )
}

/** RFC 2253: the last part first, special characters escaped. */
function distinguishedName(name: Sequence): string {
  return partsOf(name)
    .reverse()
    .map(({ oid, text }) => `${shortNames[oid] ?? oid}=${text.replace(/[,+"\\<>;]/g, '\\$&').replace(/^[ #]| $/g, '\\$&')}`)
    .join(',')
}

function nameParts(prefix: 'CertificateIssuer' | 'CertificateSubject', name: Sequence): AttributeInstance[] {
  return partsOf(name).flatMap(({ oid, text }) => {
    const short = shortNames[oid]
    return short === undefined ? [] : [{ name: `${prefix}${short}` as AttributeName, value: text } as AttributeInstance]
  })
}

/** Elliptic-curve keys go by ECDSA, the name that every version knows. */
function keyFacts(key: KeyObject): AttributeInstance[] {
  const type = asymmetricType(key, key.asymmetricKeyType === 'ec' ? { algorithm: 'ECDSA' } : {})
  if (type === undefined) return key.asymmetricKeyType === 'dsa' ? [{ name: 'CryptographicAlgorithm', value: 'DSA' }] : []
  return [
    { name: 'CryptographicAlgorithm', value: type.algorithm },
    { name: 'CryptographicLength', value: type.length },
  ]
}

const signatureAlgorithms: Readonly<Record<string, EnumerationValue<'DigitalSignatureAlgorithm'>>> = {
  '1.2.840.113549.1.1.2': 'MD2WithRSAEncryption',
  '1.2.840.113549.1.1.4': 'MD5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'SHA_1WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'SHA_224WithRSAEncryption',
  '1.2.840.113549.1.1.11': 'SHA_256WithRSAEncryption',
  '1.2.840.113549.1.1.12': 'SHA_384WithRSAEncryption',
  '1.2.840.113549.1.1.13': 'SHA_512WithRSAEncryption',
  '1.2.840.113549.1.1.10': 'RSASSA_PSS',
  '1.2.840.10040.4.3': 'DSAWithSHA_1',
  '2.16.840.1.101.3.4.3.1': 'DSAWithSHA224',
  '2.16.840.1.101.3.4.3.2': 'DSAWithSHA256',
  '1.2.840.10045.4.1': 'ECDSAWithSHA_1',
  '1.2.840.10045.4.3.1': 'ECDSAWithSHA224',
  '1.2.840.10045.4.3.2': 'ECDSAWithSHA256',
  '1.2.840.10045.4.3.3': 'ECDSAWithSHA384',
  '1.2.840.10045.4.3.4': 'ECDSAWithSHA512',
}

function oidOf(block: unknown): string {
  return block instanceof ObjectIdentifier ? block.valueBlock.toString() : ''
}

/** The text of any of ASN.1's string types: asn1js has decoded it. */
function textOf(block: unknown): string {
  const { value } = (block as { valueBlock: { value: unknown } }).valueBlock
  return typeof value === 'string' ? value : ''
}

/** The element as it stands in the certificate. */
function encoded(block: BaseBlock): Uint8Array {
  return new Uint8Array(block.valueBeforeDecodeView)
}
