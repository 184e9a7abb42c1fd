import { randomUUID } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { keyReference } from '../../src/operations/object-store.ts'
import { type OperationBench, operationContext, testLedger } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'

function name(value: string): AttributeInstance {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}

async function createKey(bench: OperationBench, ...attributes: AttributeInstance[]): Promise<string> {
  return (await bench.run('Create', { objectType: 'SymmetricKey', attributes })).uniqueIdentifier as string
}

test('an object comes back from its record as it was', async (t) => {
  const bench = operationContext()
  const id = await createKey(bench, name('one'), { name: 'UsageLimits', value: { total: 5n, unit: 'Object' } })
  const request = bench.begin()
  const object = await request.context.objects.open(id)
  t.is(object.objectType, 'SymmetricKey')
  t.is(object.generation, 1)
  t.is(object.form.keyFormatType, 'Raw')
  t.deepEqual(object.key?.type, { algorithm: 'AES', length: 256 })
  t.deepEqual(object.attributes.get('UsageLimits'), { total: 5n, unit: 'Object', count: 5n })
  t.is(object.attributes.all('Name')[0]?.index, 0)
  const plain = await request.context.partition.reveal(keyReference(object))
  t.is(plain.value.length, 32)
})

test('another tenant’s identifier is a miss like any other', async (t) => {
  const id = await createKey(operationContext())
  const other = operationContext()
  const foreign = await t.throwsAsync<KmipError>(other.run('GetAttributes', { uniqueIdentifier: id, references: [] }))
  const absent = await t.throwsAsync<KmipError>(other.run('GetAttributes', { uniqueIdentifier: id.replace(/.$/, 'x'), references: [] }))
  t.is(foreign?.reason, 'ObjectNotFound')
  t.is(absent?.reason, foreign?.reason)
  t.is(foreign?.message.replace(id, ''), absent?.message.replace(id.replace(/.$/, 'x'), ''))
  t.is((await other.run('Locate', { attributes: [{ name: 'UniqueIdentifier', value: id }] })).locatedItems, 0)
})

test('a request sees what it has staged, a rollback takes it back, and nobody else sees either', async (t) => {
  const bench = operationContext()
  const kept = await createKey(bench, name('kept'))
  const request = bench.begin()
  await request.run('Activate', { uniqueIdentifier: kept })
  const mark = request.records.savepoint()
  const { uniqueIdentifier } = await request.run('Create', { objectType: 'SymmetricKey', attributes: [name('new')] })
  await request.run('Revoke', { uniqueIdentifier: kept, revocationReason: { code: 'Superseded' } })
  t.is((await request.context.objects.open(kept)).state, 'Deactivated')
  t.deepEqual((await request.run('Locate', { attributes: [name('new')] })).uniqueIdentifiers, [uniqueIdentifier])
  t.deepEqual((await bench.run('Locate', { attributes: [name('new')] })).uniqueIdentifiers, [])
  request.records.rollback(mark)
  t.is((await request.context.objects.open(kept)).state, 'Active')
  t.deepEqual((await request.run('Locate', { attributes: [name('new')] })).uniqueIdentifiers, [])
  await t.notThrowsAsync(request.run('Create', { objectType: 'SymmetricKey', attributes: [name('new')] }))
  await request.commit()
  t.is(bench.objects.get(kept)?.state, 'Active')
  t.is(bench.objects.size, 2)
  t.is((await bench.run('GetAttributes', { uniqueIdentifier: kept, references: ['State'] })).attributes[0]?.value, 'Active')
})

test('the objects of one batch have an order, the last one first', async (t) => {
  const bench = operationContext()
  const request = bench.begin()
  const ids: string[] = []
  for (let count = 0; count < 5; count++) {
    ids.unshift((await request.run('Create', { objectType: 'SymmetricKey', attributes: [] })).uniqueIdentifier as string)
  }
  t.deepEqual((await request.run('Locate', { attributes: [] })).uniqueIdentifiers, ids)
  await request.commit()
  t.deepEqual((await bench.run('Locate', { attributes: [] })).uniqueIdentifiers, ids)
})

test('two requests that change one object do not both commit', async (t) => {
  const bench = operationContext()
  const id = await createKey(bench)
  const first = bench.begin()
  const second = bench.begin()
  await first.run('Activate', { uniqueIdentifier: id })
  await second.run('AddAttribute', { uniqueIdentifier: id, newAttribute: name('one') })
  await first.commit()
  t.is((await t.throwsAsync(second.commit()))?.message, 'not committed: conflict')
})

test('a use that relied on a state does not commit after that state has gone, cached or not', async (t) => {
  const bench = operationContext()
  const id = await createKey(bench)
  // The first reads the record, the second finds it parsed: both must be guarded.
  for (let count = 0; count < 2; count++) {
    const relying = bench.begin()
    await relying.context.objects.open(id)
    await relying.run('Create', { objectType: 'SymmetricKey', attributes: [] })
    await bench.run('AddAttribute', { uniqueIdentifier: id, newAttribute: name(`n${count}`) })
    t.is((await t.throwsAsync(relying.commit()))?.message, 'not committed: conflict')
  }
})

test('an object that is cached is not changed by who opens it', async (t) => {
  const bench = operationContext()
  const id = await createKey(bench)
  const careless = bench.begin()
  const object = await careless.context.objects.open(id)
  object.attributes.set('State', 'Compromised')
  object.key = undefined
  const again = await bench.begin().context.objects.open(id)
  t.is(again.state, 'PreActive')
  t.truthy(again.key)
})

for (const [title, alter] of [
  ['a changed byte', (value: Buffer) => value.writeUInt8(value.readUInt8(40) ^ 1, 40)],
  ['a changed seal', (value: Buffer) => value.writeUInt8(value.readUInt8(value.length - 1) ^ 1, value.length - 1)],
] as const)
  test(`an altered record is found out when it is read: ${title}`, async (t) => {
    const bench = operationContext()
    const id = await createKey(bench)
    const { ledger, replica } = testLedger()
    const place = { space: bench.space, kind: 'object', id } as const
    const stored = replica.read(place)
    const value = Buffer.from(stored?.value ?? [])
    alter(value)
    const guards = [{ place, revision: stored?.revision ?? 0 }]
    await ledger.commit({ nonce: Buffer.from(randomUUID().replaceAll('-', ''), 'hex'), guards, writes: [{ place, value }] })
    const error = await t.throwsAsync(bench.run('Activate', { uniqueIdentifier: id }))
    t.false(error instanceof KmipError, 'no fault of the client: it is told General Failure, the operator more')
    t.regex(error?.message ?? '', /seal|damaged|record/)
  })

test('a record in another object’s place is found out', async (t) => {
  const bench = operationContext()
  const one = await createKey(bench)
  const other = await createKey(bench)
  const { ledger, replica } = testLedger()
  const place = { space: bench.space, kind: 'object', id: one } as const
  const value = Buffer.from(replica.read({ ...place, id: other })?.value ?? [])
  const guards = [{ place, revision: replica.read(place)?.revision ?? 0 }]
  await ledger.commit({ nonce: Buffer.from(randomUUID().replaceAll('-', ''), 'hex'), guards, writes: [{ place, value }] })
  t.regex((await t.throwsAsync(bench.run('Activate', { uniqueIdentifier: one })))?.message ?? '', /record/)
})
