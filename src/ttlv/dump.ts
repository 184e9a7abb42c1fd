import { type TagName, tags } from '../../spec/tags.ts'
import type { Item } from './item.ts'
import { tagLabel, tagName } from './names.ts'
import { enumerationText, maskText, subjectOf } from './value-names.ts'
import { bytesHex, momentText } from './value-text.ts'

export interface DumpOptions {
  /** Byte strings and texts longer than this are shown by their length only. 64 by default. */
  readonly longest?: number
}

/**
 * A tree as indented lines for logs and traces: name, type and value of every item, and no secret among them.
 *
 * Bytes and big integers are shown only under the tags listed as public here, texts not under the tags listed as secret; below a
 * secret tag, and under every tag without a name, nothing is shown but type and length. So a tag that a later
 * version brings hides its bytes until someone decides otherwise.
 */
export function dump(item: Item, options: DumpOptions = {}): string {
  const lines: string[] = []
  writeLine(lines, item, { attributeName: undefined, isSecret: false, margin: '', longest: options.longest ?? 64 })
  return lines.join('\n')
}

/**
 * Tags whose bytes tell nothing that must be kept. Digests and MACs are not among them: the digest of a password that is
 * managed as Secret Data lets anyone who reads the log guess it.
 */
const publicBytes: ReadonlySet<TagName> = new Set<TagName>([
  'AsynchronousCorrelationValue',
  'AuthenticatedEncryptionTag',
  'CertificateSerialNumber',
  'CertificateValue',
  'CorrelationValue',
  'IVCounterNonce',
  'IssuerDistinguishedName',
  'NonceID',
  'PublicExponent',
  'ShortUniqueIdentifier',
  'SubjectDistinguishedName',
  'UniqueBatchItemID',
])

/** Tags of which nothing is shown, nor of what is below them. Their bytes would be hidden anyway; this hides numbers and texts. */
const secretTags: ReadonlySet<TagName> = new Set<TagName>([
  'AttestationAssertion',
  'AttestationMeasurement',
  'CredentialValue',
  'Data',
  'DerivationData',
  'HashedPassword',
  'KeyMaterial',
  'OTPCounter',
  'OTPSeed',
  'OneTimePassword',
  'Password',
  'Salt',
  'ServerHashedPassword',
  'Ticket',
  'TicketValue',
])

/** What may be seen below a secret tag: who it was, not how it was proved. */
const publicBelowSecret: ReadonlySet<TagName> = new Set<TagName>([
  'Username',
  'DeviceIdentifier',
  'DeviceSerialNumber',
  'TicketType',
  'NonceID',
])

interface Place {
  readonly attributeName: string | undefined
  readonly isSecret: boolean
  readonly margin: string
  readonly longest: number
}

function writeLine(lines: string[], item: Item, place: Place): void {
  const name = tagName(item.tag)
  if (item.type === 'Structure') {
    lines.push(`${place.margin}${tagLabel(item.tag)}`)
    const isSecret = place.isSecret || name === undefined || secretTags.has(name)
    let attributeName: string | undefined
    for (const inner of item.value) {
      writeLine(lines, inner, { attributeName, isSecret, margin: `${place.margin}  `, longest: place.longest })
      if (inner.tag === tags.AttributeName.tag && inner.type === 'TextString') attributeName = inner.value
    }
    return
  }
  lines.push(`${place.margin}${tagLabel(item.tag)} ${item.type} ${shown(item, name, place)}`)
}

function shown(item: Exclude<Item, { readonly type: 'Structure' }>, name: TagName | undefined, place: Place): string {
  const isSecret = name === undefined || secretTags.has(name) || (place.isSecret && !publicBelowSecret.has(name))
  if (isSecret) return hidden(item)
  const subject = subjectOf(item.tag, place.attributeName)
  switch (item.type) {
    case 'ByteString':
    case 'BigInteger':
      return publicBytes.has(name) && item.value.length <= place.longest ? bytesHex(item.value) : hidden(item)
    case 'Integer':
      return maskText(subject, item.value, ' ') ?? String(item.value)
    case 'Enumeration':
      return enumerationText(subject, item.value)
    case 'DateTime':
    case 'DateTimeExtended':
      return momentText(item)
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return item.value.length <= place.longest ? JSON.stringify(item.value) : hidden(item)
    default:
      return String(item.value)
  }
}

function hidden(item: Exclude<Item, { readonly type: 'Structure' }>): string {
  if (item.type === 'ByteString' || item.type === 'BigInteger') return `(${item.value.length} bytes)`
  return typeof item.value === 'string' ? `(${item.value.length} characters)` : '(hidden)'
}
