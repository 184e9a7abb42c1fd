import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const token = hsm.token('bank')
const shim = pkcs11Shim(hsm.folder, hsm.module)
test.after.always(() => {
  shim.close()
  hsm.remove()
})

const open = { sensitive: false, extractable: true }
const aes = (length: number) => ({ algorithm: 'AES', length }) as const

test('a wrapped key that is of another length than was said is refused, and does not stay in the token', async (t) => {
  const options = { name: 'bank', ...token, module: shim.module }
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  const wrapping = { handle: 'wrapping', key: await partition.generateKey(aes(256), open) }
  const target = { handle: 'target', key: await partition.generateKey(aes(128), open) }
  const mechanism = { wrap: 'AES-KEY-WRAP' } as const
  const wrapped = await partition.wrapKey(target, wrapping, mechanism)
  await partition.unwrapKey(wrapped, wrapping, mechanism, 'secret', aes(128), open)
  const settled = async (most: number) => {
    for (let waited = 0; shim.counts().objects > most && waited < 100; waited++) await sleep(50)
    return shim.counts().objects
  }
  // The carrier key, and the wrapping key that is held.
  t.is(await settled(2), 2)
  for (let round = 0; round < 5; round++) {
    const refused = partition.unwrapKey(wrapped, wrapping, mechanism, 'secret', aes(256), open)
    t.is((await t.throwsAsync(refused, { instanceOf: KmipError }))?.reason, 'InvalidField')
  }
  t.is(await settled(2), 2)
  await partition.close()
})
