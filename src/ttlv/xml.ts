import { type ItemType, itemTypes } from '../../spec/item-types.ts'
import { type TagName, tags } from '../../spec/tags.ts'
import { type DecodeLimits, defaultLimits } from './binary-decode.ts'
import { encode } from './binary-encode.ts'
import type { Item } from './item.ts'
import { isTag, tagByName, tagHex, tagLabel, tagName } from './names.ts'
import { TtlvError } from './ttlv-error.ts'
import { enumerationText, maskText, subjectOf } from './value-names.ts'
import { bytesHex, itemFromText, momentText, WrongText } from './value-text.ts'
import { isXmlText, parseXml, type XmlElement } from './xml-parse.ts'

export interface XmlOptions {
  /** Spaces a level; 0 puts everything on one line. 2 by default. */
  readonly indent?: number
}

/** The name space that a message may stand in (Additional Message Encodings §6.1.6). */
const nameSpace = 'urn:oasis:tc:kmip:xmlns'

/** What an element is called whose tag has no name. */
const unnamed = 'TTLV'

/**
 * Writes an item as XML (Additional Message Encodings §6.1), without the XML declaration.
 *
 * @throws TtlvError for a tree that {@link encode} would refuse, and for text that XML cannot carry (control characters).
 */
export function toXml(item: Item, options: XmlOptions = {}): string {
  encode(item) // for its checks: what the binary form cannot carry, this one shall not
  const lines: string[] = []
  writeElement(lines, item, undefined, '', ' '.repeat(options.indent ?? 2))
  return lines.join(options.indent === 0 ? '' : '\n')
}

/** Reads one item from XML, as text or its UTF-8 bytes. @throws TtlvError that names the element, its line, what is wrong and what would be right. */
export function fromXml(message: string | Uint8Array, limits: DecodeLimits = defaultLimits): Item {
  return itemFromElement(parseXml(message, limits))
}

/** Reads the item that an element and those below it stand for. @throws TtlvError as {@link fromXml} does. */
export function itemFromElement(element: XmlElement): Item {
  return readElement(element, undefined)
}

function writeElement(lines: string[], item: Item, attributeName: string | undefined, margin: string, step: string): void {
  const name = tagName(item.tag)
  const start = `${margin}<${name ?? `${unnamed} tag="${tagHex(item.tag)}"`}`
  if (item.type !== 'Structure') {
    lines.push(`${start} type="${item.type}" value="${escaped(item, valueText(item, subjectOf(item.tag, attributeName)))}"/>`)
  } else if (item.value.length === 0) {
    lines.push(`${start}/>`)
  } else {
    lines.push(`${start}>`)
    let named: string | undefined
    for (const inner of item.value) {
      writeElement(lines, inner, named, margin + step, step)
      if (inner.tag === tags.AttributeName.tag && inner.type === 'TextString') named = inner.value
    }
    lines.push(`${margin}</${name ?? unnamed}>`)
  }
}

function valueText(item: Exclude<Item, { readonly type: 'Structure' }>, subject: TagName | undefined): string {
  switch (item.type) {
    case 'Integer':
      return maskText(subject, item.value, ' ') ?? String(item.value)
    case 'Enumeration':
      return enumerationText(subject, item.value)
    case 'DateTime':
    case 'DateTimeExtended':
      return momentText(item)
    case 'BigInteger':
    case 'ByteString':
      return bytesHex(item.value)
    default:
      return String(item.value)
  }
}

function escaped(item: Item, text: string): string {
  if (!isXmlText(text)) throw new TtlvError(`${tagLabel(item.tag)} has a character that XML cannot carry; the binary encoding can`)
  return text.replace(/[&<>"\t\n\r]/g, (character) => escapes[character] as string)
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

function readElement(element: XmlElement, attributeName: string | undefined): Item {
  const tag = tagOf(element)
  const type = typeOf(element)
  const value = element.attributes.get('value')
  if (type === 'Structure') {
    if (value !== undefined) throw wrong(element, 'is a Structure and has elements inside, but no attribute value')
    const items: Item[] = []
    let named: string | undefined
    for (const inner of element.children) {
      const item = readElement(inner, named)
      items.push(item)
      if (item.tag === tags.AttributeName.tag && item.type === 'TextString') named = item.value
    }
    return { tag, type, value: items }
  }
  if (element.children.length > 0) throw wrong(element, `is of type ${type} and has no elements inside`)
  if (value === undefined) throw wrong(element, `is of type ${type} and needs an attribute value`)
  try {
    return itemFromText(tag, type, value, subjectOf(tag, attributeName), ' ')
  } catch (error) {
    if (error instanceof WrongText) throw wrong(element, error.message)
    if (error instanceof TtlvError) throw new TtlvError(`XML line ${element.line}: ${error.message}`)
    throw error
  }
}

function tagOf(element: XmlElement): number {
  const { attributes } = element
  const local = element.name.slice(element.name.indexOf(':') + 1)
  for (const [key, value] of attributes) {
    if (key === 'type' || key === 'value' || (local === unnamed && (key === 'tag' || key === 'name'))) continue
    if (key !== 'xmlns' && !key.startsWith('xmlns:')) throw wrong(element, `has an attribute ${key}; type and value are right`)
    if (value !== nameSpace) throw wrong(element, `is in another name space than ${nameSpace}`)
  }
  if (local !== unnamed) {
    const tag = tagByName(local)
    if (tag === undefined) throw wrong(element, 'is no tag of KMIP; <TTLV tag="0x54...."> carries an extension')
    return tag
  }
  const text = attributes.get('tag') ?? ''
  const tag = /^0x[0-9a-fA-F]{6}$/.test(text) ? Number(text) : tagByName(text)
  if (tag === undefined || !isTag(tag)) throw wrong(element, 'needs an attribute tag, 0x and 6 digits that begin with 42 or 54')
  return tag
}

function typeOf(element: XmlElement): ItemType {
  const type = element.attributes.get('type') ?? 'Structure'
  if (!Object.hasOwn(itemTypes, type)) throw wrong(element, `has a type that is none of ${Object.keys(itemTypes).join(', ')}`)
  return type as ItemType
}

function wrong(element: XmlElement, problem: string): TtlvError {
  return new TtlvError(`XML line ${element.line}: ${element.name} ${problem}`)
}
