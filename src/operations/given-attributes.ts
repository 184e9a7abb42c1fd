import { type AttributeName, type AttributeRule, attributes as rules } from '../../spec/attributes.ts'
import { type MaskBit, masks } from '../../spec/enumerations.ts'
import type { AttributeInstance, AttributeValue } from '../../spec/values.ts'

/** A Cryptographic Usage Mask of these uses. */
export function maskOf(bits: readonly MaskBit<'CryptographicUsageMask'>[]): number {
  return bits.reduce((mask, bit) => mask | masks.CryptographicUsageMask[bit].value, 0)
}

/** The value of the first instance that a request gives. */
export function givenValue<N extends AttributeInstance['name']>(
  attributes: readonly AttributeInstance[],
  name: N,
): AttributeValue<N> | undefined {
  return attributes.find((each) => each.name === name)?.value as AttributeValue<N> | undefined
}

/** The attributes, and the defaults for those that are not among them. */
export function withDefaults(
  attributes: readonly AttributeInstance[],
  defaults: readonly AttributeInstance[],
): readonly AttributeInstance[] {
  return [...attributes, ...defaults.filter(({ name }) => !attributes.some((each) => each.name === name))]
}

/** Two lists as one: of a single-instance attribute the `own` value wins, of the others all are taken (KMIP 2.1 §6.1.9, KMIP 1.4 §2.1.8). */
export function merged(common: readonly AttributeInstance[], own: readonly AttributeInstance[]): readonly AttributeInstance[] {
  const isOverruled = (name: AttributeName) => (rules[name] as AttributeRule).instances === 'one' && own.some((each) => each.name === name)
  return [...common.filter(({ name }) => !isOverruled(name)), ...own]
}
