import test from 'ava'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { ckr } from '../../src/partitions/pkcs11/constants.ts'
import { withToken } from '../../src/partitions/pkcs11/token.ts'
import { probeTrustedWrapping } from '../../src/partitions/pkcs11/trusted-wrapping.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const options = { name: 'bank', ...hsm.token('bank') }
const shim = pkcs11Shim(hsm.folder, hsm.module)
const shimmed = { ...options, module: shim.module }
test.before(() => createPkcs11Partition(shimmed))
test.afterEach.always(() => shim.heal())
test.after.always(() => {
  shim.close()
  hsm.remove()
})

for (const [code, found] of [
  ['KEY_NOT_WRAPPABLE', 'enforced'],
  ['WRAPPING_KEY_HANDLE_INVALID', 'enforced'],
  ['KEY_SIZE_RANGE', 'refused'],
] as const)
  test.serial(`a token that answers ${code} to a wrapping under a key that nobody trusts: ${found}`, async (t) => {
    await withToken(shimmed, async (token) => {
      shim.fail('C_WrapKey', ckr[code])
      t.is(await probeTrustedWrapping(token), found)
    })
  })
