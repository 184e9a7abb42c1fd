import test from 'ava'
import { type EnumerationValue, enumerations, type ValueRow } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { reasonIn } from '../../spec/reasons.ts'
import { isWithin, servedVersions, type Version } from '../../spec/versions.ts'
import { encodeResponse, parseResponse } from '../../src/messages/index.ts'

type Reason = EnumerationValue<'ResultReason'>

const reasons = Object.entries(enumerations.ResultReason) as [Reason, ValueRow][]

test('every reason is told to every version in a word that it knows', (t) => {
  for (const version of servedVersions) {
    for (const [reason] of reasons) {
      const said = reasonIn(version, reason)
      const row: ValueRow = enumerations.ResultReason[said]
      t.true(isWithin(version, row.since, row.until), `${reason} in ${version} is ${said}`)
      const error = new KmipError(reason, 'why')
      const [item] = parseResponse(encodeResponse({ version, timeStamp: 0, items: [{ status: 'OperationFailed', error }] })).items
      t.is(item?.status === 'OperationFailed' ? item.error.reason : undefined, said)
    }
  }
})

test('a reason that a version knows is told as it is, but for the wrong state in 2.0', (t) => {
  const changed = servedVersions.flatMap((version) =>
    reasons
      .filter(([reason, row]) => isWithin(version, row.since, row.until) && reasonIn(version, reason) !== reason)
      .map(([reason]) => `${reason} in ${version}`),
  )
  t.deepEqual(changed, ['WrongKeyLifecycleState in 2.0'])
})

test('no reason fades to General Failure by being forgotten', (t) => {
  const faded = servedVersions.flatMap((version) =>
    reasons.map(([reason]) => reason).filter((reason) => reasonIn(version, reason) === 'GeneralFailure'),
  )
  t.deepEqual([...new Set(faded)].sort(), [
    'GeneralFailure',
    'InternalServerError',
    'PrivateProtectionStorageUnavailable',
    'ProtectionStorageUnavailable',
    'PublicProtectionStorageUnavailable',
    'ServerLimitExceeded',
  ])
})

const told: readonly (readonly [Reason, Version, Reason])[] = [
  ['ObjectNotFound', '1.4', 'ItemNotFound'],
  ['ObjectNotFound', '2.0', 'ObjectNotFound'],
  ['ObjectDestroyed', '1.0', 'ItemNotFound'],
  ['WrongKeyLifecycleState', '1.4', 'PermissionDenied'],
  ['WrongKeyLifecycleState', '2.0', 'PermissionDenied'],
  ['WrongKeyLifecycleState', '2.1', 'WrongKeyLifecycleState'],
  ['NonUniqueNameAttribute', '1.2', 'InvalidField'],
  ['AttributeReadOnly', '1.4', 'PermissionDenied'],
  ['AttributeReadOnly', '2.1', 'AttributeReadOnly'],
  ['Sensitive', '1.3', 'PermissionDenied'],
  ['Sensitive', '1.4', 'Sensitive'],
  ['EncodingOptionError', '1.0', 'InvalidField'],
  ['UnknownTag', '1.4', 'InvalidField'],
  ['CodecError', '1.4', 'InvalidMessage'],
  ['IllegalOperation', '2.0', 'PermissionDenied'],
  ['IndexOutOfBounds', '2.1', 'ServerLimitExceeded'],
  ['ConstraintViolation', '2.0', 'InvalidAttributeValue'],
  ['ConstraintViolation', '1.4', 'InvalidField'],
  ['PrivateProtectionStorageUnavailable', '1.0', 'GeneralFailure'],
]

for (const [reason, version, said] of told) {
  test(`${reason} in ${version} is ${said}`, (t) => t.is(reasonIn(version, reason), said))
}
