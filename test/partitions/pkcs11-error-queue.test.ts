import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

test('a failure of the token does not reach the keys that node:crypto parses next', async (t) => {
  const options = { name: 'bank', ...hsm.token('bank'), calls: 'direct' } as const
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  const aes = { algorithm: 'AES', length: 256 } as const
  const key = { handle: 'k', key: await partition.generateKey(aes, { sensitive: true, extractable: false }) }
  const der = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'der', type: 'pkcs8' })
  const mechanism = { wrap: 'AES-KEY-WRAP-PAD' } as const
  await t.throwsAsync(partition.unwrapKey(randomBytes(40), key, mechanism, 'secret', aes, { sensitive: true, extractable: true }))
  t.notThrows(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  await partition.close()
})
