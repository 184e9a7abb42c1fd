import { KmipError } from '../../spec/kmip-error.ts'
import { structures } from '../../spec/structures.ts'
import type { KeyBlock, KeyMaterial, KeyValue } from '../../spec/values.ts'
import type { Item } from '../ttlv/index.ts'
import type { Fields, Reader } from './reader.ts'
import { wrongType } from './wrong-type.ts'

/** A Key Block (KMIP 2.1 §3.3): its Key Material has the structure that its Key Format Type names, its Key Value is bytes when wrapped. */
export function readKeyBlock(reader: Reader, items: readonly Item[]): KeyBlock {
  const block = reader.read(items, reader.dialect.keyBlock)
  const item = block.keyValue as Item | undefined
  if (item !== undefined) block.keyValue = readKeyValue(reader, item, block.keyFormatType as string)
  return block as unknown as KeyBlock
}

function readKeyValue(reader: Reader, item: Item, format: string): KeyValue {
  if (item.type === 'ByteString') return { wrapped: item.value }
  if (item.type !== 'Structure') return wrongType(item, 'Structure or ByteString')
  const value: Fields = reader.read(item.value, reader.dialect.keyValue)
  value.keyMaterial = readKeyMaterial(reader, value.keyMaterial as Item, format)
  value.attributes ??= []
  return value as unknown as KeyValue
}

function readKeyMaterial(reader: Reader, item: Item, format: string): KeyMaterial {
  if (item.type === 'ByteString') return item.value
  if (item.type !== 'Structure') return wrongType(item, 'Structure or ByteString')
  if (!format.startsWith('Transparent') || !Object.hasOwn(structures, format)) {
    throw new KmipError('InvalidMessage', 'Key Material is a structure, but the Key Format Type is one whose material is a Byte String')
  }
  return { format, ...reader.read(item.value, reader.dialect.layout(format)) } as unknown as KeyMaterial
}
