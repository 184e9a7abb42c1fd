import test from 'ava'
import { BarrierCalls } from '../../src/store/barrier-calls.ts'

for (const { requests, least } of [
  { requests: 1, least: 0 },
  { requests: 60, least: 2 },
])
  test(`after a call that ${requests} shared, the next begins ${least} milliseconds later at least`, async (t) => {
    const asked: number[] = []
    const calls = new BarrierCalls(async () => void asked.push(performance.now()))
    await Promise.all(Array.from({ length: requests }, () => calls.pass()))
    await Promise.all([calls.pass(), calls.pass()])
    t.is(asked.length, 2)
    t.true((asked[1] as number) - (asked[0] as number) >= least)
  })
