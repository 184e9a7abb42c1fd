import { createHash, createHmac, randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { KeptAnswers, type Repeated } from '../../src/server/kept-answers.ts'
import { type ChangeSet, UnitOfWork } from '../../src/store/index.ts'
import type { LocalReplica } from '../../src/store/replica.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

const hour = 3_600_000
const noon = Date.UTC(2026, 0, 15, 12)
const seal = (record: Uint8Array) => createHmac('sha256', 'a partition').update(record).digest()
const partition = {
  sealRecord: async (record: Uint8Array) => seal(record),
  checkRecord: async (record: Uint8Array, other: Uint8Array) => seal(record).equals(other),
}
const digestOf = (payload: string) => createHash('sha256').update(payload).digest()
const repeated = (more: Partial<Repeated> = {}): Repeated => ({
  user: 'app',
  idempotencyKey: Buffer.alloc(16, 7),
  digest: digestOf('an AES key'),
  ...more,
})

function store() {
  const { ledger, replica, commits, space } = memoryLedger()
  const at = (now: number, name = 't/demo') => {
    const unit = new UnitOfWork(replica as LocalReplica, space(name))
    const kept = new KeptAnswers({ tenant: name, space: space(name), unit, replica: replica as LocalReplica, partition, now })
    return { kept, unit }
  }
  const make = async (now: number, what: Repeated, identifiers: readonly string[]) => {
    const { kept, unit } = at(now)
    if ((await kept.find(what)) !== undefined) return 'there already'
    await kept.keep(what, identifiers)
    return (await ledger.commit(unit.changes() as ChangeSet)).outcome
  }
  const count = () => [...replica.list(space('t/demo'), 'setting')].length
  return { at, make, count, commits, ledger }
}

for (const [name, later, found] of [
  ['at once', 0, true],
  ['a day later', 24 * hour, true],
  ['at the end of the next day', 36 * hour - 1, true],
  ['two days later', 48 * hour, false],
  ['by a node whose clock is a moment before midnight', -12 * hour - 1, true],
] as const)
  test(`what was made under a key ${found ? 'is found' : 'is not known any more'}: ${name}`, async (t) => {
    const { at, make } = store()
    t.is(await make(noon, repeated(), ['one', 'two']), 'committed')
    t.deepEqual(await at(noon + later).kept.find(repeated()), found ? ['one', 'two'] : undefined)
  })

for (const [name, more] of [
  ['another key', { idempotencyKey: Buffer.alloc(17, 7) }],
  ['another user', { user: 'other' }],
] as const)
  test(`${name} is another first sending`, async (t) => {
    const { at, make } = store()
    await make(noon, repeated(), ['one'])
    t.is(await at(noon).kept.find(repeated(more)), undefined)
  })

test('another tenant has its own', async (t) => {
  const { at, make } = store()
  await make(noon, repeated(), ['one'])
  t.is(await at(noon, 't/other').kept.find(repeated()), undefined)
})

test('the same key with another request is refused', async (t) => {
  const { at, make } = store()
  await make(noon, repeated(), ['one'])
  await t.throwsAsync(at(noon).kept.find(repeated({ digest: digestOf('an RSA key') })), {
    instanceOf: KmipError,
    message: /came before with another Operation or Request Payload/,
  })
})

for (const [name, other] of [
  ['at the same time', noon],
  ['on both sides of midnight', noon + 12 * hour],
] as const)
  test(`of two that find nothing, one commits: ${name}`, async (t) => {
    const { at, ledger } = store()
    const first = at(name === 'at the same time' ? noon : noon + 12 * hour - 1)
    const second = at(other)
    const sets: ChangeSet[] = []
    for (const { kept, unit } of [first, second]) {
      t.is(await kept.find(repeated()), undefined)
      await kept.keep(repeated(), [`made by ${sets.length}`])
      sets.push(unit.changes() as ChangeSet)
    }
    t.deepEqual(
      [(await ledger.commit(sets[1] as ChangeSet)).outcome, (await ledger.commit(sets[0] as ChangeSet)).outcome],
      ['committed', 'conflict'],
    )
  })

test('neither key nor request lies in the store, and an entry that was edited is not believed', async (t) => {
  const { at, make, commits, ledger } = store()
  await make(noon, repeated(), ['one'])
  const [write] = commits[0]?.writes ?? []
  if (write?.value === undefined) return t.fail('nothing was written')
  const stored = Buffer.concat([Buffer.from(write.place.id), write.value])
  for (const secret of [Buffer.alloc(16, 7), digestOf('an AES key')])
    for (const form of ['latin1', 'hex', 'base64url'] as const) t.false(stored.includes(secret.toString(form), 0, 'latin1'))
  const edited = Buffer.from(write.value)
  edited.write('two', 2)
  await ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place: write.place, value: edited }] })
  await t.throwsAsync(at(noon).kept.find(repeated()), { instanceOf: KmipError })
})

test('what is too old goes as new ones come, unguarded and a few at a time', async (t) => {
  const { make, count, commits } = store()
  const old = 300
  for (let index = 0; index < old; index++) await make(noon, repeated({ idempotencyKey: randomBytes(16) }), ['one'])
  t.is(count(), old)
  const before = commits.length
  for (let index = 0; index < old; index++) await make(noon + 48 * hour, repeated({ idempotencyKey: randomBytes(16) }), ['one'])
  const removals = commits.slice(before).map(({ guards, writes }) => {
    const removed = writes.filter(({ value }) => value === undefined).map(({ place }) => place.id)
    t.false(guards.some(({ place }) => removed.includes(place.id)))
    return removed.length
  })
  t.is(Math.max(...removals), 32)
  t.true(count() < old + 200, `${count()} are left of ${old} old and ${old} new ones`)
})
