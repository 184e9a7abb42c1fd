import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { openPkcs11Partition } from '../../src/partitions/index.ts'
import { isLost, isOfModule } from '../../src/partitions/pkcs11/device-error.ts'
import { generationOf, initializeAgain } from '../../src/partitions/pkcs11/module.ts'
import { createPkcs11Partition } from '../../src/partitions/pkcs11/pkcs11-partition.ts'
import { Token } from '../../src/partitions/pkcs11/token.ts'
import { type RemotedModule, remotedModule } from '../support/remoted-module.ts'

let remoted: RemotedModule
test.before(async () => {
  remoted = await remotedModule('far')
})
test.after.always(() => remoted?.remove())

const options = () => ({ name: 'far', module: remoted.module, token: 'far', pinFile: remoted.pinFile, sessions: 3 })

test.serial("p11-kit's client passes no key wrap with padding on: a partition there is refused, by name", async (t) => {
  await createPkcs11Partition(options())
  const error = await t.throwsAsync(openPkcs11Partition(options()), { instanceOf: KmipError })
  t.regex(error?.message ?? '', /The token of partition far has no AES key wrap with padding/)
})

test.serial('the process behind a remoted module is killed: calls fail and say so, and go again once it is back', async (t) => {
  let token = await Token.open({ ...options(), calls: 'threads' })
  for (let fall = 0; fall < 3; fall++) {
    t.is((await token.random(16)).length, 16)
    // Its module is another application for each thread: all calls share the one connection that is logged in.
    t.is((await token.find({ TOKEN: true })).length, 2)
    await remoted.kill()
    for (const outcome of await Promise.allSettled([token.random(16), token.random(16), token.find({ TOKEN: true })])) {
      t.true(outcome.status === 'rejected' && outcome.reason instanceof KmipError && outcome.reason.reason === 'GeneralFailure')
      t.true(outcome.status === 'rejected' && isLost(outcome.reason), outcome.status === 'rejected' ? String(outcome.reason) : '')
    }
    const gone = await t.throwsAsync(Token.open(options()), { instanceOf: KmipError })
    t.true(isOfModule(gone), gone?.message)
    await remoted.start()
    await initializeAgain(remoted.module, generationOf(remoted.module))
    const next = await Token.open({ ...options(), calls: 'threads' })
    await token.close()
    token = next
  }
  t.is((await token.find({ TOKEN: true })).length, 2)
  await token.close()
})
