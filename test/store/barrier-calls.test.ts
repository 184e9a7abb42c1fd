import test from 'ava'
import { BarrierCalls } from '../../src/store/barrier-calls.ts'

test('after a call that many shared, the next begins when their requests may be done', async (t) => {
  let clock = 1000
  const asked: number[] = []
  const sleep = async (milliseconds: number) => {
    clock += milliseconds
  }
  const calls = new BarrierCalls(async () => void asked.push(clock), { now: () => clock, sleep })
  await Promise.all(Array.from({ length: 60 }, () => calls.pass()))
  await Promise.all([calls.pass(), calls.pass()])
  t.deepEqual(asked, [1000, 1003])
  clock += 10
  await calls.pass()
  t.deepEqual(asked, [1000, 1003, 1013])
})
