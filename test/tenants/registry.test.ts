import test from 'ava'
import * as certs from '../../certs/index.ts'
import { Secret } from '../../src/objects/secret.ts'
import type { Partition } from '../../src/partitions/partition.ts'
import { type Identity, OpenPartitions, Registry } from '../../src/tenants/index.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

function newRegistry() {
  const { ledger, replica, commits, space } = memoryLedger()
  const parts = {
    ledger,
    replica,
    systemSpace: space('sys'),
    spaceOf: (tenant: string) => space(`t/${tenant}`),
    now: () => new Date('2026-11-24T12:00:00Z'),
  }
  return { registry: new Registry(parts), other: new Registry(parts), ledger, replica, commits, parts, space }
}

const software = { kind: 'software', name: 'main', ring: '' } as const

async function withTenant() {
  const house = newRegistry()
  await house.registry.addPartition(software)
  await house.registry.addTenant('bank', 'main')
  return house
}

test('tenants, users and partitions are kept, and seen by another process at once', async (t) => {
  const { registry, other } = await withTenant()
  await registry.enroll('bank', 'app', 'user')
  t.deepEqual(
    (await other.listTenants()).map(({ id, partition, policy }) => ({ id, partition, policy })),
    [{ id: 'bank', partition: 'main', policy: { freshness: 0, defaultExtractable: true, defaultSensitive: false } }],
  )
  const { users } = await other.showTenant('bank')
  t.deepEqual(
    users.map(({ name, permissions }) => ({ name, permissions: [...permissions] })),
    [{ name: 'app', permissions: ['locate', 'use'] }],
  )
  t.deepEqual(await other.listPartitions(), [software])
})

test('settings are read again only when a setting changed', async (t) => {
  const { registry, ledger, space } = await withTenant()
  const before = registry.settings.view()
  const place = { space: space('t/bank'), kind: 'object', id: 'key' } as const
  await ledger.commit({ nonce: new Uint8Array(16), guards: [], writes: [{ place, value: new Uint8Array(1) }] })
  t.is(registry.settings.view(), before)
  await registry.setPolicy('bank', { freshness: 5 })
  t.not(registry.settings.view(), before)
  t.is(registry.settings.view().tenants.get('bank')?.value.policy.freshness, 5)
})

test('a shorter freshness is answered when the longer one has run out; a longer one at once', async (t) => {
  const { registry } = await withTenant()
  const elapsed = async (freshness: number) => {
    const began = performance.now()
    await registry.setPolicy('bank', { freshness })
    return performance.now() - began
  }
  await elapsed(300)
  // A timer may come a moment early by another clock.
  t.true((await elapsed(100)) >= 299)
  t.true((await elapsed(0)) >= 99)
  t.true((await elapsed(60_000)) < 60_000)
})

test('concurrent changes are each made on what is there', async (t) => {
  const { registry, other } = await withTenant()
  await Promise.all([registry.enroll('bank', 'a'), other.enroll('bank', 'b'), registry.enroll('bank', 'c')])
  t.deepEqual((await registry.showTenant('bank')).users.map(({ name }) => name).sort(), ['a', 'b', 'c'])
  const results = await Promise.allSettled([registry.addTenant('shop', 'main'), other.addTenant('shop', 'main')])
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('of many changes at once none is refused', async (t) => {
  const { registry } = await withTenant()
  const names = Array.from({ length: 40 }, (_, index) => `user-${index}`)
  await Promise.all(names.map((name) => registry.enroll('bank', name)))
  t.deepEqual((await registry.showTenant('bank')).users.map(({ name }) => name).sort(), [...names].sort())
})

let anchor: string
test.before(async () => {
  anchor = (await certs.createAuthority({ name: 'foreign' })).certificate
})
const rule = () => ({ id: 'r', anchor, match: [{ field: 'CN', pattern: '{user}' }], tenant: 'bank', user: '{user}' })

for (const [name, change, message] of [
  ['a tenant twice', (r) => r.addTenant('bank', 'main'), 'tenant bank exists already'],
  [
    'a tenant name with a slash',
    (r) => r.addTenant('a/b', 'main'),
    'tenant "a/b": use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit',
  ],
  ['a tenant in no partition', (r) => r.addTenant('shop', 'other'), 'partition other does not exist; the partitions are: main'],
  ['a partition twice', (r) => r.addPartition(software), 'partition main exists already'],
  [
    'to remove a partition in use',
    (r) => r.removePartition('main'),
    'partition main holds the keys of tenant bank; remove that tenant first',
  ],
  ['a user of no tenant', (r) => r.enroll('shop', 'app'), 'tenant shop does not exist; the tenants are: bank'],
  [
    'a role that is none',
    (r) => r.enroll('bank', 'app', 'king'),
    'role "king" does not exist; use one of full, operator, user, reader, auditor',
  ],
  [
    'a password for nobody',
    (r) => r.setPassword('bank', 'ghost', new Secret(Buffer.from('long enough'))),
    'user ghost of tenant bank does not exist; run: tresor tenant enroll bank ghost',
  ],
  ['a short password', (r) => r.setPassword('bank', 'ghost', new Secret(Buffer.from('short'))), 'a password has at least 8 bytes'],
  ['a rule for no tenant', (r) => r.addRule({ ...rule(), tenant: 'shop' }), 'tenant shop does not exist; the tenants are: bank'],
  ['a rule without a match', (r) => r.addRule({ ...rule(), match: [] }), 'rule r: give at least one match, as FIELD=PATTERN'],
  [
    'a rule on an unknown field',
    (r) => r.addRule({ ...rule(), match: [{ field: 'L', pattern: 'x' }] }),
    'rule r: L is not one of CN, OU, O, URI, DNS, email',
  ],
  [
    'a rule with an unbound user',
    (r) => r.addRule({ ...rule(), match: [{ field: 'CN', pattern: 'x' }] }),
    'rule r: the user is {user}, but no pattern has that placeholder',
  ],
  [
    'a pattern with an unknown placeholder',
    (r) => r.addRule({ ...rule(), match: [{ field: 'CN', pattern: '{name}' }] }),
    'pattern "{name}": {name} is not one of {user}, {tenant}, {any}',
  ],
  [
    'a pattern that could match in two ways',
    (r) => r.addRule({ ...rule(), match: [{ field: 'CN', pattern: '{any}{user}' }] }),
    'pattern "{any}{user}": two placeholders need a text between them',
  ],
  ['an anchor that is no certificate', (r) => r.addRule({ ...rule(), anchor: 'x' }), 'rule r: holds no PEM "CERTIFICATE"'],
  ['to remove no rule', (r) => r.removeRule('x'), 'rule x does not exist; there are no rules yet'],
] as const satisfies readonly (readonly [string, (registry: Registry) => Promise<unknown>, string])[]) {
  test(`refuses ${name}`, async (t) => {
    const { registry } = await withTenant()
    await t.throwsAsync(change(registry), { message })
  })
}

test('a token is one partition: by its serial number, or by module and label where one is not known', async (t) => {
  const { registry } = newRegistry()
  const add = (name: string, module: string, serial?: string) =>
    registry.addPartition({ kind: 'pkcs11', name, module, token: 'label', pinFile: '/pin', ...(serial === undefined ? {} : { serial }) })
  await add('first', '/module.so', '0001')
  await add('second', '/module.so', '0002')
  const message = /^the token is partition first's already\. Two partitions would have one key-encryption key/
  await t.throwsAsync(add('again', '/elsewhere/module.so', '0001'), { message })
  await t.throwsAsync(add('again', '/module.so'), { message })
  await add('other', '/other.so')
})

test('a tenant with objects stays; an empty one goes, and its name and users are not given again', async (t) => {
  const { registry, ledger, space } = await withTenant()
  await registry.enroll('bank', 'app')
  const place = { space: space('t/bank'), kind: 'object', id: 'key-1' } as const
  await ledger.commit({ nonce: new Uint8Array(16), guards: [], writes: [{ place, value: new Uint8Array(1) }] })
  await t.throwsAsync(registry.removeTenant('bank'), {
    message: /^tenant bank has objects \(key-1 is one\), and .* is not removed; destroy its keys and dismiss its users/,
  })
  await ledger.commit({ nonce: new Uint8Array(16), guards: [], writes: [{ place, value: undefined }] })
  await registry.removeTenant('bank')
  t.deepEqual(await registry.listTenants(), [])
  await t.throwsAsync(registry.addTenant('bank', 'main'), {
    message: /^tenant bank was removed on 2026-11-24T12:00:00.000Z; .* choose another name$/,
  })
  await registry.removePartition('main')
  t.deepEqual(await registry.listPartitions(), [])
})

test('a removed user is not enrolled again', async (t) => {
  const { registry } = await withTenant()
  await registry.enroll('bank', 'app')
  await registry.removeUser('bank', 'app')
  await t.throwsAsync(registry.enroll('bank', 'app'), { message: /^user app of tenant bank was removed on/ })
})

test('a password is stored as a verifier alone, and its bytes are wiped', async (t) => {
  const { registry, commits } = await withTenant()
  await registry.enroll('bank', 'app')
  const password = new Secret(Buffer.from('correct horse'))
  await registry.setPassword('bank', 'app', password)
  t.true(password.expose().every((byte) => byte === 0))
  const written = commits.flatMap(({ writes }) => writes.map(({ value }) => Buffer.from(value ?? []).toString()))
  t.false(written.some((text) => text.includes('correct horse')))
  t.false(JSON.stringify(await registry.showTenant('bank')).includes('hash'))
})

test('a partition is opened once, at first use, tried again after a failure, and reached from its own tenant alone', async (t) => {
  const { registry, ledger } = await withTenant()
  let opened = 0
  let closed = 0
  const partition = { close: async () => void closed++ } as unknown as Partition
  const partitions = new OpenPartitions(
    registry.settings,
    async () => {
      if (++opened === 1) throw new Error('the device is off')
      return partition
    },
    (tenant) => `t/${tenant}` as ReturnType<ReturnType<typeof memoryLedger>['space']>,
  )
  const context = partitions.contextOf({ tenant: 'bank' } as unknown as Identity)
  t.is(context.space as string, 't/bank')
  t.is(opened, 0)
  await t.throwsAsync(context.partition(), { message: 'the device is off' })
  t.deepEqual(await Promise.all([context.partition(), context.partition()]), [partition, partition])
  t.is(opened, 2)
  await partitions.close()
  t.is(closed, 1)
  await registry.removeTenant('bank')
  t.throws(() => partitions.contextOf({ tenant: 'bank' } as unknown as Identity), { message: 'Tenant bank does not exist any more.' })
  t.is((await ledger.commit({ nonce: new Uint8Array(16), guards: [context.guard], writes: [] })).outcome, 'conflict')
})
