import type { StructureRow } from '../../spec/structures.ts'
import { tags } from '../../spec/tags.ts'
import type { ValueOf } from '../../spec/values.ts'
import { decode, encode } from '../ttlv/index.ts'
import { dialectOf } from './dialect.ts'
import { Layout } from './field.ts'
import type { Fields } from './reader.ts'
import { readerOf } from './structure-reader.ts'
import { writerOf } from './structure-writer.ts'

/** A structure of Tresor's own as it is kept: its row, in the vocabulary of every version. */
export interface StoredStructure<R extends StructureRow> {
  /** @throws TypeError for a value that no version knows */
  encode(value: ValueOf<R>): Uint8Array
  /** Byte strings are views into `bytes`. @throws TtlvError or KmipError for what `encode` did not make */
  decode(bytes: Uint8Array): ValueOf<R>
}

/** `name` is for messages. */
export function storedStructure<R extends StructureRow>(name: string, row: R): StoredStructure<R> {
  const dialect = dialectOf(undefined)
  const layout = new Layout(dialect, name, row)
  return {
    encode(value) {
      const item = writerOf(dialect, false).structure(tag, value as Fields, layout)
      if (item === undefined) throw new TypeError(`${name} has a value that is not in spec/`)
      return encode(item)
    },
    decode(bytes) {
      const item = decode(bytes, limits)
      return readerOf(dialect, false).read(item.type === 'Structure' ? item.value : [], layout) as ValueOf<R>
    },
  }
}

const tag = tags.VendorExtension.tag
const limits = { maxBytes: 64 * 1024 * 1024, maxDepth: 64, maxItems: 1_000_000 }
