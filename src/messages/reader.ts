import type { Item } from '../ttlv/index.ts'
import type { AttributeDialect, Dialect } from './dialect.ts'
import type { Field, Layout } from './field.ts'

/** A structure's value under the names of its row. The types in `spec/values.ts`, made of the same rows, say what stands in it. */
export type Fields = Record<string, unknown>

/** What the readers of attributes and Key Blocks need of the reader of structures. */
export interface Reader {
  readonly dialect: Dialect
  /** Fields, attributes and values that this version does not know are passed over, not refused: the sender speaks another minor version. */
  readonly isLenient: boolean
  /** @param first where in `items` the structure's fields begin */
  read(items: readonly Item[], layout: Layout, first?: number): Fields
  /** The value of one item; undefined for what is passed over. `soFar` has the fields before it in its structure. */
  value(field: Field, item: Item, soFar: Fields): unknown
  /** The value of an attribute; undefined for one that is passed over. */
  attributeValue(attribute: AttributeDialect, item: Item): unknown
}
