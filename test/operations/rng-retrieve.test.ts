import type { KmipError } from '../../spec/kmip-error.ts'
import { longestRandom } from '../../src/operations/rng-retrieve.ts'
import { operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'

test('gives as many random bytes as asked for, new ones each time', async (t) => {
  const bench = operationContext()
  for (const dataLength of [1, 32, longestRandom]) t.is((await bench.run('RNGRetrieve', { dataLength })).data.length, dataLength)
  const [one, other] = [await bench.run('RNGRetrieve', { dataLength: 32 }), await bench.run('RNGRetrieve', { dataLength: 32 })]
  t.notDeepEqual(one.data, other.data)
})

for (const dataLength of [0, -1, longestRandom + 1]) {
  test(`refuses ${dataLength} bytes`, async (t) => {
    const error = await t.throwsAsync<KmipError>(operationContext().run('RNGRetrieve', { dataLength }))
    t.is(error.reason, 'InvalidField')
    t.is(error.message, `RNG Retrieve gives 1 to ${longestRandom} bytes; the Data Length says ${dataLength}.`)
  })
}
