import test from 'ava'
import { CallPace, CallPaces } from '../../src/partitions/pkcs11/call-pace.ts'

const calls = (count: number, milliseconds: (index: number) => number) => Array.from({ length: count }, (_, index) => milliseconds(index))

/** Calls, in milliseconds, and whether the device then counts as one that answers at once. */
const paces: readonly (readonly [string, readonly number[], boolean])[] = [
  ['a library', calls(50, () => 0.02), true],
  ['a library on a busy machine: two thirds of the calls wait for a core', calls(300, (n) => (n % 3 === 0 ? 0.03 : 12)), true],
  ['a box on a network', calls(50, () => 1), false],
  ['a box whose client answers some calls itself', calls(300, (n) => (n % 10 === 0 ? 0.01 : 1)), false],
  ['a library after it was slow for long', [...calls(500, () => 40), ...calls(5, () => 0.03)], true],
  ['a library that has become slow', [...calls(500, () => 0.03), ...calls(20, () => 1)], false],
]

for (const [what, taken, fast] of paces) {
  test(`the pace of ${what}`, (t) => {
    for (const assumed of ['fast', 'slow'] as const) {
      const pace = new CallPace(assumed)
      for (const milliseconds of taken) pace.took(milliseconds)
      t.is(pace.isFast, fast)
    }
  })
}

test('what is assumed holds until three slow calls, or one fast one', (t) => {
  const assumedFast = new CallPace('fast')
  for (const fast of [true, true, true, false]) {
    t.is(assumedFast.isFast, fast)
    assumedFast.took(1)
  }
  const assumedSlow = new CallPace('slow')
  t.false(assumedSlow.isFast)
  assumedSlow.took(0.03)
  t.true(assumedSlow.isFast)
})

test('each sort of call has a pace of its own', (t) => {
  const paces = new CallPaces()
  for (let call = 0; call < 20; call++) {
    paces.of('random', 'fast').took(0.01)
    paces.of('encrypt AES-GCM', 'fast').took(1)
  }
  t.true(paces.of('random', 'fast').isFast)
  t.false(paces.of('encrypt AES-GCM', 'fast').isFast)
})
