import test from 'ava'
import fc from 'fast-check'
import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { activate, advance, destroy, type ManagedObject, revoke, type State, stateAt } from '../../src/objects/index.ts'
import { symmetricKey } from '../support/managed-objects.ts'

type Reason = EnumerationValue<'RevocationReasonCode'>

/** The ten transitions of KMIP 2.1 §4.57 but creation, and every refusal: state, act, the state after or the reason of the refusal. */
const table: [State, 'activate' | 'revoke' | 'compromise' | 'destroy', State | 'WrongKeyLifecycleState' | 'ObjectDestroyed'][] = [
  ['PreActive', 'activate', 'Active'],
  ['PreActive', 'revoke', 'WrongKeyLifecycleState'],
  ['PreActive', 'compromise', 'Compromised'],
  ['PreActive', 'destroy', 'Destroyed'],
  ['Active', 'activate', 'WrongKeyLifecycleState'],
  ['Active', 'revoke', 'Deactivated'],
  ['Active', 'compromise', 'Compromised'],
  ['Active', 'destroy', 'WrongKeyLifecycleState'],
  ['Deactivated', 'activate', 'WrongKeyLifecycleState'],
  ['Deactivated', 'revoke', 'WrongKeyLifecycleState'],
  ['Deactivated', 'compromise', 'Compromised'],
  ['Deactivated', 'destroy', 'Destroyed'],
  ['Compromised', 'activate', 'WrongKeyLifecycleState'],
  ['Compromised', 'revoke', 'WrongKeyLifecycleState'],
  ['Compromised', 'compromise', 'WrongKeyLifecycleState'],
  ['Compromised', 'destroy', 'DestroyedCompromised'],
  ['Destroyed', 'activate', 'ObjectDestroyed'],
  ['Destroyed', 'revoke', 'ObjectDestroyed'],
  ['Destroyed', 'compromise', 'DestroyedCompromised'],
  ['Destroyed', 'destroy', 'ObjectDestroyed'],
  ['DestroyedCompromised', 'activate', 'ObjectDestroyed'],
  ['DestroyedCompromised', 'revoke', 'ObjectDestroyed'],
  ['DestroyedCompromised', 'compromise', 'ObjectDestroyed'],
  ['DestroyedCompromised', 'destroy', 'ObjectDestroyed'],
]

const acts = {
  activate,
  revoke: (object: ManagedObject, now: number) => revoke(object, now, { code: 'CessationOfOperation' satisfies Reason }),
  compromise: (object: ManagedObject, now: number) => revoke(object, now, { code: 'KeyCompromise' satisfies Reason }),
  destroy,
}

function attempt(object: ManagedObject, act: keyof typeof acts, now: number): string {
  try {
    acts[act](object, now)
    return object.state
  } catch (error) {
    return error instanceof KmipError ? error.reason : String(error)
  }
}

for (const [from, act, expected] of table)
  test(`${act} from ${from}: ${expected}`, (t) => {
    const object = symmetricKey()
    object.attributes.set('State', from)
    t.is(attempt(object, act, 2_000), expected)
    if (expected === 'WrongKeyLifecycleState' || expected === 'ObjectDestroyed') t.is(object.state, from)
    else t.is(object.attributes.get('LastChangeDate'), 2_000)
  })

test('what a compromise leaves on record', (t) => {
  const object = symmetricKey({ now: 1_000 })
  revoke(object, 2_000, { code: 'KeyCompromise', message: 'seen on a forum' })
  t.is(object.attributes.get('CompromiseDate'), 2_000)
  t.is(object.attributes.get('CompromiseOccurrenceDate'), 1_000, 'Initial Date, when nobody said when')
  t.deepEqual(object.attributes.get('RevocationReason'), { code: 'KeyCompromise', message: 'seen on a forum' })
  const other = symmetricKey()
  revoke(other, 2_000, { code: 'CACompromise' }, 1_500)
  t.is(other.attributes.get('CompromiseOccurrenceDate'), 1_500)
})

test('destroy drops the value and keeps the attributes', (t) => {
  const object = symmetricKey()
  destroy(object, 2_000)
  t.is(object.key, undefined)
  t.is(object.attributes.get('DestroyDate'), 2_000)
  t.is(object.attributes.get('CryptographicAlgorithm'), 'AES')
})

for (const [activation, deactivation, now, expected] of [
  [undefined, undefined, 5_000, 'PreActive'],
  [6_000, undefined, 5_999, 'PreActive'],
  [6_000, undefined, 6_000, 'Active'],
  [6_000, 7_000, 6_999, 'Active'],
  [6_000, 7_000, 7_000, 'Deactivated'],
  [undefined, 7_000, 8_000, 'PreActive'],
] as const)
  test(`dates ${activation} to ${deactivation} at ${now}: ${expected}`, (t) => {
    const object = symmetricKey({ now: 1_000 })
    if (activation !== undefined) object.attributes.set('ActivationDate', activation)
    if (deactivation !== undefined) object.attributes.set('DeactivationDate', deactivation)
    t.is(stateAt(object, now), expected)
    t.is(object.state, 'PreActive', 'asking changes nothing')
    advance(object, now)
    t.is(object.state, expected)
  })

test('an object registered with a past Activation Date is Active at once', (t) => {
  t.is(symmetricKey({ now: 5_000, given: [{ name: 'ActivationDate', value: 4_000 }] }).state, 'Active')
  t.is(
    symmetricKey({
      now: 5_000,
      given: [
        { name: 'ActivationDate', value: 3_000 },
        { name: 'DeactivationDate', value: 4_000 },
      ],
    }).state,
    'Deactivated',
  )
})

/** The state machine again, as a table of what may follow what; dates and acts in any order may only walk along it. */
const mayFollow: Record<State, State[]> = {
  PreActive: ['PreActive', 'Active', 'Deactivated', 'Compromised', 'Destroyed'],
  Active: ['Active', 'Deactivated', 'Compromised', 'Destroyed'],
  Deactivated: ['Deactivated', 'Compromised', 'Destroyed'],
  Compromised: ['Compromised', 'DestroyedCompromised'],
  Destroyed: ['Destroyed', 'DestroyedCompromised'],
  DestroyedCompromised: ['DestroyedCompromised'],
}

test('any history of acts and dates walks the state machine, and never back', (t) => {
  const step = fc.record({ act: fc.constantFrom(...(Object.keys(acts) as (keyof typeof acts)[])), wait: fc.integer({ min: 0, max: 50 }) })
  const date = fc.option(fc.integer({ min: 1_000, max: 1_200 }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), date, date, (steps, activation, deactivation) => {
      const object = symmetricKey({ now: 1_000 })
      if (activation !== undefined) object.attributes.set('ActivationDate', activation)
      if (deactivation !== undefined) object.attributes.set('DeactivationDate', deactivation)
      let now = 1_000
      for (const { act, wait } of steps) {
        const before = stateAt(object, now)
        now += wait
        const arrived = stateAt(object, now)
        if (!mayFollow[before].includes(arrived)) return false
        attempt(object, act, now)
        const after = stateAt(object, now)
        if (!mayFollow[arrived].includes(after)) return false
        if (object.isDestroyed !== (object.key === undefined)) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.is(Object.keys(mayFollow).length, 6)
})
