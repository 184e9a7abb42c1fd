import test from 'ava'
import { z } from 'zod'
import { BadCall, checked, text } from '../../src/admin/parameters.ts'

const call = z.strictObject({ tenant: text, policy: z.strictObject({ freshness: z.int().min(0).max(10_000) }) })

for (const [given, says] of [
  [{ tenant: 'bank', policy: { freshness: 20_000 } }, 'policy.freshness: 10000 at most'],
  [{ tenant: 'bank', policy: { freshness: -1 } }, 'policy.freshness: 0 at least'],
  [{ tenant: '', policy: { freshness: 0 } }, /^tenant: /],
  [7, /^the call: /],
] as const)
  test(`a wrong call is told in one sentence: ${JSON.stringify(given)}`, (t) => {
    t.throws(() => checked(call, given), { instanceOf: BadCall, message: says })
  })
