import test from 'ava'
import type { RequestPayload } from '../../spec/values.ts'
import type { RequestHeader } from '../../src/messages/index.ts'
import { Secret } from '../../src/objects/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKey, ask, outcomes } from '../support/requests.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode
test.before(async () => {
  node = await startTestNode({ limits: { ticketsPerTenant: 3 } })
})
test.after.always(() => node?.remove())

let tenants = 0

/** A client of a tenant of its own, with what it needs to log in. */
async function fresh() {
  const tenant = `tickets-${++tenants}`
  return { tenant, client: await RawClient.open(node.port, await node.enroll(tenant, 'app')) }
}

const another = async (tenant: string, user: string) => RawClient.open(node.port, await node.enroll(tenant, user))

async function login(client: RawClient, terms: RequestPayload<'Login'> = {}, header: Partial<RequestHeader> = {}): Promise<Uint8Array> {
  const answer = await ask(client, [['Login', terms]], header)
  const [item] = answer.items
  if (item?.status !== 'Success' || item.operation !== 'Login') throw new Error(outcomes(answer).join())
  return item.payload.ticket.ticketValue
}

const ticketCredential = (ticketValue: Uint8Array) =>
  ({ credentialType: 'Ticket', credentialValue: { ticket: { ticketType: 'Login', ticketValue } } }) as const
const withTicket = (ticketValue: Uint8Array): Partial<RequestHeader> => ({ credentials: [ticketCredential(ticketValue)] })
const logout = (ticketValue: Uint8Array): Asked => ['Logout', { ticket: { ticketType: 'Login', ticketValue } }]
const create: Asked = ['Create', aesKey]
const query: Asked = ['Query', { queryFunctions: ['QueryOperations'] }]

async function tried(client: RawClient, ticket: Uint8Array, items: readonly Asked[] = [create]): Promise<string> {
  return outcomes(await ask(client, items, withTicket(ticket))).join()
}

test('a ticket lets in until its Logout is answered, and is a secret of 32 bytes behind its date', async (t) => {
  const { client } = await fresh()
  const ticket = await login(client)
  t.is(ticket.length, 40)
  t.not(
    Buffer.from(ticket).subarray(8).toString('hex'),
    Buffer.from(await login(client))
      .subarray(8)
      .toString('hex'),
  )
  t.is(await tried(client, ticket), 'Success')
  t.deepEqual(outcomes(await ask(client, [logout(ticket)])), ['Success'])
  t.is(await tried(client, ticket), 'InvalidTicket')
  t.is(await tried(client, ticket, [query]), 'InvalidTicket')
  t.deepEqual(outcomes(await ask(client, [logout(ticket)])), ['InvalidTicket'])
})

test('a ticket may end itself', async (t) => {
  const { client } = await fresh()
  const ticket = await login(client, { requestCount: 5 })
  t.is(await tried(client, ticket, [create, logout(ticket)]), 'Success,Success')
  t.is(await tried(client, ticket), 'InvalidTicket')
})

for (const [name, terms, refused] of [
  ['no interval', { leaseTime: { seconds: 0 } }, undefined],
  ['a minute', { leaseTime: { seconds: 60 } }, undefined],
  ['a day', { leaseTime: { seconds: 86_400 } }, undefined],
  ['more than a day', { leaseTime: { seconds: 86_401 } }, 'InvalidField'],
  ['a time that has passed', { leaseTime: { until: 1_000_000_000 } }, 'InvalidField'],
  ['a time far away', { leaseTime: { until: 5_000_000_000 } }, 'InvalidField'],
  ['no request', { requestCount: 0 }, 'InvalidField'],
  ['fewer than none', { requestCount: -1 }, 'InvalidField'],
  ['no use', { usageLimits: { total: 0n, unit: 'Object' } }, 'InvalidField'],
] as const)
  test(`Login with terms of ${name} is ${refused === undefined ? 'granted' : 'refused'}`, async (t) => {
    const { client } = await fresh()
    t.deepEqual(outcomes(await ask(client, [['Login', terms]])), [refused ?? 'Success'])
  })

test('a lease ends by time', async (t) => {
  const { client } = await fresh()
  // Time enough for the first use on a busy machine.
  const until = Math.floor(Date.now() / 1000) + 6
  const ticket = await login(client, { leaseTime: { until } })
  t.is(await tried(client, ticket), 'Success')
  while (Date.now() < until * 1000) await new Promise((resolve) => setTimeout(resolve, until * 1000 - Date.now() + 5))
  t.is(await tried(client, ticket), 'InvalidTicket')
  t.deepEqual(outcomes(await ask(client, [logout(ticket)])), ['InvalidTicket'])
})

test('a Request Count counts requests: read, refused and undone ones too', async (t) => {
  const { client } = await fresh()
  const ticket = await login(client, { requestCount: 3 })
  const missing: Asked = ['Destroy', { uniqueIdentifier: 'nothing' }]
  t.is(await tried(client, ticket, [query]), 'Success')
  t.is(await tried(client, ticket, [missing]), 'ObjectNotFound')
  const undone = await ask(client, [create, missing], { ...withTicket(ticket), batchErrorContinuation: 'Undo' })
  t.deepEqual(outcomes(undone), ['OperationUndone', 'ObjectNotFound'])
  t.is(await tried(client, ticket, [query]), 'InvalidTicket')
  t.deepEqual(outcomes(await ask(client, [['Locate', { attributes: [] }]])), ['Success'])
})

test('a Request Count is never passed, however many requests come at once', async (t) => {
  const { tenant, client } = await fresh()
  const ticket = await login(client, { requestCount: 5 })
  const bundle = await node.enroll(tenant, 'second')
  t.is(await tried(await RawClient.open(node.port, bundle), ticket), 'InvalidTicket')
  const same = await login(client, { requestCount: 5 })
  const answers = await Promise.all(Array.from({ length: 12 }, () => tried(client, same, [['Locate', { attributes: [] }]])))
  t.deepEqual(answers.sort(), [...Array(7).fill('InvalidTicket'), ...Array(5).fill('Success')])
})

for (const [unit, total, items, expected] of [
  ['Object', 3n, [create, query, create, create], 'Success,Success,Success,UsageLimitExceeded'],
  [
    'Byte',
    40n,
    [
      ['Hash', hashOf(32)],
      ['Hash', hashOf(16)],
    ],
    'Success,UsageLimitExceeded',
  ],
] as const)
  test(`Usage Limits by ${unit} bound what the Batch Items of a ticket do`, async (t) => {
    const { client } = await fresh()
    const ticket = await login(client, { usageLimits: { total, unit } })
    t.is(await tried(client, ticket, items), expected)
    t.is(await tried(client, ticket, unit === 'Byte' ? [['Hash', hashOf(8)]] : [query]), unit === 'Byte' ? 'Success' : 'UsageLimitExceeded')
  })

function hashOf(bytes: number): RequestPayload<'Hash'> {
  return { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data: Buffer.alloc(bytes) }
}

test('what an item that fails took off the Usage Limits is given back', async (t) => {
  const { client } = await fresh()
  const ticket = await login(client, { usageLimits: { total: 1n, unit: 'Object' } })
  t.is(await tried(client, ticket, [['Destroy', { uniqueIdentifier: 'nothing' }]]), 'ObjectNotFound')
  t.is(await tried(client, ticket), 'Success')
})

test("another tenant's ticket, another user's, and one that never was are refused in the same words", async (t) => {
  const { tenant, client } = await fresh()
  const ticket = await login(client)
  const never = Buffer.from(ticket)
  never[39] = (never[39] as number) ^ 1
  const answers: string[] = []
  for (const [who, value] of [
    [client, never],
    [await another(tenant, 'colleague'), ticket],
    [await another(`${tenant}-other`, 'app'), ticket],
    [await another(`${tenant}-other`, 'app'), never],
    [client, ticket.subarray(1)],
  ] as const)
    for (const [items, header] of [
      [[query], withTicket(value)],
      [[logout(value)], {}],
    ] as const) {
      const [item] = (await ask(who, items, header)).items
      answers.push(item?.status === 'OperationFailed' ? `${item.error.reason} ${item.error.message}` : 'Success')
    }
  t.is(new Set(answers).size, 1, answers.join('\n'))
  t.true(answers[0]?.startsWith('InvalidTicket '))
  t.is(await tried(client, ticket), 'Success')
})

test('a ticket does not ask for another, nor come in twos, nor with the password of someone else', async (t) => {
  const { tenant, client } = await fresh()
  await node.enroll(tenant, 'alice')
  await node.node.registry.setPassword(tenant, 'alice', new Secret(Buffer.from('correct horse')))
  const ticket = await login(client)
  t.is(await tried(client, ticket, [['Login', {}]]), 'PermissionDenied')
  const two = { credentials: [ticketCredential(ticket), ticketCredential(await login(client))] }
  t.deepEqual(outcomes(await ask(client, [query], two)), ['InvalidTicket'])
  const alice = { credentialType: 'UsernameAndPassword', credentialValue: { username: 'alice', password: 'correct horse' } } as const
  t.deepEqual(outcomes(await ask(client, [query], { credentials: [ticketCredential(ticket), alice] })), ['InvalidTicket'])
})

test('a ticket asked for with a password stands for it, with the rights of its user at each request, until the password or the user is no more', async (t) => {
  const { tenant, client } = await fresh()
  const { registry } = node.node
  await node.enroll(tenant, 'alice', 'auditor')
  const password = (text: string) => registry.setPassword(tenant, 'alice', new Secret(Buffer.from(text)))
  const as = (text: string) =>
    ({ credentials: [{ credentialType: 'UsernameAndPassword', credentialValue: { username: 'alice', password: text } }] }) as const
  await password('correct horse')
  t.deepEqual(outcomes(await ask(client, [['Login', {}]], as('wrong horse'))), ['AuthenticationNotSuccessful'])
  const ticket = await login(client, {}, as('correct horse'))
  t.is(await tried(client, ticket), 'PermissionDenied')
  await registry.enroll(tenant, 'alice', 'operator')
  t.is(await tried(client, ticket), 'Success')
  await password('battery staple')
  t.is(await tried(client, ticket), 'InvalidTicket')
  const next = await login(client, {}, as('battery staple'))
  t.is(await tried(client, next), 'Success')
  await registry.removeUser(tenant, 'alice')
  t.is(await tried(client, next), 'InvalidTicket')
})

test('a tenant has a bounded number of tickets', async (t) => {
  const { tenant, client } = await fresh()
  const first = await login(client)
  await login(client)
  await login(await another(tenant, 'colleague'))
  t.deepEqual(outcomes(await ask(client, [['Login', {}]])), ['ServerLimitExceeded'])
  await ask(client, [logout(first)])
  t.deepEqual(outcomes(await ask(client, [['Login', {}]])), ['Success'])
})

test('nothing in the store says the value of a ticket', async (t) => {
  const { tenant, client } = await fresh()
  const secret = Buffer.from(await login(client)).subarray(8)
  const { replica } = node.node
  replica.renew()
  const kept = [...replica.list(`t/${tenant}` as never, 'setting')]
  t.is(kept.length, 1)
  for (const { id, stored } of kept)
    for (const form of ['latin1', 'hex', 'base64', 'base64url'] as const)
      t.false(Buffer.concat([Buffer.from(id), stored.value]).includes(secret.toString(form), 0, 'latin1'))
})

test('Login is of 2.0 and later', async (t) => {
  const { client } = await fresh()
  for (const version of ['1.0', '1.4', '2.0', '2.1'] as const) {
    const answer = await ask(client, [query], { version })
    const [item] = answer.items
    const has = item?.status === 'Success' && item.operation === 'Query' && item.payload.operations.includes('Login')
    t.is(has, version >= '2.0', version)
  }
})
