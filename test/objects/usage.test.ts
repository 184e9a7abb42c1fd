import test from 'ava'
import type { ResultReason } from '../../spec/kmip-error.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import {
  activate,
  assertUsable,
  consumeUsage,
  destroy,
  isLimited,
  type ManagedObject,
  revoke,
  type Use,
  type WrappedKey,
} from '../../src/objects/index.ts'
import { symmetricKey } from '../support/managed-objects.ts'

const preActive = () => {}
const active = (object: ManagedObject) => activate(object, 1_100)
const deactivated = (object: ManagedObject) => {
  active(object)
  revoke(object, 1_200, { code: 'Superseded' })
}
const compromised = (object: ManagedObject) => revoke(object, 1_200, { code: 'KeyCompromise' })
const destroyed = (object: ManagedObject) => destroy(object, 1_200)
const elsewhere = (object: ManagedObject) => {
  active(object)
  object.key = undefined
}

/** Prepared how, given what, used at second 2,000 for what: the reason of the refusal, or undefined. */
const table: [string, (object: ManagedObject) => void, AttributeInstance[], Use, ResultReason | undefined][] = [
  ['Pre-Active', preActive, [], 'Encrypt', 'WrongKeyLifecycleState'],
  ['Pre-Active', preActive, [], 'Decrypt', 'WrongKeyLifecycleState'],
  ['Active', active, [], 'Encrypt', undefined],
  ['Active', active, [], 'Decrypt', undefined],
  ['Deactivated', deactivated, [], 'Sign', 'WrongKeyLifecycleState'],
  ['Deactivated', deactivated, [], 'Verify', undefined],
  ['Compromised', compromised, [], 'WrapKey', 'WrongKeyLifecycleState'],
  ['Compromised', compromised, [], 'UnwrapKey', undefined],
  ['Destroyed', destroyed, [], 'Decrypt', 'ObjectDestroyed'],
  ['without a value here', elsewhere, [], 'Decrypt', 'KeyValueNotPresent'],
  ['Active by date', preActive, [{ name: 'ActivationDate', value: 1_999 }], 'Encrypt', undefined],
  ['not yet Active by date', preActive, [{ name: 'ActivationDate', value: 2_001 }], 'Encrypt', 'WrongKeyLifecycleState'],
  ['after its Protect Stop Date', active, [{ name: 'ProtectStopDate', value: 1_900 }], 'Encrypt', 'WrongKeyLifecycleState'],
  ['after its Protect Stop Date', active, [{ name: 'ProtectStopDate', value: 1_900 }], 'Decrypt', undefined],
  ['before its Process Start Date', active, [{ name: 'ProcessStartDate', value: 2_100 }], 'Decrypt', 'WrongKeyLifecycleState'],
  ['before its Process Start Date', active, [{ name: 'ProcessStartDate', value: 2_100 }], 'Encrypt', undefined],
  ['without that use', active, [], 'CRLSign', 'IncompatibleCryptographicUsageMask'],
]

for (const [state, prepare, given, use, expected] of table)
  test(`${use} with a key ${state} (${given.map(({ name }) => name).join(', ')}): ${expected ?? 'allowed'}`, (t) => {
    const object = symmetricKey({ given })
    prepare(object)
    if (expected === undefined) t.deepEqual(assertUsable(object, 2_000, use), object.key as WrappedKey)
    else t.is(t.throws(() => assertUsable(object, 2_000, use), { instanceOf: KmipError }).reason, expected)
  })

test('Usage Limits count protection down, in bytes or in uses, and refuse what is too much', (t) => {
  const object = symmetricKey({ given: [{ name: 'UsageLimits', value: { total: 20n, unit: 'Byte' } }] })
  t.true(isLimited(object, 'Encrypt'))
  t.false(isLimited(object, 'Decrypt'))
  consumeUsage(object, 'Encrypt', 16)
  consumeUsage(object, 'Decrypt', 16)
  t.deepEqual(object.attributes.get('UsageLimits'), { total: 20n, unit: 'Byte', count: 4n })
  t.is(t.throws(() => consumeUsage(object, 'Encrypt', 5), { instanceOf: KmipError }).reason, 'PermissionDenied')
  consumeUsage(object, 'Encrypt', 4)
  t.is(object.attributes.get('UsageLimits')?.count, 0n)
  const uses = symmetricKey({ given: [{ name: 'UsageLimits', value: { total: 1n, unit: 'Object' } }] })
  consumeUsage(uses, 'Encrypt', 1_000_000)
  t.is(t.throws(() => consumeUsage(uses, 'Encrypt', 0), { instanceOf: KmipError }).reason, 'PermissionDenied')
})
