import { tags } from '../../spec/tags.ts'
import type { KeyBlock, KeyMaterial, KeyValue } from '../../spec/values.ts'
import type { Item } from '../ttlv/index.ts'
import type { Fields } from './reader.ts'
import type { Writer } from './writer.ts'

const valueTag = tags.KeyValue.tag
const materialTag = tags.KeyMaterial.tag

/** Undefined when the version has no words for the key's format. */
export function writeKeyBlock(writer: Writer, tag: number, block: KeyBlock): Item | undefined {
  if (block.keyValue === undefined) return writer.structure(tag, block as unknown as Fields, writer.dialect.keyBlock)
  const keyValue = writeKeyValue(writer, block.keyValue)
  if (keyValue === undefined) return undefined
  return writer.structure(tag, { ...block, keyValue }, writer.dialect.keyBlock)
}

function writeKeyValue(writer: Writer, value: KeyValue): Item | undefined {
  if ('wrapped' in value) return { tag: valueTag, type: 'ByteString', value: value.wrapped }
  const keyMaterial = writeKeyMaterial(writer, value.keyMaterial)
  if (keyMaterial === undefined) return undefined
  const attributes = value.attributes.length === 0 ? undefined : value.attributes
  return writer.structure(valueTag, { keyMaterial, attributes }, writer.dialect.keyValue)
}

function writeKeyMaterial(writer: Writer, material: KeyMaterial): Item | undefined {
  if (material instanceof Uint8Array) return { tag: materialTag, type: 'ByteString', value: material }
  return writer.structure(materialTag, material as unknown as Fields, writer.dialect.layout(material.format))
}
