import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { isLost } from '../../src/partitions/pkcs11/device-error.ts'
import { duringCall, generationOf, initializeAgain } from '../../src/partitions/pkcs11/module.ts'
import { Token } from '../../src/partitions/pkcs11/token.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

test('what is opened while a module waits to be initialized anew ends with what was open: its sessions would be others', async (t) => {
  const options = { name: 'bank', ...hsm.token('bank') }
  const { module } = options
  const before = await Token.open(options)
  let end = () => {}
  const call = duringCall(module, () => new Promise<void>((resolve) => (end = resolve)))
  const first = initializeAgain(module, generationOf(module))
  const between = await Token.open(options)
  const second = initializeAgain(module, generationOf(module))
  end()
  await call
  await first
  const after = await Token.open(options)
  await second
  for (const token of [before, between]) {
    const error = await t.throwsAsync(token.random(16), { instanceOf: KmipError })
    t.regex(error?.message ?? '', /initialized anew/)
    t.true(isLost(error))
  }
  // Those who lost it at the same time had it initialized once.
  t.is((await after.random(16)).length, 16)
  for (const token of [before, between, after]) await token.close()
})
