import test from 'ava'
import { RecentBarriers } from '../../src/server/recent-barriers.ts'

/** A ledger whose barriers pass when told, and a clock that stands until it is moved. */
function bench() {
  const passing: (() => void)[] = []
  const clock = { now: 1000 }
  const barriers = new RecentBarriers({ barrier: () => new Promise((resolve) => passing.push(resolve)) }, () => clock.now)
  return { passing, clock, barriers }
}

test('a barrier serves as long as it began no earlier than the freshness allows, however late it passed', async (t) => {
  const { passing, clock, barriers } = bench()
  const first = barriers.pass('a', 100)
  clock.now += 80
  passing[0]?.()
  await first
  clock.now += 20
  await barriers.pass('a', 100)
  t.is(passing.length, 1, '100 ms after it began')
  clock.now += 1
  const second = barriers.pass('a', 100)
  t.is(passing.length, 2, '101 ms after it began')
  passing[1]?.()
  await second
})

test('one tenant’s freshness is not another’s', async (t) => {
  const { passing, clock, barriers } = bench()
  const first = barriers.pass('a', 1000)
  passing[0]?.()
  await first
  clock.now += 50
  await barriers.pass('a', 1000)
  void barriers.pass('b', 49)
  t.is(passing.length, 2)
})

test('a tenant that changed something passes a new barrier; the others do not', async (t) => {
  const { passing, clock, barriers } = bench()
  const first = barriers.pass('a', 1000)
  passing[0]?.()
  await first
  clock.now += 50
  barriers.changed('a')
  await barriers.pass('b', 1000)
  t.is(passing.length, 1)
  clock.now += 1
  const second = barriers.pass('a', 1000)
  t.is(passing.length, 2)
  passing[1]?.()
  await second
  await barriers.pass('a', 1000)
  t.is(passing.length, 2)
})

test('a barrier that failed serves nobody', async (t) => {
  const clock = { now: 0 }
  let asked = 0
  const barriers = new RecentBarriers(
    {
      barrier: async () => {
        if (++asked === 1) throw new Error('no majority')
      },
    },
    () => clock.now,
  )
  await t.throwsAsync(barriers.pass('a', 1000))
  await barriers.pass('a', 1000)
  t.is(asked, 2)
})
