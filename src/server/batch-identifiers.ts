import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { type OperationName, operations } from '../../spec/operations.ts'
import { type FieldRow, type StructureRow, structures } from '../../spec/structures.ts'
import type { Identifier, RequestPayload, ResponsePayload } from '../../spec/values.ts'

type Placeholder = EnumerationValue<'UniqueIdentifier'>

/**
 * The identifiers that the answers of one batch have given so far, and what later items may mean by them: the ID Placeholder, the answer of
 * an operation by its name, the n-th identifier of the response (KMIP 2.1 §4.58, §6.1).
 */
export class BatchIdentifiers {
  #placeholder: string | undefined
  readonly #all: string[] = []
  readonly #named = new Map<Placeholder, string>()

  /** Takes in an answer. @param placeholder as the operation's row says: text becomes the ID Placeholder, null empties it. */
  learn<O extends OperationName>(operation: O, response: ResponsePayload<O>, placeholder: string | null | undefined): void {
    if (placeholder === null) this.#placeholder = undefined
    else if (placeholder !== undefined) this.#placeholder = placeholder
    const { uniqueIdentifier, privateKeyUniqueIdentifier, publicKeyUniqueIdentifier, uniqueIdentifiers } = response as AnswerIdentifiers
    for (const one of [uniqueIdentifier, privateKeyUniqueIdentifier, publicKeyUniqueIdentifier, ...(uniqueIdentifiers ?? [])]) {
      if (typeof one === 'string') this.#all.push(one)
    }
    const name = operation as Placeholder
    if (typeof placeholder === 'string') this.#named.set(name, placeholder)
    if (typeof privateKeyUniqueIdentifier === 'string') this.#named.set(`${name}PrivateKey` as Placeholder, privateKeyUniqueIdentifier)
    if (typeof publicKeyUniqueIdentifier === 'string') this.#named.set(`${name}PublicKey` as Placeholder, publicKeyUniqueIdentifier)
  }

  /**
   * The payload with text in place of every identifier that refers to an earlier answer; where none came and the operation needs one, the ID Placeholder.
   * @throws KmipError InvalidMessage for a reference that has no target.
   */
  resolve<O extends OperationName>(operation: O, payload: RequestPayload<O>, needsObject: boolean): RequestPayload<O> {
    const named = (payload as { readonly uniqueIdentifier?: Identifier }).uniqueIdentifier
    let resolved: object = payload
    if (named === undefined) {
      if (needsObject && this.#placeholder !== undefined) resolved = { ...payload, uniqueIdentifier: this.#placeholder }
    } else if (typeof named !== 'string') {
      resolved = { ...payload, uniqueIdentifier: this.#target(named) }
    }
    return (refersInside.has(operation) ? this.#inside(resolved) : resolved) as RequestPayload<O>
  }

  #target(identifier: Exclude<Identifier, string>): string {
    const found = 'placeholder' in identifier ? this.#byName(identifier.placeholder) : this.#all.at(identifier.position)
    if (found !== undefined) return found
    const what =
      'placeholder' in identifier ? `the placeholder ${identifier.placeholder}` : `the identifier at position ${identifier.position}`
    throw new KmipError('InvalidMessage', `The request means ${what}, but no earlier item of its batch has given it.`)
  }

  #byName(name: Placeholder): string | undefined {
    return name === 'IDPlaceholder' ? this.#placeholder : this.#named.get(name)
  }

  /** Copies what holds a reference; all else is shared. */
  #inside(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
    if (Array.isArray(value)) {
      const items = value.map((one) => this.#inside(one))
      return items.some((one, index) => one !== value[index]) ? items : value
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return value
    if (isReference(value)) return this.#target(value)
    let copy: Record<string, unknown> | undefined
    for (const [key, inner] of Object.entries(value)) {
      const resolved = this.#inside(inner)
      if (resolved === inner) continue
      copy ??= { ...value }
      copy[key] = resolved
    }
    return copy ?? value
  }
}

interface AnswerIdentifiers {
  readonly uniqueIdentifier?: unknown
  readonly privateKeyUniqueIdentifier?: unknown
  readonly publicKeyUniqueIdentifier?: unknown
  readonly uniqueIdentifiers?: readonly unknown[]
}

function isReference(value: object): value is Exclude<Identifier, string> {
  const [key, ...others] = Object.keys(value)
  return others.length === 0 && (key === 'placeholder' || key === 'position')
}

/** Operations whose requests may hold an identifier below their first level: in an attribute (Link) or a structure. */
const refersInside: ReadonlySet<OperationName> = new Set(
  (Object.keys(operations) as OperationName[]).filter((name) => {
    const rows: StructureRow = operations[name].request
    return Object.entries(rows).some(([field, row]) => field !== 'uniqueIdentifier' && mayRefer(row))
  }),
)

function mayRefer(row: FieldRow): boolean {
  if ('carrier' in row) return row.carrier !== 'references' && row.carrier !== 'reference'
  const inner = (structures as Readonly<Record<string, StructureRow>>)[row.of ?? row.tag]
  return inner !== undefined && Object.values(inner).some(mayRefer)
}
