import type { AttributeName } from '../../spec/attributes.ts'
import type { AttributeInstance, AttributeReference, AttributeValue } from '../../spec/values.ts'

/** One instance of the attribute `N`. */
export type InstanceOf<N extends AttributeName> = Extract<AttributeInstance, { readonly name: N }>

const none: readonly AttributeInstance[] = []

/**
 * The attributes of one Managed Object: instances by name, each with its Attribute Index (KMIP 1.4 §2.1.1), which stays when others go.
 *
 * A copy costs nothing until one of the two is written to: the table is shared until then, and the instances are never written to.
 */
export class AttributeSet {
  #table: Map<AttributeName, readonly AttributeInstance[]>
  #shared: boolean

  /** `shared` is for copies. */
  constructor(instances: Iterable<AttributeInstance> = none, shared?: Map<AttributeName, readonly AttributeInstance[]>) {
    this.#table = shared ?? new Map()
    this.#shared = shared !== undefined
    for (const instance of instances) this.#table.set(instance.name, [...this.#instances(instance.name), withIndex(instance, this)])
  }

  copy(): AttributeSet {
    this.#shared = true
    return new AttributeSet(none, this.#table)
  }

  /** The value of a single-instance attribute, or of the first instance. */
  get<N extends AttributeName>(name: N): AttributeValue<N> | undefined {
    return this.#table.get(name)?.[0]?.value as AttributeValue<N> | undefined
  }

  all<N extends AttributeName>(name: N): readonly InstanceOf<N>[] {
    return this.#instances(name) as readonly InstanceOf<N>[]
  }

  has(name: AttributeName): boolean {
    return this.#table.has(name)
  }

  names(): AttributeName[] {
    return [...this.#table.keys()]
  }

  /** All instances, those of one name together and in the order of their index. */
  *[Symbol.iterator](): Iterator<AttributeInstance> {
    for (const instances of this.#table.values()) yield* instances
  }

  /** The instances that a reference names: of one attribute, or of one vendor attribute. */
  named(reference: AttributeReference): readonly AttributeInstance[] {
    if (typeof reference === 'string') return this.#instances(reference)
    return this.all('VendorAttribute').filter(
      ({ value }) => value.vendorIdentification === reference.vendorIdentification && value.attributeName === reference.attributeName,
    )
  }

  /** Gives a single-instance attribute its value, whatever it had before. */
  set<N extends AttributeName>(name: N, value: AttributeValue<N>): void {
    this.#own().set(name, [{ name, index: 0, value } as AttributeInstance])
  }

  /** Adds an instance beside those that are there and gives it the next free Attribute Index. */
  add(instance: AttributeInstance): AttributeInstance {
    const added = withIndex({ ...instance, index: undefined } as AttributeInstance, this)
    this.#own().set(instance.name, [...this.#instances(instance.name), added])
    return added
  }

  /** Puts a value in the place of an instance of this set; its index stays. */
  replace(old: AttributeInstance, instance: AttributeInstance): AttributeInstance {
    const replaced = { ...instance, index: old.index } as AttributeInstance
    this.#own().set(
      old.name,
      this.#instances(old.name).map((each) => (each === old ? replaced : each)),
    )
    return replaced
  }

  /** Takes an instance of this set away; the others keep their indexes. */
  remove(old: AttributeInstance): void {
    const left = this.#instances(old.name).filter((each) => each !== old)
    if (left.length === 0) this.#own().delete(old.name)
    else this.#own().set(old.name, left)
  }

  /** Takes all instances of an attribute away. */
  delete(name: AttributeName): void {
    if (this.has(name)) this.#own().delete(name)
  }

  #instances(name: AttributeName): readonly AttributeInstance[] {
    return this.#table.get(name) ?? none
  }

  #own(): Map<AttributeName, readonly AttributeInstance[]> {
    if (this.#shared) {
      this.#table = new Map(this.#table)
      this.#shared = false
    }
    return this.#table
  }
}

/** The attribute, or the one vendor attribute, that an instance is of. */
export function referenceOf(instance: AttributeInstance): AttributeReference {
  if (instance.name !== 'VendorAttribute') return instance.name
  return { vendorIdentification: instance.value.vendorIdentification, attributeName: instance.value.attributeName }
}

/** Vendor attributes are numbered by their own name: `x-a` and `x-b` each start at 0. */
function withIndex(instance: AttributeInstance, set: AttributeSet): AttributeInstance {
  if (instance.index !== undefined) return instance
  const index = set.named(referenceOf(instance)).reduce((next, { index: taken }) => Math.max(next, (taken ?? 0) + 1), 0)
  return { ...instance, index } as AttributeInstance
}
