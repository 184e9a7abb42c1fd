import type { AttributeName } from '../../spec/attributes.ts'
import { type TagName, tags } from '../../spec/tags.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { dateRange, isDecidedByTerms, movingRange, rangesIn, type Storage, stateRange, type TermRange, termRange } from './index-terms.ts'
import { stateAt } from './lifecycle.ts'
import type { ManagedObject, State } from './managed-object.ts'
import { includesValue } from './same-value.ts'

/** A search: terms that every match has, and whether objects found by them must still be tested with {@link matches}. */
export interface Search {
  readonly ranges: readonly TermRange[]
  readonly decided: boolean
}

/**
 * How the index answers these attributes, for living or for destroyed objects (KMIP 2.1 §6.1.28): by one search, or by several whose
 * results have nothing in common.
 */
export function searchesFor(wanted: readonly AttributeInstance[], storage: Storage): Search[] {
  const ranges: TermRange[] = []
  const [state, ...otherStates] = wanted.filter(({ name }) => name === 'State').map(({ value }) => value as State)
  let decided = otherStates.length === 0
  for (const each of criteria(wanted)) {
    const range = 'to' in each ? dateRange(each.name, each.from, each.to) : termRange(each)
    if (range !== undefined && range.attribute !== 'State') ranges.push(range)
    if (range === undefined || (!('to' in each) && !isDecidedByTerms(each))) decided = false
  }
  if (state === undefined) return [{ ranges: rangesIn(storage, ranges), decided }]
  return [
    { ranges: rangesIn(storage, [...ranges, stateRange(state)]), decided },
    { ranges: rangesIn(storage, [...ranges, movingRange(state)]), decided: false },
  ]
}

/**
 * Whether an object has all the attributes of a Locate request at `now` (KMIP 2.1 §6.1.28): a date given once is that date, given twice
 * a range with its ends; a mask asks for its bits, Usage Limits for at least as much; of a structure only the given fields count.
 */
export function matches(object: ManagedObject, wanted: readonly AttributeInstance[], now: number): boolean {
  return criteria(wanted).every((each) => matchesOne(object, each, now))
}

interface DateRange {
  readonly name: AttributeName
  readonly from: number
  readonly to: number
}

function matchesOne(object: ManagedObject, wanted: AttributeInstance | DateRange, now: number): boolean {
  const { attributes: held } = object
  if ('to' in wanted)
    return held.all(wanted.name).some(({ value }) => typeof value === 'number' && wanted.from <= value && value <= wanted.to)
  switch (wanted.name) {
    case 'State':
      return stateAt(object, now) === wanted.value
    case 'CryptographicUsageMask':
    case 'ProtectionStorageMask':
      return ((held.get(wanted.name) ?? 0) & wanted.value) === wanted.value
    case 'UsageLimits': {
      const limits = held.get('UsageLimits')
      const { total, count, unit } = wanted.value
      if (limits === undefined || (unit !== undefined && unit !== limits.unit)) return false
      return (total === undefined || limits.total >= total) && (count === undefined || (limits.count ?? limits.total) >= count)
    }
    default:
      return held.all(wanted.name).some(({ value }) => includesValue(value, wanted.value))
  }
}

/** The request's attributes, with two instances of one date made a range. */
function criteria(wanted: readonly AttributeInstance[]): (AttributeInstance | DateRange)[] {
  const all: (AttributeInstance | DateRange)[] = []
  const dates = new Map<AttributeName, number[]>()
  for (const instance of wanted) {
    if (isDate(instance.name) && typeof instance.value === 'number')
      dates.set(instance.name, [...(dates.get(instance.name) ?? []), instance.value])
    else all.push(instance)
  }
  for (const [name, values] of dates) all.push({ name, from: Math.min(...values), to: Math.max(...values) })
  return all
}

function isDate(name: AttributeName): boolean {
  return name in tags && tags[name as TagName].type === 'DateTime'
}
