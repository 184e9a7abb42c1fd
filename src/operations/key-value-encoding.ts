import type { EnumerationValue } from '../../spec/enumerations.ts'
import { enumerations } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { type ElementRow, structures } from '../../spec/structures.ts'
import { tags } from '../../spec/tags.ts'
import type { KeyMaterial } from '../../spec/values.ts'
import type { KeyFormat } from '../objects/key-formats/index.ts'
import { byteString, child, decode, encode, type Item, structure, TtlvError } from '../ttlv/index.ts'

/** The TTLV of a Key Value without attributes: what is wrapped with TTLV Encoding (KMIP 2.1 §3.2). */
export function encodeKeyValue(material: KeyMaterial): Uint8Array {
  return encode(structure('KeyValue', [materialItem(material)]))
}

/** The TTLV of Key Material that is a structure: what its Digest is made over (KMIP 2.1 §4.22). */
export function encodeKeyMaterial(material: KeyMaterial): Uint8Array {
  return encode(materialItem(material))
}

/**
 * The Key Material of a Key Value that was wrapped with TTLV Encoding.
 * @throws KmipError EncodingOptionError when the bytes are none, or hold attributes, whose form depends on who wrapped them.
 */
export function decodeKeyValue(bytes: Uint8Array, format: KeyFormat): KeyMaterial {
  const keyValue = decoded(bytes)
  if (keyValue.type !== 'Structure' || keyValue.tag !== tags.KeyValue.tag) throw notEncoded('it is no Key Value')
  if (keyValue.value.length > 1) throw notEncoded('it holds attributes; give them beside the Key Value')
  const material = child(keyValue, 'KeyMaterial')
  if (material?.type === 'ByteString') return material.value
  if (material?.type !== 'Structure' || !(format in structures)) throw notEncoded(`its Key Material is not in the format ${format}`)
  const fields: Record<string, unknown> = {}
  for (const [name, row] of rowsOf(format)) {
    const item = child(material, row.tag)
    if (item === undefined && row.count === '1') throw notEncoded(`its Key Material has no ${row.tag}`)
    if (item !== undefined) fields[name] = item.type === 'Enumeration' ? curveNamed(item.value) : item.value
  }
  return { format, ...fields } as unknown as KeyMaterial
}

function materialItem(material: KeyMaterial): Item {
  if (material instanceof Uint8Array) return byteString('KeyMaterial', material)
  const values = material as unknown as Readonly<Record<string, string | Uint8Array | undefined>>
  const items: Item[] = []
  for (const [name, row] of rowsOf(material.format)) {
    const value = values[name]
    const { tag } = tags[row.tag]
    if (typeof value === 'string') items.push({ tag, type: 'Enumeration', value: enumerations.RecommendedCurve[value as Curve].value })
    else if (value !== undefined) items.push({ tag, type: tags[row.tag].type === 'BigInteger' ? 'BigInteger' : 'ByteString', value })
  }
  return structure('KeyMaterial', items)
}

type Curve = EnumerationValue<'RecommendedCurve'>

function rowsOf(format: string): [string, ElementRow][] {
  return Object.entries(structures[format as keyof typeof structures]) as [string, ElementRow][]
}

function curveNamed(value: number): string | undefined {
  return Object.entries(enumerations.RecommendedCurve).find(([, row]) => row.value === value)?.[0]
}

function decoded(bytes: Uint8Array): Item {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof TtlvError) throw notEncoded('it is no TTLV', error)
    throw error
  }
}

function notEncoded(why: string, cause?: Error): KmipError {
  return new KmipError(
    'EncodingOptionError',
    `The Key Value, once unwrapped, is not what the Encoding Option and the Key Format Type say: ${why}.`,
    { cause },
  )
}
