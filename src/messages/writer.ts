import type { Item } from '../ttlv/index.ts'
import type { Dialect } from './dialect.ts'
import type { Field, Layout } from './field.ts'
import type { Fields } from './reader.ts'

/** What the writers of attributes and Key Blocks need of the writer of structures. */
export interface Writer {
  readonly dialect: Dialect
  readonly isRequest: boolean
  /** Undefined when a required field has a value that the version has no words for. @throws TypeError when it has none at all. */
  structure(tag: number, value: Fields, layout: Layout): Item | undefined
  /** Undefined when the version has no words for the value. */
  value(field: Field, tag: number, value: unknown): Item | undefined
  /** Notes that something is not said. @throws KmipError in a request: what was meant must not be dropped there. */
  leaveOut(what: string): void
}
