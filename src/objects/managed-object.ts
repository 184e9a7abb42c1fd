import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { AttributeSet } from './attribute-set.ts'
import type { ObjectForm } from './object-form.ts'
import type { KeyPolicy, WrappedKey } from './wrapped-key.ts'

export type ObjectType = EnumerationValue<'ObjectType'>
export type State = EnumerationValue<'State'>

export interface ManagedObjectParts {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  readonly attributes: AttributeSet
  readonly form: ObjectForm
  readonly key?: WrappedKey | undefined
  readonly generation?: number
  readonly order?: number
}

/**
 * A Managed Object (KMIP 2.1 §2): its attributes, the form that its structure has, and its value, wrapped. No I/O: `lifecycle.ts` moves
 * its state, `attribute-rules.ts` changes its attributes, an `ObjectStore` keeps it.
 */
export class ManagedObject {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  readonly attributes: AttributeSet
  readonly form: ObjectForm
  /** The value; undefined once destroyed, and for an object whose key lies elsewhere (Key Value Location). */
  key: WrappedKey | undefined
  /** Counts the object's stored forms, from 1. */
  readonly generation: number
  /** Its place in Locate's order, the greatest first: the microsecond of its creation, each object of a request later than the one before. */
  readonly order: number

  constructor(parts: ManagedObjectParts) {
    this.uniqueIdentifier = parts.uniqueIdentifier
    this.objectType = parts.objectType
    this.attributes = parts.attributes
    this.form = parts.form
    this.key = parts.key
    this.generation = parts.generation ?? 0
    this.order = parts.order ?? 0
  }

  /** The State attribute: right at the time for which the object was opened, since dates move it (`lifecycle.ts`). */
  get state(): State {
    return this.attributes.get('State') ?? 'PreActive'
  }

  get isDestroyed(): boolean {
    const state = this.state
    return state === 'Destroyed' || state === 'DestroyedCompromised'
  }

  /** Another object to write to: this one does not change with it. Cheap. */
  copy(changes: { readonly generation?: number; readonly order?: number } = {}): ManagedObject {
    return new ManagedObject({
      uniqueIdentifier: this.uniqueIdentifier,
      objectType: this.objectType,
      attributes: this.attributes.copy(),
      form: this.form,
      key: this.key,
      generation: changes.generation ?? this.generation,
      order: changes.order ?? this.order,
    })
  }
}

/**
 * What may be done with the plain value now: the stricter of what the key was made with, which its partition enforces, and of the
 * attributes, which a client may have tightened since (KMIP 2.1 §4.23, §4.55).
 */
export function policyOf(object: ManagedObject): KeyPolicy {
  const sensitive = object.attributes.get('Sensitive') === true || object.key?.policy.sensitive === true
  const extractable = object.attributes.get('Extractable') !== false && object.key?.policy.extractable !== false
  return { sensitive, extractable }
}
