import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
// Before the shim is loaded: a module of its own would be finalized under it.
const token = hsm.token('counted')
const shim = pkcs11Shim(hsm.folder, hsm.module)
test.after.always(() => {
  shim.close()
  hsm.remove()
})

const gcm = { cipher: 'GCM', iv: Buffer.alloc(12, 1), additionalData: new Uint8Array(), tagLength: 16 } as const

test('how many calls of the module each operation takes: what a device on a network is asked for is what it costs', async (t) => {
  const options = { name: 'counted', ...token, module: shim.module }
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  const counted = async <T>(calls: number, what: string, action: () => Promise<T>): Promise<T> => {
    const before = shim.allCalls()
    const result = await action()
    t.is(shim.allCalls() - before, calls, what)
    return result
  }
  const make = () => partition.generateKey({ algorithm: 'AES', length: 256 }, { sensitive: false, extractable: true })
  const key = await counted(8, 'made: generated, digested (3), wrapped, its MAC (2), destroyed', make)
  const reference = { handle: 'key', key }
  const encrypt = () => partition.encrypt(reference, gcm, Buffer.alloc(64))
  const reveal = () => partition.reveal(reference)
  await counted(5, 'the first use: the MAC is checked (2), the key unwrapped', encrypt)
  await counted(2, 'a held key', encrypt)
  await counted(4, 'revealed: the MAC is checked (2), the key unwrapped as one that may leave, and wrapped', reveal)
  await counted(1, 'revealed again', reveal)
  await counted(2, 'a record is sealed', () => partition.sealRecord(Buffer.from('record')))
  t.is(shim.counts().objects, 3, 'the key, as one to use and as one that may leave, and the key that values go out under')
  partition.forget('key')
  await nextTurn()
  t.is(shim.counts().objects, 1)
  await partition.close()
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
})
