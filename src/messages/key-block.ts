import type { StructureRow } from '../../spec/structures.ts'

/** Key Block (KMIP 2.1 §3.3, KMIP 1.4 §2.1.3). */
export const keyBlockRow = {
  keyFormatType: { tag: 'KeyFormatType', count: '1' },
  keyCompressionType: { tag: 'KeyCompressionType', count: '?' },
  /** Read by {@link keyValueRow} unless it is wrapped: then it is a Byte String. */
  keyValue: { tag: 'KeyValue', count: '?' },
  cryptographicAlgorithm: { tag: 'CryptographicAlgorithm', count: '?' },
  cryptographicLength: { tag: 'CryptographicLength', count: '?' },
  keyWrappingData: { tag: 'KeyWrappingData', count: '?' },
} as const satisfies StructureRow

/** Key Value in plain form (KMIP 2.1 §3.18, KMIP 1.4 §2.1.4). */
export const keyValueRow = {
  /** A Byte String, or the structure that the Key Format Type names. */
  keyMaterial: { tag: 'KeyMaterial', type: 'Structure', count: '1' },
  attributes: { carrier: 'attributeList', tag: 'Attributes', count: '?' },
} as const satisfies StructureRow
