import { masks } from '../../spec/enumerations.ts'
import { tags } from '../../spec/tags.ts'
import type { AttributeSet } from '../objects/index.ts'

/** Attributes as JSON for people: bytes as hexadecimal, dates as ISO 8601, masks as names. */
export function shownAttributes(attributes: AttributeSet): { readonly name: string; readonly value: unknown }[] {
  return [...attributes].map(({ name, value }) => ({ name, value: shown(name, value) }))
}

function shown(name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map((item) => shown(name, item))
  if (typeof value === 'number') return shownNumber(name, value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([field, inner]) => [field, shown(`${field.charAt(0).toUpperCase()}${field.slice(1)}`, inner)]),
  )
}

function shownNumber(name: string, value: number): unknown {
  if (Object.hasOwn(masks, name)) {
    const bits: Readonly<Record<string, { readonly value: number }>> = masks[name as keyof typeof masks]
    return Object.keys(bits).filter((bit) => (value & (bits[bit]?.value ?? 0)) !== 0)
  }
  const type = Object.hasOwn(tags, name) ? tags[name as keyof typeof tags].type : undefined
  return type === 'DateTime' ? new Date(value * 1000).toISOString() : value
}
