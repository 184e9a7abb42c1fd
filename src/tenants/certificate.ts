import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { type Der, inside, oidOf, readDer, tags, textOf, timeOf } from './der.ts'

/** Fields of a certificate that a rule may look at. */
export const certificateFields = ['CN', 'OU', 'O', 'URI', 'DNS', 'email'] as const
export type CertificateField = (typeof certificateFields)[number]

/** What identities are decided by. Names are taken from the DER, never from a printed form, which can be made to lie. */
export interface Certificate {
  readonly der: Uint8Array
  readonly parsed: X509Certificate
  /** SHA-256 of the DER, hexadecimal. */
  readonly fingerprint: string
  /** Hexadecimal, lower case, no leading zeros. */
  readonly serial: string
  /** The names' DER, hexadecimal: an index, never a proof. */
  readonly issuer: string
  readonly subject: string
  readonly fields: Readonly<Record<CertificateField, readonly string[]>>
  /** Milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly authority: boolean
  /** Extended Key Usage; undefined when the certificate does not restrict it. */
  readonly usages: readonly string[] | undefined
}

/** Reads a certificate. @throws Error saying what is malformed. */
export function readCertificate(der: Uint8Array): Certificate {
  const parsed = new X509Certificate(der)
  const raw = new Uint8Array(parsed.raw)
  const body = inside(inside(readDer(raw))[0]!)
  const at = body[0]?.tag === 0xa0 ? 1 : 0
  const [serial, , issuer, validity, subject] = body.slice(at)
  if (serial === undefined || issuer === undefined || validity === undefined || subject === undefined)
    throw new Error('the certificate is cut short')
  const [notBefore, notAfter] = inside(validity).map(timeOf)
  const extensions = readExtensions(body.find((part) => part.tag === 0xa3))
  return {
    der: raw,
    parsed,
    fingerprint: createHash('sha256').update(raw).digest('hex'),
    serial: serialText(serial),
    issuer: hex(issuer.whole),
    subject: hex(subject.whole),
    fields: { ...readSubject(subject), ...readAlternativeNames(extensions.get(oids.alternativeNames)) },
    notBefore: notBefore!,
    notAfter: notAfter!,
    authority: parsed.ca,
    usages: readUsages(extensions.get(oids.extendedKeyUsage)),
  }
}

/** All certificates of a PEM text, in order. */
export function readCertificates(pem: string): readonly Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => readCertificate(Buffer.from(block.replace(/-----[^-]+-----|\s/g, ''), 'base64')))
}

/** SHA-256 of a public key's SPKI, hexadecimal: what an anchor is known by. */
export function keyHash(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

export function serialText(serial: Der): string {
  return hex(serial.value).replace(/^0+(?=.)/, '')
}

export const clientAuthentication = '1.3.6.1.5.5.7.3.2'
export const anyUsage = '2.5.29.37.0'

const oids = { alternativeNames: '2.5.29.17', extendedKeyUsage: '2.5.29.37' } as const
const subjectOids: Readonly<Record<string, 'CN' | 'OU' | 'O'>> = { '2.5.4.3': 'CN', '2.5.4.11': 'OU', '2.5.4.10': 'O' }
/** Context tags of GeneralName, RFC 5280 §4.2.1.6. */
const alternativeTags: Readonly<Record<number, 'email' | 'DNS' | 'URI'>> = { 129: 'email', 130: 'DNS', 134: 'URI' }

function readSubject(name: Der): Record<'CN' | 'OU' | 'O', string[]> {
  const found: Record<'CN' | 'OU' | 'O', string[]> = { CN: [], OU: [], O: [] }
  for (const pair of inside(name).flatMap(inside)) {
    const [type, value] = inside(pair)
    const field = subjectOids[oidOf(type)]
    if (field !== undefined && value !== undefined) found[field].push(textOf(value))
  }
  return found
}

function readAlternativeNames(extension: Uint8Array | undefined): Record<'email' | 'DNS' | 'URI', string[]> {
  const found: Record<'email' | 'DNS' | 'URI', string[]> = { email: [], DNS: [], URI: [] }
  for (const name of extension === undefined ? [] : inside(readDer(extension))) {
    const field = alternativeTags[name.tag]
    if (field !== undefined) found[field].push(textOf(name))
  }
  return found
}

function readUsages(extension: Uint8Array | undefined): readonly string[] | undefined {
  return extension === undefined ? undefined : inside(readDer(extension)).map(oidOf)
}

function readExtensions(wrapper: Der | undefined): ReadonlyMap<string, Uint8Array> {
  const list = wrapper === undefined ? [] : inside(readDer(wrapper.value))
  return new Map(
    list.map((extension) => {
      const parts = inside(extension)
      const value = parts.at(-1)
      if (value?.tag !== tags.octetString) throw new Error('an extension without a value')
      return [oidOf(parts[0]), value.value]
    }),
  )
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
