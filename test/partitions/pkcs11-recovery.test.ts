import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { createPkcs11Partition, RefusedPins, ReopeningPartition } from '../../src/partitions/index.ts'
import { ckr } from '../../src/partitions/pkcs11/constants.ts'
import { pkcs11Shim, type ShimFunction } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const tokens = new Map(['bank', 'gone', 'pin'].map((label) => [label, hsm.token(label)]))
const shim = pkcs11Shim(hsm.folder, hsm.module)
test.after.always(() => {
  shim.close()
  hsm.remove()
})

const aes = { algorithm: 'AES', length: 256 } as const
const locked = { sensitive: true, extractable: false }
const mechanism = { cipher: 'CBC', padding: 'PKCS5', iv: Buffer.alloc(16) } as const
const message = Buffer.from('kept through it all')
const optionsOf = (label: string) => ({ name: label, ...tokens.get(label)!, module: shim.module })

/** Time that stands still but when a test moves it: attempts to open a device keep a distance. */
function stoppedTime() {
  let now = 1e6
  return { now: () => now, pass: () => (now += 10_000) }
}

async function opened(label: string, more: { calls?: 'threads' | 'direct'; refusedPins?: RefusedPins } = {}) {
  const time = stoppedTime()
  const told: (string | undefined)[] = []
  const partition = new ReopeningPartition({ ...optionsOf(label), sessions: 2, ...more }, (problem) => told.push(problem), time.now)
  return { partition, time, told }
}

async function refused(t: ExecutionContext, work: Promise<unknown>): Promise<string> {
  const error = await t.throwsAsync(work, { instanceOf: KmipError })
  t.is(error?.reason, 'GeneralFailure')
  return error?.message ?? ''
}

test.before(async () => {
  for (const label of tokens.keys()) await createPkcs11Partition(optionsOf(label))
})
test.afterEach.always(() => shim.heal())

const losses: readonly (readonly [keyof typeof ckr, ShimFunction])[] = [
  ['SESSION_HANDLE_INVALID', 'C_EncryptInit'],
  ['SESSION_CLOSED', 'C_Encrypt'],
  ['USER_NOT_LOGGED_IN', 'C_EncryptInit'],
  ['KEY_HANDLE_INVALID', 'C_EncryptInit'],
  ['DEVICE_ERROR', 'C_Encrypt'],
  ['DEVICE_REMOVED', 'C_SignInit'],
  ['TOKEN_NOT_PRESENT', 'C_UnwrapKey'],
]

for (const calls of ['threads', 'direct'] as const) {
  for (const [name, which] of losses) {
    test.serial(`${name} at ${which}, calls ${calls}: the request that meets it is answered, by a partition opened anew`, async (t) => {
      const { partition, time, told } = await opened('bank', { calls })
      const key = { handle: 'k', key: await partition.generateKey(aes, locked) }
      const before = await partition.encrypt(key, mechanism, message)
      // A held key needs neither the MAC over its stored form nor unwrapping.
      if (which === 'C_UnwrapKey' || which === 'C_SignInit') partition.forget('k')
      time.pass()
      shim.fail(which, ckr[name], 1)
      t.deepEqual(await partition.encrypt(key, mechanism, message), before)
      t.deepEqual(Buffer.from(await partition.decrypt(key, mechanism, before.data)), message)
      t.is(told.length, 3)
      await partition.close()
      t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
    })
  }
}

test.serial(
  'a device that stays broken: every request fails clearly and the device is not stormed; then all is well and nothing is left',
  async (t) => {
    const { partition, time, told } = await opened('bank')
    const key = { handle: 'k', key: await partition.generateKey(aes, locked) }
    const before = await partition.encrypt(key, mechanism, message)
    for (let fall = 0; fall < 5; fall++) {
      time.pass()
      shim.fail('all', ckr.DEVICE_ERROR)
      t.regex(await refused(t, partition.encrypt(key, mechanism, message)), /CKR_DEVICE_ERROR/)
      const attempts = shim.calls('C_Initialize')
      for (let request = 0; request < 20; request++) await refused(t, partition.encrypt(key, mechanism, message))
      t.is(shim.calls('C_Initialize'), attempts)
      t.regex(partition.problem ?? '', /CKR_DEVICE_ERROR/)
      shim.heal()
      time.pass()
      t.deepEqual(await partition.encrypt(key, mechanism, message), before)
      t.is(partition.problem, undefined)
      t.is(told.at(-1), undefined)
    }
    await partition.close()
    t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
  },
)

test.serial('many requests at once meet a loss: one attempt serves them all', async (t) => {
  const { partition, time } = await opened('bank', { calls: 'threads' })
  const key = { handle: 'k', key: await partition.generateKey(aes, locked) }
  const before = await partition.encrypt(key, mechanism, message)
  time.pass()
  const logins = shim.calls('C_Login')
  shim.fail('C_EncryptInit', ckr.USER_NOT_LOGGED_IN, 2)
  const results = await Promise.all(Array.from({ length: 20 }, () => partition.encrypt(key, mechanism, message)))
  for (const result of results) t.deepEqual(result, before)
  t.is(shim.calls('C_Login'), logins + 1)
  await partition.close()
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
})

test.serial('a token that is taken away and comes back', async (t) => {
  const { partition, time } = await opened('gone')
  const key = { handle: 'k', key: await partition.generateKey(aes, locked) }
  const before = await partition.encrypt(key, mechanism, message)
  const [home, away] = [join(hsm.folder, 'tokens'), join(hsm.folder, 'away')]
  renameSync(home, away)
  time.pass()
  shim.fail('C_EncryptInit', ckr.DEVICE_REMOVED)
  await refused(t, partition.encrypt(key, mechanism, message))
  shim.heal()
  time.pass()
  await refused(t, partition.encrypt(key, mechanism, message))
  t.true((partition.problem ?? '').length > 0)
  renameSync(away, home)
  time.pass()
  t.deepEqual(await partition.encrypt(key, mechanism, message), before)
  await partition.close()
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
})

test.serial(
  'a wrong PIN is tried once, in however many processes with one list; a corrected file is taken at the next request',
  async (t) => {
    const pinFile = tokens.get('pin')!.pinFile
    writeFileSync(pinFile, '00000000\n', { mode: 0o600 })
    const secret = randomBytes(32)
    const file = join(hsm.folder, 'refused-pins')
    const logins = shim.calls('C_Login')
    const { partition, time } = await opened('pin', { refusedPins: new RefusedPins(secret, file) })
    t.regex(await refused(t, partition.random(8)), /does not take the PIN in .*pin\.pin.*correct the file/)
    for (let request = 0; request < 5; request++) {
      time.pass()
      t.regex(await refused(t, partition.random(8)), /will not be tried again/)
    }
    t.is(shim.calls('C_Login'), logins + 1)
    await partition.close()
    const next = await opened('pin', { refusedPins: new RefusedPins(secret, file) })
    await refused(t, next.partition.random(8))
    t.is(shim.calls('C_Login'), logins + 1)
    const restarted = await opened('pin', { refusedPins: new RefusedPins(randomBytes(32), file) })
    await refused(t, restarted.partition.random(8))
    t.is(shim.calls('C_Login'), logins + 2)
    await restarted.partition.close()
    writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
    next.time.pass()
    t.is((await next.partition.random(8)).length, 8)
    await next.partition.close()
  },
)
