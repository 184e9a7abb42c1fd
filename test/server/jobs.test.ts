import test from 'ava'
import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { ResponsePayload } from '../../spec/values.ts'
import type { RequestHeader, ResponseItem } from '../../src/messages/index.ts'
import { startAfter } from '../../src/server/job-runner.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKey, aesKeyWith, ask, named, outcomes } from '../support/requests.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode
test.before(async () => {
  node = await startTestNode({ limits: { jobsPerTenant: 6 } })
})
test.after.always(() => node?.remove())

let tenants = 0

async function fresh() {
  const tenant = `jobs-${++tenants}`
  return { tenant, client: await RawClient.open(node.port, await node.enroll(tenant, 'app')) }
}

const later: Partial<RequestHeader> = { asynchronousIndicator: 'Mandatory' }
const create: Asked = ['Create', aesKey]
const destroyNothing: Asked = ['Destroy', { uniqueIdentifier: 'nothing' }]
const about = (operation: 'Poll' | 'Cancel' | 'Process', value: Uint8Array) =>
  [operation, { asynchronousCorrelationValue: value }] as unknown as Asked

async function submitted(client: RawClient, items: readonly Asked[], header = later): Promise<Uint8Array[]> {
  const answer = await ask(client, items, header)
  return answer.items.map((item) => {
    if (item.status !== 'OperationPending') throw new Error(outcomes(answer).join())
    return item.asynchronousCorrelationValue
  })
}

const one = async (client: RawClient, item: Asked, header = later) => (await submitted(client, [item], header))[0] as Uint8Array

async function asked(client: RawClient, item: Asked, header: Partial<RequestHeader> = {}): Promise<ResponseItem> {
  return (await ask(client, [item], header)).items[0] as ResponseItem
}

const shown = (item: ResponseItem) => `${item.operation} ${item.status === 'OperationFailed' ? item.error.reason : item.status}`

async function polled(client: RawClient, value: Uint8Array): Promise<ResponseItem> {
  for (;;) {
    const item = await asked(client, about('Poll', value))
    if (item.status !== 'OperationPending') return item
  }
}

async function canceled(client: RawClient, value: Uint8Array): Promise<EnumerationValue<'CancellationResult'> | string> {
  const item = await asked(client, about('Cancel', value))
  return item.status === 'Success' ? (item.payload as ResponsePayload<'Cancel'>).cancellationResult : shown(item)
}

async function listed(client: RawClient, wanted: object = {}): Promise<readonly string[]> {
  const item = await asked(client, ['QueryAsynchronousRequests', wanted])
  if (item.status !== 'Success' || item.operation !== 'QueryAsynchronousRequests') throw new Error(shown(item))
  return item.payload.asynchronousRequests.map(({ operation, processingStage }) => `${operation} ${processingStage}`)
}

async function located(client: RawClient): Promise<number> {
  const item = await asked(client, ['Locate', { attributes: [] }])
  return item.status === 'Success' && item.operation === 'Locate' ? item.payload.uniqueIdentifiers.length : Number.NaN
}

test('what is answered later is answered as it would have been at once, and can be had again by a client that lost it', async (t) => {
  const { client } = await fresh()
  const value = await one(client, create)
  const first = await polled(client, value)
  t.is(shown(first), 'Create Success')
  const { uniqueIdentifier } = (first as unknown as { payload: { uniqueIdentifier: string } }).payload
  t.is(shown(await asked(client, ['Get', { uniqueIdentifier }])), 'Get Success')
  t.deepEqual(await polled(client, value), first)
  t.is(await located(client), 1)
})

test('a failure is an answer, too', async (t) => {
  const { client } = await fresh()
  t.is(shown(await polled(client, await one(client, destroyNothing))), 'Destroy ObjectNotFound')
})

test('it is carried out though nobody polls', async (t) => {
  const { client } = await fresh()
  await one(client, create)
  while ((await located(client)) === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  t.deepEqual(await listed(client), ['Create Completed'])
})

/** Does what must come before a request that waits is carried out; on a machine that was too slow for that once more, from the beginning. */
async function inTime<P, T>(prepare: () => Promise<P>, attempt: (prepared: P) => Promise<T>): Promise<P & T> {
  for (;;) {
    const prepared = await prepare()
    const began = performance.now()
    const result = await attempt(prepared)
    if (performance.now() - began < startAfter) return { ...prepared, ...result }
  }
}

test('Cancel: before it is carried out, afterwards, twice', async (t) => {
  const { client, value, first } = await inTime(fresh, async ({ client }) => {
    const value = await one(client, create)
    return { value, first: await canceled(client, value) }
  })
  t.is(first, 'Canceled')
  t.is(await canceled(client, value), 'Canceled')
  t.is(shown(await polled(client, value)), 'Create OperationCanceledByRequester')
  t.is(await located(client), 0)
  const done = await one(client, create)
  const failed = await one(client, destroyNothing)
  for (const each of [done, failed]) await asked(client, about('Process', each))
  t.is(await canceled(client, done), 'Completed')
  t.is(await canceled(client, failed), 'Failed')
  await polled(client, done)
  t.is(await canceled(client, done), 'Completed')
  t.is(shown(await asked(client, about('Process', done))), 'Process DuplicateProcessRequest')
})

test('Process carries it out at once: the next Poll has the answer', async (t) => {
  const { client } = await fresh()
  const value = await one(client, create)
  t.is(shown(await asked(client, about('Process', value))), 'Process Success')
  t.deepEqual(await listed(client), ['Create Completed'])
  t.is(shown(await polled(client, value)), 'Create Success')
})

test('Query Asynchronous Requests lists what was not had yet: all, by value, by operation', async (t) => {
  const { client } = await fresh()
  const [first, second] = [await one(client, create), await one(client, destroyNothing)]
  await asked(client, about('Process', first))
  t.deepEqual(await listed(client, { operations: { operations: ['Create'] } }), ['Create Completed'])
  t.deepEqual(await listed(client, { operations: { operations: ['Encrypt'] } }), [])
  t.is((await listed(client, { asynchronousCorrelationValues: { values: [second] } })).length, 1)
  t.deepEqual(await listed(client, { asynchronousCorrelationValues: { values: [Buffer.alloc(24), first] } }), ['Create Completed'])
  t.is((await listed(client)).length, 2)
  for (const value of [first, second]) await polled(client, value)
  t.deepEqual(await listed(client), [])
})

test("another user's and another tenant's value is one that never was, for every operation", async (t) => {
  const { tenant, client } = await fresh()
  const value = await one(client, create)
  const never = Buffer.from(value)
  never[20] = (never[20] as number) ^ 1
  const others = [
    await RawClient.open(node.port, await node.enroll(tenant, 'colleague')),
    await RawClient.open(node.port, await node.enroll(`${tenant}-other`, 'app')),
  ]
  const answers: string[] = []
  for (const [who, what] of [[client, never], [client, value.subarray(1)], ...others.map((other) => [other, value] as const)] as const)
    for (const operation of ['Poll', 'Cancel', 'Process'] as const) {
      const item = await asked(who, about(operation, what))
      answers.push(item.status === 'OperationFailed' ? `${item.error.reason} ${item.error.message}` : shown(item))
    }
  t.is(new Set(answers).size, 1, answers.join('\n'))
  t.true(answers[0]?.startsWith('InvalidAsynchronousCorrelationValue '))
  for (const other of others) t.deepEqual(await listed(other), [])
  t.is(shown(await polled(client, value)), 'Create Success')
  const old = await asked(client, about('Poll', never), { version: '1.4' })
  t.is(shown(old), 'Poll ItemNotFound')
})

for (const [option, expected, keys] of [
  ['Stop', ['Create Success', 'Destroy ObjectNotFound', 'Create OperationCanceledByRequester'], 1],
  ['Continue', ['Create Success', 'Destroy ObjectNotFound', 'Create Success'], 2],
] as const)
  test(`the items of a batch are carried out in their order, as ${option} says`, async (t) => {
    const { client } = await fresh()
    const values = await submitted(client, [create, destroyNothing, create], { ...later, batchErrorContinuation: option })
    const [last] = values.slice(-1) as [Uint8Array]
    await asked(client, about('Process', last))
    const answers: string[] = []
    for (const value of values) answers.push(shown(await polled(client, value)))
    t.deepEqual(answers, expected)
    t.is(await located(client), keys)
  })

test('who asked is judged anew when it is carried out', async (t) => {
  const two = async () => {
    const { tenant, client } = await fresh()
    return { tenant, client, leaver: await RawClient.open(node.port, await node.enroll(tenant, 'leaver')) }
  }
  const { client, demoted } = await inTime(two, async ({ tenant, client, leaver }) => {
    await one(leaver, create)
    const demoted = await one(client, create)
    await node.node.registry.removeUser(tenant, 'leaver')
    await node.node.registry.enroll(tenant, 'app', 'auditor')
    return { demoted }
  })
  t.is(shown(await polled(client, demoted)), 'Create PermissionDenied')
  await new Promise((resolve) => setTimeout(resolve, 700))
  t.is(await located(client), 0)
})

test('of many processes that would carry it out, one does: a name that can be taken once', async (t) => {
  const { client } = await fresh()
  const values = await submitted(client, [create, create, create], { ...later, batchErrorContinuation: 'Continue' })
  await Promise.all(values.flatMap((value) => [0, 1, 2].map(() => asked(client, about('Process', value)))))
  t.is(await located(client), 3)
})

test('a tenant has a bounded number of them; what was had counts no more', async (t) => {
  const { client } = await fresh()
  const values = await submitted(client, Array(6).fill(destroyNothing), { ...later, batchErrorContinuation: 'Continue' })
  t.is(shown(await asked(client, create, later)), 'Create ServerLimitExceeded')
  t.is(shown(await asked(client, create, { asynchronousIndicator: 'Optional', version: '1.4' })), 'Create Success')
  await polled(client, values[0] as Uint8Array)
  t.is(shown(await asked(client, create, later)), 'Create OperationPending')
})

test('what is too large to be kept is refused when the client insists', async (t) => {
  const { client } = await fresh()
  const hash: Asked = ['Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data: Buffer.alloc(300_000) }]
  t.is(shown(await asked(client, hash, later)), 'Hash ServerLimitExceeded')
})

test('neither what is asked nor what is answered lies in the store in plain form', async (t) => {
  const { tenant, client } = await fresh()
  const secret = Buffer.from('a secret that must not be seen in the store')
  const register: Asked = [
    'Register',
    { objectType: 'OpaqueObject', attributes: [], opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: secret } },
  ]
  const made = await asked(client, ['Create', aesKeyWith(named('for secrets'))])
  const { uniqueIdentifier } = (made as unknown as { payload: { uniqueIdentifier: string } }).payload
  const gcm = { blockCipherMode: 'GCM', tagLength: 16 } as const
  const encrypted = await asked(client, [
    'Encrypt',
    { uniqueIdentifier, cryptographicParameters: { ...gcm, randomIv: true }, data: secret },
  ])
  const { data, tag, ivCounterNonce } = (encrypted as unknown as { payload: ResponsePayload<'Encrypt'> }).payload
  const decrypt = ['Decrypt', { uniqueIdentifier, cryptographicParameters: gcm, data, tag, ivCounterNonce }] as unknown as Asked
  const values = [await one(client, register), await one(client, decrypt)]
  const kept = () => {
    node.node.replica.renew()
    return [...node.node.replica.list(`t/${tenant}` as never, 'setting')]
  }
  const look = () => kept().filter(({ stored }) => Buffer.from(stored.value).includes(secret))
  t.is(kept().length, 4)
  t.deepEqual(look(), [])
  for (const value of values) await asked(client, about('Process', value))
  t.deepEqual(look(), [])
  const answer = await polled(client, values[1] as Uint8Array)
  t.deepEqual(Buffer.from((answer as unknown as { payload: ResponsePayload<'Decrypt'> }).payload.data as Uint8Array), secret)
})

test('in 1.x true asks for it, and Process is not known', async (t) => {
  const { client } = await fresh()
  const value = await one(client, ['Locate', { attributes: [] }], { asynchronousIndicator: 'Optional', version: '1.0' })
  t.is(shown(await asked(client, about('Poll', value), { version: '1.0' })), 'Locate Success')
  for (const [version, known] of [
    ['1.0', false],
    ['2.0', false],
    ['2.1', true],
  ] as const) {
    const item = await asked(client, ['Query', { queryFunctions: ['QueryOperations'] }], { version })
    const operations = item.status === 'Success' && item.operation === 'Query' ? item.payload.operations : []
    t.deepEqual(
      [
        operations.includes('Poll'),
        operations.includes('Cancel'),
        operations.includes('Process'),
        operations.includes('QueryAsynchronousRequests'),
      ],
      [true, true, known, known],
    )
  }
})

test('an epoch turn of the partition waits for what is to be carried out; answers from before it are gone with their epoch', async (t) => {
  const turning = await startTestNode()
  t.teardown(() => turning.remove())
  const client = await RawClient.open(turning.port, turning.client)
  const done = await one(client, create)
  await asked(client, about('Process', done))
  const waiting = await submitted(client, Array(5).fill(create), { ...later, batchErrorContinuation: 'Continue' })
  const [name = ''] = turning.node.registry.settings.view().partitions.keys()
  const to = await turning.node.epochs.turn(name)
  for (;;) {
    const { partitions } = await turning.node.registry.settings.current()
    const partition = partitions.get(name)?.value
    if (partition?.epoch === to && partition.turn === undefined) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.is(await located(client), 6)
  t.is(shown(await polled(client, done)), 'Poll GeneralFailure')
  for (const each of waiting) t.regex(shown(await polled(client, each)), /^(Create Success|Poll GeneralFailure)$/)
  t.is(shown(await polled(client, await one(client, create))), 'Create Success')
})
