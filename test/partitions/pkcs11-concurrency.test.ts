import { randomBytes } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
// Before the shim is loaded: a module of its own would be finalized under it.
const [slow, fast] = [hsm.token('slow'), hsm.token('fast')]
const shim = pkcs11Shim(hsm.folder, hsm.module)
test.after.always(() => {
  shim.close()
  hsm.remove()
})

/** Microseconds that each call takes more: far longer than a thread waits for its turn of a processor. */
const slowCall = 10_000

const aes = { algorithm: 'AES', length: 256 } as const
const locked = { sensitive: true, extractable: false }
const mechanism = () => ({ cipher: 'GCM', iv: randomBytes(12), additionalData: new Uint8Array(), tagLength: 16 }) as const

test.serial('a device that takes its time is called in threads: as many calls at once as there are sessions, of every kind', async (t) => {
  const options = { name: 'slow', ...slow, module: shim.module, sessions: 4 }
  await createPkcs11Partition(options)
  shim.delay(slowCall)
  const partition = await openPkcs11Partition(options)
  const key = { handle: 'k', key: await partition.generateKey(aes, locked) }
  const all = {
    encrypt: () => partition.encrypt(key, mechanism(), Buffer.from('x')),
    generate: () => partition.generateKey(aes, locked),
    seal: () => partition.sealRecord(Buffer.from('record')),
    random: () => partition.random(16),
    hash: () => partition.hash('SHA_256', Buffer.from('abc')),
    import: () => partition.importKey({ kind: 'data', type: undefined, value: new Secret(Buffer.from('data')) }, locked),
  }
  // Threads are started when they are needed, which takes its time.
  await Promise.all(Array.from({ length: 100 }, all.encrypt))
  for (const [name, call] of Object.entries(all)) {
    // The first calls of each sort are made on the spot, until they were slow.
    for (let first = 0; first < 4; first++) await call()
    shim.resetMost()
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    await Promise.all(Array.from({ length: 24 }, (): Promise<unknown> => call()))
    clearInterval(turning)
    t.is(shim.counts().mostInFlight, 4, name)
    // The loop went round while the device was at work: nothing else waited for it.
    t.true(turns > 1, name)
  }
  shim.delay(0)
  await partition.close()
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
})

test.serial('a device that answers at once is called on the spot, and in threads as soon as it becomes slow', async (t) => {
  const options = { name: 'fast', ...fast, module: shim.module, sessions: 4 }
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  const seals = () => Promise.all(Array.from({ length: 24 }, () => partition.sealRecord(Buffer.from('record'))))
  shim.resetMost()
  await seals()
  t.is(shim.counts().mostInFlight, 1)
  shim.delay(slowCall)
  for (let round = 0; round < 4; round++) await seals()
  shim.resetMost()
  await seals()
  t.is(shim.counts().mostInFlight, 4)
  shim.delay(0)
  for (let round = 0; round < 20; round++) await seals()
  shim.resetMost()
  await seals()
  t.is(shim.counts().mostInFlight, 1)
  await partition.close()
})
