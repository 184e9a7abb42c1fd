import { type ItemType, itemTypes } from '../../spec/item-types.ts'
import { type TagName, tags } from '../../spec/tags.ts'
import { type DecodeLimits, deepestNesting, defaultLimits } from './binary-decode.ts'
import { encode } from './binary-encode.ts'
import { bigIntegerBytes, type Item } from './item.ts'
import { isTag, tagByName, tagHex, tagName } from './names.ts'
import { messageText } from './text.ts'
import { TtlvError } from './ttlv-error.ts'
import { enumerationText, maskText, subjectOf } from './value-names.ts'
import { bytesHex, hex64, itemFromText, momentText, WrongText } from './value-text.ts'

export interface JsonOptions {
  /** Spaces a level; 0, the default, puts everything on one line. */
  readonly indent?: number
}

/** Numbers of this size and more are written as hexadecimal strings (Additional Message Encodings §4.1.6.5). */
const largestNumber = 2n ** 52n

/** Writes an item as JSON (Additional Message Encodings §4.1). @throws TtlvError for a tree that {@link encode} would refuse. */
export function toJson(item: Item, options: JsonOptions = {}): string {
  encode(item) // for its checks: what the binary form cannot carry, this one shall not
  return JSON.stringify(jsonOf(item, undefined), undefined, options.indent ?? 0)
}

/** Reads one item from JSON, as text or its UTF-8 bytes. @throws TtlvError that names the item and its path, what is wrong and what would be right. */
export function fromJson(message: string | Uint8Array, limits: DecodeLimits = defaultLimits): Item {
  const text = messageText(message, 'JSON', limits.maxBytes)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // V8's message quotes the text, which may hold secrets.
    throw new TtlvError('The text is not well-formed JSON')
  }
  return new Reader(limits).item(parsed, undefined, '', 1)
}

type JsonItem = { tag: string; type?: ItemType; value: JsonItem[] | string | number | boolean }

function jsonOf(item: Item, attributeName: string | undefined): JsonItem {
  const tag = tagName(item.tag) ?? tagHex(item.tag)
  if (item.type !== 'Structure') return { tag, type: item.type, value: scalarJson(item, subjectOf(item.tag, attributeName)) }
  let named: string | undefined
  const value = item.value.map((inner) => {
    const json = jsonOf(inner, named)
    if (inner.tag === tags.AttributeName.tag && inner.type === 'TextString') named = inner.value
    return json
  })
  return { tag, value }
}

function scalarJson(item: Exclude<Item, { readonly type: 'Structure' }>, subject: TagName | undefined): string | number | boolean {
  switch (item.type) {
    case 'Integer':
      return maskText(subject, item.value, '|') ?? item.value
    case 'Enumeration':
      return enumerationText(subject, item.value)
    case 'LongInteger':
      return item.value > -largestNumber && item.value < largestNumber ? Number(item.value) : hex64(item.value)
    case 'DateTime':
    case 'DateTimeExtended':
      return momentText(item)
    case 'BigInteger':
      return `0x${bytesHex(item.value)}`
    case 'ByteString':
      return bytesHex(item.value)
    default:
      return item.value
  }
}

class Reader {
  readonly maxDepth: number
  itemsLeft: number

  constructor(limits: DecodeLimits) {
    this.maxDepth = Math.min(limits.maxDepth, deepestNesting)
    this.itemsLeft = limits.maxItems
  }

  item(json: unknown, attributeName: string | undefined, parent: string, depth: number): Item {
    if (--this.itemsLeft < 0) throw wrong(parent, 'has more items than the limit allows')
    if (!isRecord(json)) throw wrong(parent || 'The message', 'holds something that is no object with tag, type and value')
    const tag = tagFrom(json.tag, parent)
    const path = `${parent}${parent && '/'}${tagName(tag) ?? tagHex(tag)}`
    if (depth > this.maxDepth) throw wrong(path, `nests deeper than the limit of ${this.maxDepth}`)
    for (const key of Object.keys(json)) {
      if (!properties.has(key)) throw wrong(path, 'has a property that is none of tag, name, type and value')
    }
    const type = json.type ?? 'Structure'
    if (typeof type !== 'string' || !Object.hasOwn(itemTypes, type)) {
      throw wrong(path, `has a type that is none of ${Object.keys(itemTypes).join(', ')}`)
    }
    if (type === 'Structure') return { tag, type, value: this.#items(json.value, path, depth) }
    return scalar(tag, type as Exclude<ItemType, 'Structure'>, json.value, subjectOf(tag, attributeName), path)
  }

  #items(value: unknown, path: string, depth: number): Item[] {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) throw wrong(path, 'is a Structure, whose value is an array')
    const items: Item[] = []
    let named: string | undefined
    for (const inner of value as unknown[]) {
      const item = this.item(inner, named, path, depth + 1)
      items.push(item)
      if (item.tag === tags.AttributeName.tag && item.type === 'TextString') named = item.value
    }
    return items
  }
}

const properties: ReadonlySet<string> = new Set(['tag', 'name', 'type', 'value'])

function tagFrom(tag: unknown, parent: string): number {
  if (typeof tag === 'string') {
    const number = /^0x[0-9a-fA-F]{6}$/.test(tag) ? Number(tag) : tagByName(tag)
    if (number !== undefined && isTag(number)) return number
  }
  throw wrong(parent || 'The message', 'holds a tag that is neither a name of KMIP nor 0x and 6 digits that begin with 42 or 54')
}

function scalar(tag: number, type: Exclude<ItemType, 'Structure'>, value: unknown, subject: TagName | undefined, path: string): Item {
  const isText = type === 'TextString' || type === 'Identifier' || type === 'Reference' || type === 'NameReference'
  try {
    if (typeof value === 'string') return itemFromText(tag, type, value, subject, '|')
    if (typeof value === 'boolean' && type === 'Boolean') return { tag, type, value }
    if (typeof value === 'number' && !isText && type !== 'ByteString' && type !== 'Boolean') {
      if (!Number.isSafeInteger(value)) throw new WrongText('is a whole number below 2^52, or 0x and its digits as a string')
      if (type === 'BigInteger') return { tag, type, value: bigIntegerBytes(BigInt(value)) }
      return itemFromText(tag, type, String(value), subject, '|')
    }
  } catch (error) {
    if (error instanceof WrongText) throw wrong(path, error.message)
    if (error instanceof TtlvError) throw new TtlvError(`JSON ${path}: ${error.message}`)
    throw error
  }
  throw wrong(path, `is of type ${type}, but its value is ${value === null ? 'null' : `a JSON ${typeof value}`}`)
}

function isRecord(json: unknown): json is { tag?: unknown; type?: unknown; value?: unknown } {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function wrong(path: string, problem: string): TtlvError {
  return new TtlvError(`JSON ${path}: ${problem}`)
}
