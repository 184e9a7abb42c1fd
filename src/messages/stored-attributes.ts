import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { decode, encode, type Item } from '../ttlv/index.ts'
import { readAttribute, writeAttribute } from './attributes-2x.ts'
import { dialectOf } from './dialect.ts'
import { readerOf } from './structure-reader.ts'
import { writerOf } from './structure-writer.ts'

/*
 * Attributes as they are kept: an Attributes structure in the manner of 2.x, with the attributes of every version, each followed by its
 * Attribute Index where that is not 0.
 */

/** @throws TypeError for an instance that no version knows */
export function encodeAttributes(instances: Iterable<AttributeInstance>): Uint8Array {
  const writer = writerOf(dialectOf(undefined), false)
  const items: Item[] = []
  for (const instance of instances) {
    const item = writeAttribute(writer, instance)
    if (item === undefined) throw new TypeError(`${instance.name} has a value that is not in spec/`)
    items.push(item)
    if (instance.index !== undefined && instance.index !== 0) items.push({ tag: indexTag, type: 'Integer', value: instance.index })
  }
  return encode({ tag: tags.Attributes.tag, type: 'Structure', value: items })
}

/**
 * What {@link encodeAttributes} kept; an instance without an index has the index 0. Byte strings are views into `bytes`.
 * @throws TtlvError or KmipError for anything else
 */
export function decodeAttributes(bytes: Uint8Array): AttributeInstance[] {
  const reader = readerOf(dialectOf(undefined), false)
  const item = decode(bytes, storedLimits)
  if (item.tag !== tags.Attributes.tag || item.type !== 'Structure') {
    throw new KmipError('InvalidMessage', 'Kept attributes are not in an Attributes structure')
  }
  const items = item.value
  const instances: AttributeInstance[] = []
  for (let position = 0; position < items.length; position++) {
    const { name, value } = readAttribute(reader, items[position] as Item) as AttributeInstance
    const next = items[position + 1]
    let index = 0
    if (next?.tag === indexTag && next.type === 'Integer') {
      index = next.value
      position++
    }
    instances.push({ name, index, value } as AttributeInstance)
  }
  return instances
}

const indexTag = tags.AttributeIndex.tag
const storedLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 64, maxItems: 1_000_000 }
