import { structures } from '../../../spec/structures.ts'
import type { TransparentKeyMaterial } from '../../../spec/values.ts'

/** Transparent Key Material whose fields are Big Integers, and which no partition takes as a key: kept as it came. */
export type KeptMaterial = Extract<TransparentKeyMaterial, { format: `TransparentD${string}` }>
export type KeptFormat = KeptMaterial['format']

const absent = 0xffffffff

export function isKept(format: string): format is KeptFormat {
  return format.startsWith('TransparentDSA') || format.startsWith('TransparentDH')
}

export function isKeptMaterial(material: TransparentKeyMaterial): material is KeptMaterial {
  return isKept(material.format)
}

/** One string of bytes: for each field of the structure, in the standard's order, its length in four bytes and itself. */
export function packStructure(material: KeptMaterial): Uint8Array {
  const values = material as unknown as Readonly<Record<string, Uint8Array | undefined>>
  const parts: Uint8Array[] = []
  for (const field of Object.keys(structures[material.format])) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(values[field]?.length ?? absent)
    parts.push(length, values[field] ?? new Uint8Array())
  }
  return Buffer.concat(parts)
}

export function unpackStructure(format: KeptFormat, bytes: Uint8Array): KeptMaterial {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: Record<string, Uint8Array> = {}
  let at = 0
  for (const field of Object.keys(structures[format])) {
    const length = view.readUInt32BE(at)
    at += 4
    if (length === absent) continue
    values[field] = bytes.slice(at, at + length)
    at += length
  }
  return { format, ...values } as unknown as KeptMaterial
}
