import test from 'ava'
import { CallPace } from '../../src/partitions/pkcs11/call-pace.ts'

const limit = 0.25

/** Calls and whether the device then counts as one that answers within a quarter of a millisecond; the calls before it did. */
const paces: readonly (readonly [string, readonly number[], boolean])[] = [
  ['a library', Array.from({ length: 50 }, () => 0.02), true],
  [
    'a library on a busy machine: a third of the calls wait for a core',
    Array.from({ length: 300 }, (_, n) => (n % 3 === 0 ? 12 : 0.03)),
    true,
  ],
  ['a box on a network', Array.from({ length: 12 }, () => 1), false],
  [
    'a box on a network whose client answers a third of the calls itself',
    Array.from({ length: 300 }, (_, n) => (n % 3 === 0 ? 0.01 : 1)),
    false,
  ],
  ['one slow call', [500], true],
  ['a library after it was slow for long', [...Array.from({ length: 500 }, () => 40), ...Array.from({ length: 20 }, () => 0.03)], true],
]

for (const [what, calls, fast] of paces) {
  test(`the pace of ${what}`, (t) => {
    const pace = new CallPace()
    for (const milliseconds of calls) pace.took(milliseconds)
    t.is(pace.within(limit), fast)
  })
}
