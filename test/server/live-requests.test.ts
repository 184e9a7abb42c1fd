import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { RequestPayload } from '../../spec/values.ts'
import type { Client, KmipError } from '../../src/client/index.ts'
import { parseResponse, type RequestHeader, type ResponseMessage } from '../../src/messages/index.ts'
import { Secret } from '../../src/objects/secret.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKey, aesKeyWith, ask, clientAt, named, outcomes, requestBytes } from '../support/requests.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode

test.before(async () => {
  node = await startTestNode({ workers: 2, limits: { idleTimeout: 120_000 } })
})

test.after.always(() => node?.remove())

/** A tenant of the test's own. */
async function tenant(t: ExecutionContext, name: string, connectionsPerNode = 1): Promise<{ client: Client; raw: RawClient }> {
  const bundle = await node.enroll(name, 'app')
  const client = clientAt(node.port, bundle, { connectionsPerNode })
  const raw = await RawClient.open(node.port, bundle)
  t.teardown(() => {
    client.close()
    raw.close()
  })
  return { client, raw }
}

const gcm = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
const data = Buffer.alloc(16, 3)
const encrypt = (uniqueIdentifier: string): RequestPayload<'Encrypt'> => ({ uniqueIdentifier, cryptographicParameters: gcm, data })
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'Success',
    (error: KmipError) => error.reason ?? String(error),
  )
const identifierIn = (answer: ResponseMessage, index = 0): string => {
  const item = answer.items[index]
  if (item === undefined || !('payload' in item)) throw new Error(outcomes(answer).join())
  return String((item.payload as { readonly uniqueIdentifier?: unknown }).uniqueIdentifier)
}

// Credentials

const credential = (username: string, password?: string): Partial<RequestHeader> => ({
  credentials: [{ credentialType: 'UsernameAndPassword', credentialValue: { username, ...(password === undefined ? {} : { password }) } }],
})

test('a username and password narrow within the tenant of the certificate, and never leave it', async (t) => {
  const { raw } = await tenant(t, 'words')
  const { registry } = node.node
  const auditor = await RawClient.open(node.port, await node.enroll('words', 'auditor', 'auditor'))
  t.teardown(() => auditor.close())
  await node.enroll('words', 'twin', 'reader')
  await node.enroll('elsewhere', 'twin', 'full')
  await node.enroll('elsewhere', 'boss', 'full')
  const password = (user: string) => `the password of ${user}`
  for (const [name, user] of [
    ['words', 'app'],
    ['words', 'auditor'],
    ['words', 'twin'],
    ['elsewhere', 'boss'],
  ] as const)
    await registry.setPassword(name, user, new Secret(Buffer.from(password(user))))
  await registry.setPassword('elsewhere', 'twin', new Secret(Buffer.from('of the other twin')))
  const id = identifierIn(await ask(raw, [['Create', aesKey]]))
  const cases: readonly (readonly [string, RawClient, Partial<RequestHeader>, Asked, string])[] = [
    ['the certificate alone', raw, {}, ['Get', { uniqueIdentifier: id }], 'Success'],
    ['its own user', raw, credential('app', password('app')), ['Get', { uniqueIdentifier: id }], 'Success'],
    ['its own user without a password', raw, credential('app'), ['Get', { uniqueIdentifier: id }], 'Success'],
    ['a user with less', raw, credential('auditor', password('auditor')), ['Get', { uniqueIdentifier: id }], 'PermissionDenied'],
    [
      'a user with less, what it may',
      raw,
      credential('auditor', password('auditor')),
      ['GetAttributeList', { uniqueIdentifier: id }],
      'Success',
    ],
    ['a user with more adds nothing', auditor, credential('app', password('app')), ['Get', { uniqueIdentifier: id }], 'PermissionDenied'],
    ['a wrong password', raw, credential('auditor', 'wrong'), ['Get', { uniqueIdentifier: id }], 'AuthenticationNotSuccessful'],
    ['no password of another', raw, credential('auditor'), ['Get', { uniqueIdentifier: id }], 'AuthenticationNotSuccessful'],
    ['nobody', raw, credential('nobody', 'wrong'), ['Get', { uniqueIdentifier: id }], 'AuthenticationNotSuccessful'],
    ["another tenant's user", raw, credential('boss', password('boss')), ['Create', aesKey], 'AuthenticationNotSuccessful'],
    [
      "another tenant's user of the same name, by its password",
      raw,
      credential('twin', 'of the other twin'),
      ['Get', { uniqueIdentifier: id }],
      'AuthenticationNotSuccessful',
    ],
    ["the tenant's own user of that name", raw, credential('twin', password('twin')), ['Get', { uniqueIdentifier: id }], 'Success'],
    [
      "the tenant's own user of that name has its own rights",
      raw,
      credential('twin', password('twin')),
      ['Create', aesKey],
      'PermissionDenied',
    ],
  ]
  for (const [name, from, header, request, expected] of cases)
    for (const version of ['1.2', '2.1'] as const)
      t.deepEqual(outcomes(await ask(from, [request], { version, ...header })), [expected], name)
  // Who guesses learns nothing of who there is.
  const words = new Set<string>()
  for (const header of [credential('auditor', 'wrong'), credential('nobody', 'wrong'), credential('boss', password('boss'))]) {
    const [item] = (await ask(raw, [['Create', aesKey]], header)).items
    words.add(item?.status === 'OperationFailed' ? item.error.message : 'none')
  }
  t.deepEqual([...words], ['The username or the password is wrong.'])
})

test('other kinds of credentials are refused, known to the standard or not; the connection serves on', async (t) => {
  const { raw } = await tenant(t, 'kinds')
  const device: Partial<RequestHeader> = { credentials: [{ credentialType: 'Device', credentialValue: { deviceSerialNumber: '1' } }] }
  t.deepEqual(outcomes(await ask(raw, [['Create', aesKey]], device)), ['AuthenticationNotSuccessful'])
  const bytes = Buffer.from(requestBytes([['Create', aesKey]], credential('app', 'of no matter')))
  const at = bytes.indexOf(Buffer.from('42002405000000040000000100000000', 'hex'))
  bytes.writeUInt32BE(0x77, at + 8)
  const answer = parseResponse(await raw.request(bytes))
  t.is(answer.items[0]?.status, 'OperationFailed')
  t.log(outcomes(answer))
  const { raw: again } = await tenant(t, 'kinds')
  t.deepEqual(outcomes(await ask(again, [['Locate', { attributes: [] }]])), ['Success'])
  t.like((await ask(again, [['Locate', { attributes: [] }]])).items[0], { payload: { locatedItems: 0 } })
})

// Batches and their ends

for (const [continuation, expected, left] of [
  ['Stop', ['Success', 'Success', 'Success', 'Success', 'ObjectNotFound'], { names: ['new', 'renamed'], destroyed: 1, commented: true }],
  [
    'Continue',
    ['Success', 'Success', 'Success', 'Success', 'ObjectNotFound', 'Success'],
    { names: ['later', 'new', 'renamed'], destroyed: 1, commented: true },
  ],
  [
    'Undo',
    ['OperationUndone', 'OperationUndone', 'OperationUndone', 'OperationUndone', 'ObjectNotFound'],
    { names: ['old', 'victim'], destroyed: 0, commented: false },
  ],
] as const) {
  test(`a batch that fails in its midst, with ${continuation}: objects, names, states and attributes are as it says`, async (t) => {
    const { raw } = await tenant(t, `batch-${continuation.toLowerCase()}`)
    const unused = { ...aesKey, attributes: aesKey.attributes.filter(({ name }) => name !== 'ActivationDate') }
    const kept = identifierIn(await ask(raw, [['Create', aesKeyWith(named('old'))]]))
    const victim = identifierIn(await ask(raw, [['Create', { ...unused, attributes: [...unused.attributes, named('victim')] }]]))
    const answer = await ask(
      raw,
      [
        ['Create', aesKeyWith(named('new'))],
        ['ModifyAttribute', { uniqueIdentifier: kept, newAttribute: named('renamed') }],
        ['AddAttribute', { uniqueIdentifier: kept, newAttribute: { name: 'Comment', value: 'from the batch' } }],
        ['Destroy', { uniqueIdentifier: victim }],
        ['Activate', { uniqueIdentifier: '00000000-0000-4000-8000-000000000000' }],
        ['Create', aesKeyWith(named('later'))],
      ],
      { batchErrorContinuation: continuation },
    )
    t.deepEqual(outcomes(answer), [...expected])
    const names: string[] = []
    for (const name of ['old', 'new', 'renamed', 'victim', 'later']) {
      const [item] = (await ask(raw, [['Locate', { attributes: [named(name)] }]])).items
      if ((item as { payload?: { locatedItems?: number } }).payload?.locatedItems === 1) names.push(name)
    }
    t.deepEqual(names.sort(), [...left.names].sort())
    t.like((await ask(raw, [['Locate', { storageStatusMask: 4, attributes: [] }]])).items[0], { payload: { locatedItems: left.destroyed } })
    const commented: RequestPayload<'Locate'> = { attributes: [{ name: 'Comment', value: 'from the batch' }] }
    t.like((await ask(raw, [['Locate', commented]])).items[0], { payload: { locatedItems: left.commented ? 1 : 0 } })
    // Every name that is not held is free, and no other.
    for (const name of ['old', 'new', 'renamed', 'victim', 'later']) {
      const made = outcomes(await ask(raw, [['Create', aesKeyWith(named(name))]]))
      t.deepEqual(made, [(left.names as readonly string[]).includes(name) ? 'NonUniqueNameAttribute' : 'Success'], name)
    }
  })
}

for (const [continuation, expected, kept] of [
  ['Stop', ['Success', 'ResponseTooLarge'], 1],
  ['Continue', ['Success', 'ResponseTooLarge', 'ResponseTooLarge'], 1],
  ['Undo', ['OperationUndone', 'ResponseTooLarge'], 0],
] as const) {
  test(`Maximum Response Size in the midst of a batch, with ${continuation}`, async (t) => {
    const { raw } = await tenant(t, `size-${continuation.toLowerCase()}`)
    const header: Partial<RequestHeader> = { batchErrorContinuation: continuation }
    const alone = (await raw.request(requestBytes([['Create', aesKey]]))).length
    const keys = ['one', 'two', 'three'].map((name): Asked => ['Create', aesKeyWith(named(name))])
    const answer = await ask(raw, keys, { ...header, maximumResponseSize: alone + 40 })
    t.deepEqual(outcomes(answer), [...expected])
    t.like((await ask(raw, [['Locate', { attributes: [] }]])).items[0], { payload: { locatedItems: 1 + kept } })
    for (const [index, key] of keys.entries())
      t.deepEqual(outcomes(await ask(raw, [key])), [index < kept ? 'NonUniqueNameAttribute' : 'Success'])
  })
}

for (const maximumResponseSize of [1, 8, 64, 150]) {
  test(`a Maximum Response Size of ${maximumResponseSize}: nothing is made, nothing is changed`, async (t) => {
    const { raw } = await tenant(t, `tiny-${maximumResponseSize}`)
    const id = identifierIn(await ask(raw, [['Create', aesKeyWith(named('kept'))]]))
    for (const request of [
      ['Create', aesKeyWith(named('lost'))],
      ['AddAttribute', { uniqueIdentifier: id, newAttribute: { name: 'Comment', value: 'lost' } }],
      ['ModifyAttribute', { uniqueIdentifier: id, newAttribute: named('lost') }],
      ['Revoke', { uniqueIdentifier: id, revocationReason: { code: 'KeyCompromise' } }],
    ] as const satisfies readonly Asked[])
      t.deepEqual(outcomes(await ask(raw, [request], { maximumResponseSize })), ['ResponseTooLarge'], request[0])
    const [item] = (await ask(raw, [['GetAttributes', { uniqueIdentifier: id, references: ['Name', 'State', 'Comment'] }]])).items
    t.like(item, { payload: { attributes: [named('kept'), { name: 'State', value: 'Active' }] } })
    t.like((await ask(raw, [['Locate', { attributes: [] }]])).items[0], { payload: { locatedItems: 1 } })
  })
}

// Uses and dates

for (const [unit, total, each] of [
  ['Object', 40n, 1n],
  ['Byte', 400n, 16n],
] as const) {
  test(`Usage Limits of ${total} (${unit}) are used to the last, and no further, by eight connections to two workers`, async (t) => {
    const clients: { readonly client: Client }[] = []
    while (clients.length < 8) clients.push(await tenant(t, `limits-${unit.toLowerCase()}`))
    const first = clients[0] as { readonly client: Client }
    const { uniqueIdentifier } = await first.client.call('Create', aesKeyWith({ name: 'UsageLimits', value: { total, unit } }))
    const id = String(uniqueIdentifier)
    const counts: Record<string, number> = {}
    await Promise.all(
      clients.map(async ({ client }) => {
        for (let result = 'Success'; result !== 'PermissionDenied'; ) {
          result = await outcome(client.call('Encrypt', encrypt(id)))
          counts[result] = (counts[result] ?? 0) + 1
        }
      }),
    )
    t.log(counts)
    t.is(counts.Success, Number(total / each))
    const { attributes } = await first.client.call('GetAttributes', { uniqueIdentifier: id, references: ['UsageLimits'] })
    t.deepEqual(attributes[0]?.value, { total, count: 0n, unit })
    t.is(counts.PermissionDenied, clients.length)
  })
}

/** Seconds that an object is in a state: what is asked of it in that state takes far less, also on a busy machine. */
const window = 6

const seconds = () => Math.floor(Date.now() / 1000)

async function until(second: number): Promise<void> {
  while (Date.now() < second * 1000) await sleep(second * 1000 - Date.now() + 1)
}

test('dates drive the state in real time, seen by every search', async (t) => {
  const { client } = await tenant(t, 'dates')
  const begin = seconds() + window
  const bare = aesKey.attributes.filter(({ name }) => name !== 'ActivationDate')
  const { uniqueIdentifier } = await client.call('Create', {
    objectType: 'SymmetricKey',
    templates: [],
    attributes: [...bare, { name: 'ActivationDate', value: begin }, { name: 'DeactivationDate', value: begin + window }],
  } as RequestPayload<'Create'>)
  const id = String(uniqueIdentifier)
  const state = async () => {
    const { attributes } = await client.call('GetAttributes', { uniqueIdentifier: id, references: ['State'] })
    const found: string[] = []
    for (const value of ['PreActive', 'Active', 'Deactivated'] as const) {
      const { locatedItems } = await client.call('Locate', { attributes: [{ name: 'State', value }] })
      if (locatedItems === 1) found.push(value)
    }
    return [attributes[0]?.value, ...found]
  }
  t.deepEqual(await state(), ['PreActive', 'PreActive'])
  t.is(await outcome(client.call('Encrypt', encrypt(id))), 'WrongKeyLifecycleState')
  await until(begin)
  t.deepEqual(await state(), ['Active', 'Active'])
  const sealed = await client.call('Encrypt', encrypt(id))
  t.is(await outcome(client.call('Activate', { uniqueIdentifier: id })), 'WrongKeyLifecycleState')
  await until(begin + window)
  t.deepEqual(await state(), ['Deactivated', 'Deactivated'])
  t.is(await outcome(client.call('Encrypt', encrypt(id))), 'WrongKeyLifecycleState')
  const { ivCounterNonce, tag } = sealed
  const open: RequestPayload<'Decrypt'> = { uniqueIdentifier: id, cryptographicParameters: gcm, data: sealed.data, ivCounterNonce, tag }
  t.deepEqual(Buffer.from((await client.call('Decrypt', open)).data ?? []), data)
  t.is(await outcome(client.call('Destroy', { uniqueIdentifier: id })), 'Success')
})

test('Process Start and Protect Stop hold in real time', async (t) => {
  const { client } = await tenant(t, 'windows')
  const turn = seconds() + window
  const dates = [
    { name: 'ProcessStartDate', value: turn },
    { name: 'ProtectStopDate', value: turn },
  ] as const
  const id = String((await client.call('Create', aesKeyWith(...dates))).uniqueIdentifier)
  const { data: sealed, ivCounterNonce, tag } = await client.call('Encrypt', encrypt(id))
  const open: RequestPayload<'Decrypt'> = { uniqueIdentifier: id, cryptographicParameters: gcm, data: sealed, ivCounterNonce, tag }
  t.is(await outcome(client.call('Decrypt', open)), 'WrongKeyLifecycleState')
  await until(turn + 1)
  t.is(await outcome(client.call('Encrypt', encrypt(id))), 'WrongKeyLifecycleState')
  t.is(await outcome(client.call('Decrypt', open)), 'Success')
})

test('an Activation Date in the past makes an object Active at once; one after the Deactivation Date is refused', async (t) => {
  const { client } = await tenant(t, 'past')
  const opaque = { objectType: 'OpaqueObject', templates: [], opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: data } } as const
  for (const [attributes, expected] of [
    [[{ name: 'ActivationDate', value: 1_000_000_000 }], 'Active'],
    [[{ name: 'ActivationDate', value: 4_000_000_000 }], 'PreActive'],
    [[], 'PreActive'],
  ] as const) {
    const { uniqueIdentifier } = await client.call('Register', { ...opaque, attributes } as unknown as RequestPayload<'Register'>)
    const seen = await client.call('GetAttributes', { uniqueIdentifier: String(uniqueIdentifier), references: ['State'] })
    t.is(seen.attributes[0]?.value, expected)
  }
  const backwards = [
    { name: 'ActivationDate', value: 4_000_000_000 },
    { name: 'DeactivationDate', value: 3_900_000_000 },
  ] as const
  t.is(
    await outcome(client.call('Register', { ...opaque, attributes: backwards } as unknown as RequestPayload<'Register'>)),
    'InvalidAttributeValue',
  )
})

// Locate's pages

test('the pages of Locate are whole among 1,000 objects while others are made', async (t) => {
  const { client } = await tenant(t, 'pages')
  const { client: other } = await tenant(t, 'pages')
  const create = (group: string) => ({ operation: 'Create', payload: aesKeyWith({ name: 'ObjectGroup', value: group }) }) as const
  const made: string[] = []
  for (let batch = 0; batch < 10; batch++) {
    const items = await client.batch(Array.from({ length: 100 }, () => create('paged')))
    for (const item of items)
      if (item.status === 'Success') made.push(String((item.payload as { uniqueIdentifier: unknown }).uniqueIdentifier))
  }
  t.is(made.length, 1000)
  const newestFirst = [...made].reverse()
  const stop = { now: false }
  let later = 0
  const busy = (async () => {
    for (; !stop.now; later++) await other.batch([create(later % 2 === 0 ? 'another' : 'paged')])
  })()
  const page = (group: string | undefined, offsetItems: number, maximumItems: number) =>
    client.call('Locate', {
      offsetItems,
      maximumItems,
      attributes: group === undefined ? [] : [{ name: 'ObjectGroup', value: group }],
    })
  const seen = new Set<unknown>()
  let before = 1000
  for (let offset = 0; offset < before; offset += 90) {
    const { locatedItems, uniqueIdentifiers } = await page('paged', offset, 90)
    t.true((locatedItems ?? 0) >= before)
    before = locatedItems ?? 0
    t.is(uniqueIdentifiers.length, Math.min(90, before - offset))
    for (const id of uniqueIdentifiers) seen.add(id)
    const ours = uniqueIdentifiers.filter((id) => made.includes(String(id)))
    const at = newestFirst.indexOf(String(ours[0]))
    if (ours.length > 0) t.deepEqual(ours, newestFirst.slice(at, at + ours.length))
  }
  for (const id of made) t.true(seen.has(id))
  stop.now = true
  await busy
  t.true(later > 0)
  const all = await page('paged', 0, 5000)
  t.is(all.locatedItems, all.uniqueIdentifiers.length)
  t.deepEqual(all.uniqueIdentifiers.slice(-1000), newestFirst)
  const union: unknown[] = []
  for (let offset = 0; offset < all.uniqueIdentifiers.length; offset += 333) {
    const { locatedItems, uniqueIdentifiers } = await page('paged', offset, 333)
    t.is(locatedItems, all.locatedItems)
    union.push(...uniqueIdentifiers)
  }
  t.deepEqual(union, [...all.uniqueIdentifiers])
  t.deepEqual((await page('paged', 1_000_000, 10)).uniqueIdentifiers, [])
  t.deepEqual((await page('paged', 0, 0)).uniqueIdentifiers, [])
  t.is((await page(undefined, 0, 1)).locatedItems, 1000 + later)
})
