import { type AttributeName, type AttributeRule, attributes } from '../../spec/attributes.ts'
import { enumerations } from '../../spec/enumerations.ts'
import { type OperationName, type OperationRow, operations } from '../../spec/operations.ts'
import { type StructureRow, structures } from '../../spec/structures.ts'
import { type TagName, tags } from '../../spec/tags.ts'
import { isWithin, type Version } from '../../spec/versions.ts'
import { Field, Layout, type Manner } from './field.ts'
import { keyBlockRow, keyValueRow } from './key-block.ts'

/** An operation as one version knows it. */
export interface OperationDialect {
  readonly name: OperationName
  readonly value: number
  readonly request: Layout
  readonly response: Layout
}

/** An attribute as one version knows it. */
export interface AttributeDialect {
  readonly name: AttributeName
  /** Its name in 1.x. */
  readonly wireName: string
  /** The tag of its element in 2.x. */
  readonly tag: number
  readonly value: Field
}

/**
 * What one version says and how: the rows of `spec/` that it knows, made ready once for reading and writing.
 *
 * With the version `undefined` it is the stored form: all that any version knows, in the manner of 2.x.
 */
export class Dialect implements Manner {
  readonly version: Version | undefined
  /** For messages. */
  readonly label: string
  readonly hasIndexes: boolean
  readonly attributesByTag: ReadonlyMap<number, AttributeDialect>
  readonly attributesByWireName: ReadonlyMap<string, AttributeDialect>
  readonly attributesByName: ReadonlyMap<string, AttributeDialect>
  readonly operationsByValue: ReadonlyMap<number, OperationDialect>
  readonly operationsByName: ReadonlyMap<string, OperationDialect>
  readonly keyBlock: Layout
  readonly keyValue: Layout
  readonly #layouts = new Map<string, Layout>()

  constructor(version: Version | undefined) {
    this.version = version
    this.label = version === undefined ? 'the stored form' : `KMIP ${version}`
    this.hasIndexes = version !== undefined && isWithin(version, '1.0', '1.4')
    const knownAttributes = this.#knownAttributes()
    this.attributesByTag = new Map(knownAttributes.map((attribute) => [attribute.tag, attribute]))
    this.attributesByWireName = new Map(
      knownAttributes.filter(({ name }) => name !== 'VendorAttribute').map((attribute) => [attribute.wireName, attribute]),
    )
    this.attributesByName = new Map(knownAttributes.map((attribute) => [attribute.name, attribute]))
    const knownOperations = this.#knownOperations()
    this.operationsByValue = new Map(knownOperations.map((operation) => [operation.value, operation]))
    this.operationsByName = new Map(knownOperations.map((operation) => [operation.name, operation]))
    this.keyBlock = new Layout(this, 'KeyBlock', keyBlockRow)
    this.keyValue = new Layout(this, 'KeyValue', keyValueRow)
  }

  layout(name: string): Layout {
    let layout = this.#layouts.get(name)
    if (layout === undefined) {
      const row: StructureRow | undefined = (structures as Readonly<Record<string, StructureRow>>)[name]
      if (row === undefined) throw new TypeError(`${name} is not in spec/structures.ts`)
      layout = new Layout(this, name, row)
      this.#layouts.set(name, layout)
    }
    return layout
  }

  #knownAttributes(): AttributeDialect[] {
    return (Object.entries(attributes) as [AttributeName, AttributeRule][])
      .filter(([, rule]) => this.version === undefined || isWithin(this.version, rule.since, rule.until))
      .map(([name, rule]) => {
        const tag = rule.tag ?? (name as TagName)
        return { name, wireName: tags[tag].name, tag: tags[tag].tag, value: new Field(this, name, { tag, count: '1' }) }
      })
  }

  #knownOperations(): OperationDialect[] {
    return (Object.entries(operations) as [OperationName, OperationRow][])
      .filter(([, row]) => this.version === undefined || isWithin(this.version, row.since, row.until))
      .map(([name, row]) => ({
        name,
        value: enumerations.Operation[name].value,
        request: new Layout(this, `${name} request`, row.request),
        response: new Layout(this, `${name} response`, row.response),
      }))
  }
}

/** The dialect of a version; `undefined` names the stored form. */
export function dialectOf(version: Version | undefined): Dialect {
  let dialect = dialects.get(version)
  if (dialect === undefined) {
    dialect = new Dialect(version)
    dialects.set(version, dialect)
  }
  return dialect
}

const dialects = new Map<Version | undefined, Dialect>()
