import test from 'ava'
import fc from 'fast-check'
import type { RequestPayload } from '../../spec/values.ts'
import { Client, KmipError } from '../../src/client/index.ts'
import type { RequestItem } from '../../src/messages/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { aesKey, aesKeyWith, ask, clientAt, named } from '../support/requests.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode
test.before(async () => {
  node = await startTestNode()
})
test.after.always(() => node?.remove())

const pair: RequestPayload<'CreateKeyPair'> = { commonAttributes: [{ name: 'CryptographicAlgorithm', value: 'Ed25519' }] }
const opaque: RequestPayload<'Register'> = {
  objectType: 'OpaqueObject',
  attributes: [],
  opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: Buffer.from('kept') },
}
const keyOf = (number: number) => Buffer.alloc(16, number)

for (const [operation, payload] of [
  ['Create', aesKey],
  ['CreateKeyPair', pair],
  ['Register', opaque],
] as const)
  test(`${operation} under the key of an earlier one answers the same, though it was destroyed, and makes nothing`, async (t) => {
    const client = clientAt(node.port, await node.enroll(`tenant-${operation.toLowerCase()}`, 'app'))
    t.teardown(() => client.close())
    const idempotencyKey = keyOf(1)
    const first = await client.call(operation, payload, { idempotencyKey })
    const identifiers = Object.entries(first).filter(([name]) => /UniqueIdentifier/i.test(name))
    for (const [, uniqueIdentifier] of identifiers as [string, string][]) {
      await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'KeyCompromise' } })
      await client.call('Destroy', { uniqueIdentifier })
    }
    t.deepEqual(await client.call(operation, payload, { idempotencyKey }), first)
    t.deepEqual((await client.call('Locate', { attributes: [] })).uniqueIdentifiers, [])
    const another = await client.call(operation, payload, { idempotencyKey: keyOf(2) })
    t.notDeepEqual(another, first)
  })

test('the key of an earlier request with another payload or operation is refused, and of another user or tenant is its own', async (t) => {
  const client = clientAt(node.port, node.client)
  const idempotencyKey = keyOf(3)
  const first = await client.call('Create', aesKey, { idempotencyKey })
  const refusal = { instanceOf: KmipError, message: /came before with another Operation or Request Payload/ }
  await t.throwsAsync(client.call('Create', aesKeyWith(named('another')), { idempotencyKey }), refusal)
  await t.throwsAsync(client.call('Register', opaque, { idempotencyKey }), refusal)
  const colleagues = [await node.enroll('demo', 'colleague'), await node.enroll('elsewhere', 'app')].map((bundle) =>
    clientAt(node.port, bundle),
  )
  t.teardown(() => [client, ...colleagues].forEach((each) => void each.close()))
  for (const colleague of colleagues) t.notDeepEqual(await colleague.call('Create', aesKey, { idempotencyKey }), first)
})

test('the same request sent many times at once makes one key', async (t) => {
  const { authority, certificate, privateKey } = await node.enroll('racers', 'app')
  const options = { endpoints: [{ host: '127.0.0.1', port: node.port }], ca: authority, cert: certificate, key: privateKey }
  const clients = Array.from({ length: 8 }, () => new Client({ ...options, connectionsPerNode: 1 }))
  t.teardown(() => clients.forEach((client) => void client.close()))
  const made = await Promise.all(clients.map((client) => client.call('Create', aesKey, { idempotencyKey: keyOf(4) })))
  t.is(new Set(made.map(({ uniqueIdentifier }) => uniqueIdentifier)).size, 1)
  t.is((await clients[0]?.call('Locate', { attributes: [] }))?.uniqueIdentifiers.length, 1)
})

test('a batch that is undone leaves its key free', async (t) => {
  const client = clientAt(node.port, await node.enroll('undoers', 'app'))
  t.teardown(() => client.close())
  const made: RequestItem = { operation: 'Create', payload: aesKey, idempotencyKey: keyOf(5) }
  const items = await client.batch([made, { operation: 'Destroy', payload: { uniqueIdentifier: 'nothing' } }], { onError: 'Undo' })
  t.is(items[0]?.status, 'OperationUndone')
  const { uniqueIdentifier } = await client.call('Create', aesKey, { idempotencyKey: keyOf(5) })
  t.deepEqual((await client.call('Locate', { attributes: [] })).uniqueIdentifiers, [uniqueIdentifier])
})

test('a Client Correlation Value that comes again is no Idempotency Key', async (t) => {
  const raw = await RawClient.open(node.port, node.client)
  t.teardown(() => raw.close())
  const create = () => ask(raw, [['Create', aesKey]], { clientCorrelationValue: 'the same' })
  t.notDeepEqual((await create()).items, (await create()).items)
})

test('whatever is lost on the way, each call that was answered made one key, and none made two', async (t) => {
  const bundle = await node.enroll('losers', 'app')
  const direct = clientAt(node.port, bundle)
  t.teardown(() => direct.close())
  let calls = 0
  const faults = fc.array(
    fc.record({
      proxy: fc.integer({ min: 0, max: 1 }),
      what: fc.constantFrom('holdAnswers', 'holdRequests', 'cut', 'release'),
      after: fc.integer({ min: 0, max: 40 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  await fc.assert(
    fc.asyncProperty(faults, async (steps) => {
      const proxies = [await TcpProxy.start(node.port), await TcpProxy.start(node.port)] as const
      const client = new Client({
        endpoints: proxies.map(({ port }) => ({ host: '127.0.0.1', port })),
        ca: bundle.authority,
        cert: bundle.certificate,
        key: bundle.privateKey,
        connection: { answerTimeout: 2_000 },
        failover: { suspectAfter: 30, probeTimeout: 30 },
      })
      const names = Array.from({ length: 4 }, () => `call ${++calls}`)
      const made = names.map((name) => client.call('Create', aesKeyWith({ name: 'ObjectGroup', value: name })))
      for (const { proxy, what, after } of steps) {
        await new Promise((resolve) => setTimeout(resolve, after))
        proxies[proxy]?.[what]()
      }
      for (const proxy of proxies) proxy.release()
      const answers = await Promise.all(made)
      client.close()
      await Promise.all(proxies.map((proxy) => proxy.close()))
      for (const [index, { uniqueIdentifier }] of answers.entries()) {
        const group = { attributes: [{ name: 'ObjectGroup', value: names[index] as string }] } as const
        t.deepEqual((await direct.call('Locate', group)).uniqueIdentifiers, [uniqueIdentifier])
      }
    }),
    { numRuns: 15 },
  )
})
