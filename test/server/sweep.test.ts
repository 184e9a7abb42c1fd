import test from 'ava'
import { Claims } from '../../src/server/claims.ts'
import { type JobPlaces, newCorrelationValue, placesOf } from '../../src/server/job-record.ts'
import { lapsedIn } from '../../src/server/lapsed.ts'
import { lapsingPlaces } from '../../src/server/lapsing-place.ts'
import { silentLog } from '../../src/server/log.ts'
import { ticketPlaces } from '../../src/server/request-tickets.ts'
import { Sweep } from '../../src/server/sweep.ts'
import { type ChangeSet, tenantSpace, workSpace } from '../../src/store/index.ts'
import { type SettingsView, tenantId } from '../../src/tenants/index.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

const places = lapsingPlaces('thing')
const tenants = ['bank', 'shop'].map((name) => tenantId(name))
const view = { tenants: new Map(tenants.map((id) => [id, { value: { id }, revision: 1 }])) } as unknown as SettingsView

/** Several processes over one ledger, and a clock for all their stopwatches. */
function processes() {
  const { ledger, replica, commits } = memoryLedger()
  let clock = 0
  let second = 100
  const start = () => {
    const claims = new Claims({ ledger, replica, space: workSpace, elapsed: () => clock, patience: 5_000 })
    const lapsed = (space: ReturnType<typeof tenantSpace>) => places.lapsed(replica, space, second)
    return { claims, sweep: new Sweep({ ledger, settings: { view: () => view }, spaceOf: tenantSpace, claims, lapsed, log: silentLog() }) }
  }
  const put = async (tenant: (typeof tenants)[number], until: number, name: string) => {
    const place = { space: tenantSpace(tenant), kind: 'setting', id: places.at(until, name) } as const
    await ledger.commit({ nonce: new Uint8Array(16), guards: [], writes: [{ place, value: new Uint8Array(1) }] })
  }
  const left = () => tenants.flatMap((id) => [...replica.list(tenantSpace(id), 'setting')].map((one) => one.id))
  return {
    start,
    put,
    left,
    commits,
    replica,
    ledger,
    pass: (milliseconds: number) => {
      clock += milliseconds
    },
    at: (time: number) => {
      second = time
    },
  }
}

test('what has lapsed goes, of every tenant and however much it is, and nothing else; nothing is written when nothing has', async (t) => {
  const { start, put, left, commits, replica, at } = processes()
  const { sweep } = start()
  const [bank, shop] = tenants as [(typeof tenants)[number], (typeof tenants)[number]]
  for (let index = 0; index < 250; index++) await put(bank, 90, `old ${index}`)
  await put(bank, 101, 'young')
  await put(shop, 100, 'old')
  await put(shop, 0xfffff, 'young')
  t.is(await sweep.look(), 251)
  t.deepEqual(left(), [places.at(101, 'young'), places.at(0xfffff, 'young')])
  t.deepEqual([...replica.list(workSpace, 'setting')], [])
  t.true(commits.every(({ writes }) => writes.length <= 100))
  const before = commits.length
  t.is(await sweep.look(), 0)
  t.is(commits.length, before)
  at(101)
  t.is(await sweep.look(), 1)
})

test('one process sweeps at a time; when it dies another takes over, after its patience and no sooner', async (t) => {
  const { start, put, left, pass } = processes()
  const [dead, alive] = [start(), start()]
  await put(tenants[0] as (typeof tenants)[number], 90, 'old')
  t.true(await dead.claims.take('sweep'))
  t.is(await alive.sweep.look(), 0)
  pass(4_000)
  t.is(await alive.sweep.look(), 0)
  await dead.claims.renew(['sweep'])
  pass(4_000)
  t.is(await alive.sweep.look(), 0)
  pass(4_999)
  t.is(await alive.sweep.look(), 0)
  t.is(left().length, 1)
  pass(1)
  t.is(await alive.sweep.look(), 1)
  t.is(left().length, 0)
})

test('of many that would take a claim over, one does; what another took is not written any more; what is set free is taken at once', async (t) => {
  const { start, pass, replica } = processes()
  const [first, ...others] = Array.from({ length: 8 }, () => start().claims)
  t.true(await first?.take('work'))
  for (const each of others) t.false(await each.take('work'))
  pass(5_000)
  const taken = await Promise.all(others.map((each) => each.take('work')))
  t.is(taken.filter(Boolean).length, 1)
  const [, stored] = [...replica.list(workSpace, 'setting')].flatMap(({ id, stored }) => [id, stored.revision])
  await first?.renew(['work'])
  await first?.end('work')
  t.is([...replica.list(workSpace, 'setting')][0]?.stored.revision, stored as number)
  const winner = others[taken.indexOf(true)]
  await winner?.free(['work'])
  t.true(await first?.take('work'))
  await first?.end('work')
  t.deepEqual(winner?.names(''), [])
})

test('tickets and jobs lapse by their second; a job whose answer was had goes two minutes later, with what lies beside it', (t) => {
  const { ledger, replica, space } = memoryLedger()
  const here = space('t/bank')
  const put = (id: string, value = '') =>
    ledger.commit({
      nonce: new Uint8Array(16),
      guards: [],
      writes: [{ place: { space: here, kind: 'setting', id }, value: Buffer.from(`${value}\0seal`) }],
    })
  const [old, young] = [placesOf(newCorrelationValue(1_000)), placesOf(newCorrelationValue(9_000))] as JobPlaces[]
  const had = placesOf(newCorrelationValue(9_001)) as JobPlaces
  for (const { job, content } of [old, young] as JobPlaces[]) for (const id of [job, content]) put(id)
  put(had.content)
  put(had.polled, JSON.stringify({ polled: 1_880 }))
  put(ticketPlaces.at(999, 'old'))
  put(ticketPlaces.at(2_001, 'young'))
  put('idempotency/2026-01-01/key')
  const lapsed = (second: number) => [...lapsedIn(replica, here, second)].sort()
  t.deepEqual(lapsed(998), [])
  t.deepEqual(lapsed(1_000), [old?.content, old?.job, ticketPlaces.at(999, 'old')].sort())
  t.deepEqual(lapsed(1_999), lapsed(1_000))
  t.deepEqual(lapsed(2_000), [...lapsed(1_000), had.content, had.polled].sort())
})

test('one that is stopped while much has lapsed ends with what it is removing', async (t) => {
  const { put, left, ledger, replica } = processes()
  const [bank] = tenants as [(typeof tenants)[number]]
  for (let index = 0; index < 250; index++) await put(bank, 90, `old ${index}`)
  const claims = new Claims({ ledger, replica, space: workSpace })
  const lapsed = (space: ReturnType<typeof tenantSpace>) => places.lapsed(replica, space, 100)
  const commit = async (changes: ChangeSet) => {
    if (changes.writes.length > 1) void sweep.stop()
    return await ledger.commit(changes)
  }
  const sweep = new Sweep({
    ledger: { barrier: () => ledger.barrier(), commit },
    settings: { view: () => view },
    spaceOf: tenantSpace,
    claims,
    lapsed,
    log: silentLog(),
  })
  t.is(await sweep.look(), 100)
  t.is(left().length, 150)
})
