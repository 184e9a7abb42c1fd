import type { KmipError } from '../../spec/kmip-error.ts'
import { operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { hex } from '../support/registered-keys.ts'

const data = hex('01020304050607080910111213141516')

/** CS-AC-M-7. */
for (const [hashingAlgorithm, digest] of [
  ['SHA_256', 'ad41233d22cf9322e3a7ff49a13da434797abed3bab80950a1a0d4e582b7ea72'],
  ['SHA_1', undefined],
  ['SHA3_512', undefined],
] as const) {
  test(`hashes with ${hashingAlgorithm}`, async (t) => {
    const { data: made } = await operationContext().run('Hash', { cryptographicParameters: { hashingAlgorithm }, data })
    t.is(made?.length, { SHA_256: 32, SHA_1: 20, SHA3_512: 64 }[hashingAlgorithm])
    if (digest !== undefined) t.is(Buffer.from(made!).toString('hex'), digest)
  })
}

test('refuses to hash with nothing, with what nobody has, and nothing at all', async (t) => {
  const bench = operationContext()
  for (const [request, reason] of [
    [{ data }, 'BadCryptographicParameters'],
    [{ data, cryptographicParameters: {} }, 'BadCryptographicParameters'],
    [{ data, cryptographicParameters: { hashingAlgorithm: 'Tiger' } }, 'UnsupportedCryptographicParameters'],
    [{ cryptographicParameters: { hashingAlgorithm: 'SHA_256' } }, 'InvalidMessage'],
    [{ data, cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, finalIndicator: true }, 'InvalidMessage'],
  ] as const) {
    t.is((await t.throwsAsync<KmipError>(bench.run('Hash', request))).reason, reason)
  }
})
