import type { KmipError } from '../../spec/kmip-error.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'

const start = 1_700_000_000

async function createKey(bench: OperationBench): Promise<string> {
  const { uniqueIdentifier } = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [] })
  return uniqueIdentifier as string
}

async function stateOf(bench: OperationBench, uniqueIdentifier: string, now?: number): Promise<unknown> {
  const { attributes } = await bench.run('GetAttributes', { uniqueIdentifier, references: ['State'] }, now)
  return attributes[0]?.value
}

test('a key’s life: created, activated, revoked, destroyed, and its attributes afterwards', async (t) => {
  const bench = operationContext({ now: start })
  const id = await createKey(bench)
  t.is(await stateOf(bench, id), 'PreActive')
  await bench.run('Activate', { uniqueIdentifier: id })
  t.is(await stateOf(bench, id), 'Active')
  const active = await t.throwsAsync<KmipError>(bench.run('Destroy', { uniqueIdentifier: id }))
  t.is(active?.reason, 'WrongKeyLifecycleState')
  await bench.run('Revoke', { uniqueIdentifier: id, revocationReason: { code: 'Superseded' } })
  t.is(await stateOf(bench, id), 'Deactivated')
  await bench.run('Destroy', { uniqueIdentifier: id })
  t.is(await stateOf(bench, id), 'Destroyed')
  t.is(bench.objects.get(id)?.key, undefined, 'the value is gone')
  const again = await t.throwsAsync<KmipError>(bench.run('Destroy', { uniqueIdentifier: id }))
  t.is(again?.reason, 'ObjectDestroyed')
})

test('Activation and Deactivation Date move the state without a request', async (t) => {
  const bench = operationContext({ now: start })
  const { uniqueIdentifier } = await bench.run('Create', {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'ActivationDate', value: start + 10 },
      { name: 'DeactivationDate', value: start + 20 },
    ],
  })
  const id = uniqueIdentifier as string
  t.is(await stateOf(bench, id), 'PreActive')
  t.is(await stateOf(bench, id, start + 10), 'Active')
  t.is(await stateOf(bench, id, start + 20), 'Deactivated')
  await bench.run('Destroy', { uniqueIdentifier: id }, start + 20)
  t.is(await stateOf(bench, id, start + 20), 'Destroyed')
})

for (const [operation, act] of [
  ['Activate', (bench, uniqueIdentifier) => bench.run('Activate', { uniqueIdentifier })],
  ['Destroy', (bench, uniqueIdentifier) => bench.run('Destroy', { uniqueIdentifier })],
  ['Get Attribute List', (bench, uniqueIdentifier) => bench.run('GetAttributeList', { uniqueIdentifier })],
  ['Get Attributes', (bench, uniqueIdentifier) => bench.run('GetAttributes', { uniqueIdentifier, references: [] })],
] as [string, (bench: OperationBench, uniqueIdentifier: string | undefined) => Promise<unknown>][])
  test(`${operation} of what is not there, and of nothing`, async (t) => {
    const bench = operationContext()
    t.is((await t.throwsAsync<KmipError>(act(bench, 'AAABBBCCC')))?.reason, 'ObjectNotFound')
    t.is((await t.throwsAsync<KmipError>(act(bench, undefined)))?.reason, 'InvalidMessage')
  })
