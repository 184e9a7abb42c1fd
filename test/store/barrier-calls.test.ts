import test from 'ava'
import { BarrierCalls } from '../../src/store/barrier-calls.ts'

test('after a call that many shared, the next begins when their requests may be done', async (t) => {
  const asked: number[] = []
  const calls = new BarrierCalls(async () => void asked.push(performance.now()))
  await Promise.all(Array.from({ length: 60 }, () => calls.pass()))
  await Promise.all([calls.pass(), calls.pass()])
  t.is(asked.length, 2)
  t.true((asked[1] as number) - (asked[0] as number) >= 2)
})
