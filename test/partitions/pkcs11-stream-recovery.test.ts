import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { createPkcs11Partition, type KeyReference, ReopeningPartition, type StreamOperation } from '../../src/partitions/index.ts'
import { ckr } from '../../src/partitions/pkcs11/constants.ts'
import { pkcs11Shim, type ShimFunction } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const token = hsm.token('bank')
const shim = pkcs11Shim(hsm.folder, hsm.module)
test.after.always(() => {
  shim.close()
  hsm.remove()
})

const mechanism = { cipher: 'CTR', iv: Buffer.alloc(16, 7) } as const
const encrypt: StreamOperation = { operation: 'encrypt', mechanism }
const sealing: StreamOperation = {
  operation: 'encrypt',
  mechanism: { cipher: 'GCM', iv: Buffer.alloc(12, 7), additionalData: new Uint8Array(), tagLength: 16 },
}
const data = randomBytes(100)

const options = (more: { calls?: 'threads' | 'direct' }) => ({
  name: 'bank',
  ...token,
  module: shim.module,
  sessions: 2,
  streams: 2,
  ...more,
})

test.before(() => createPkcs11Partition(options({})))
const partitions: ReopeningPartition[] = []
test.afterEach.always(async () => {
  shim.heal()
  for (const partition of partitions.splice(0)) await partition.close()
})

/** An open partition, a key in it, and time that a test moves. */
async function opened(more: { calls?: 'threads' | 'direct' } = {}) {
  let now = 1e6
  const partition = new ReopeningPartition(
    options(more),
    () => {},
    () => now,
  )
  partitions.push(partition)
  const made = await partition.generateKey({ algorithm: 'AES', length: 256 }, { sensitive: true, extractable: false })
  const key: KeyReference = { handle: 'k', key: made }
  const whole = Buffer.from((await partition.encrypt(key, mechanism, data)).data)
  return { partition, streams: partition.streams, key, whole, pass: () => (now += 10_000) }
}

type Opened = Awaited<ReturnType<typeof opened>>

async function inParts({ streams, key }: Opened): Promise<Buffer> {
  const { stream } = await streams.begin(key, encrypt)
  const first = await streams.update(stream, data.subarray(0, 33))
  return Buffer.concat([first, (await streams.end(stream, data.subarray(33))).data])
}

async function refused(t: ExecutionContext, reason: ResultReason, says: RegExp, work: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(work, { instanceOf: KmipError })
  t.is(error?.reason, reason, error?.message)
  t.regex(error?.message ?? '', says)
}

/** Every session and object that was opened in the token is closed again. */
async function nothingLeft(t: ExecutionContext, { partition }: Opened): Promise<void> {
  await partition.close()
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
}

const losses: readonly (readonly [keyof typeof ckr, ShimFunction, StreamOperation])[] = [
  ['SESSION_HANDLE_INVALID', 'C_EncryptUpdate', encrypt],
  ['SESSION_CLOSED', 'C_EncryptFinal', sealing],
  ['DEVICE_REMOVED', 'C_EncryptUpdate', encrypt],
  ['TOKEN_NOT_PRESENT', 'C_DigestUpdate', { operation: 'mac', mechanism: { mac: 'CMAC' } }],
  ['DEVICE_ERROR', 'C_SignUpdate', { operation: 'mac', mechanism: { mac: 'CMAC' } }],
]

for (const calls of ['threads', 'direct'] as const)
  for (const [name, which, operation] of losses)
    test.serial(
      `${name} at ${which} in the middle of a stream, calls ${calls}: it fails clearly, the next one works, nothing is left`,
      async (t) => {
        const all = await opened({ calls })
        const { streams, key } = all
        const { stream } = which === 'C_DigestUpdate' ? await streams.beginHash('SHA_256') : await streams.begin(key, operation)
        await streams.update(stream, data)
        all.pass()
        shim.fail(which, ckr[name], 1)
        const part = which === 'C_EncryptFinal' ? streams.end(stream, data) : streams.update(stream, data)
        await refused(t, 'GeneralFailure', new RegExp(`in the middle of this stream, which is over.*CKR_${name}`), part)
        await refused(t, 'InvalidCorrelationValue', /no such stream/, streams.end(stream, data))
        t.deepEqual(await inParts(all), all.whole)
        await nothingLeft(t, all)
      },
    )

test.serial('a stream whose device another request found lost is told so, once', async (t) => {
  const all = await opened()
  const { stream } = await all.streams.begin(all.key, encrypt)
  await all.streams.update(stream, data)
  all.pass()
  shim.fail('C_SignInit', ckr.USER_NOT_LOGGED_IN, 1)
  await all.partition.sealRecord(data)
  await refused(t, 'GeneralFailure', /was opened anew in the middle of this stream/, all.streams.update(stream, data))
  await refused(t, 'InvalidCorrelationValue', /no such stream/, all.streams.update(stream, data))
  t.deepEqual(await inParts(all), all.whole)
  await nothingLeft(t, all)
})

test.serial('a stream that meets the loss when it begins is begun in the device opened anew', async (t) => {
  const all = await opened()
  await inParts(all)
  all.pass()
  shim.fail('C_EncryptInit', ckr.SESSION_HANDLE_INVALID, 1)
  t.deepEqual(await inParts(all), all.whole)
  await nothingLeft(t, all)
})

test.serial('streams have a bound, and requests in one part beside them; what ends makes room', async (t) => {
  const all = await opened({ calls: 'threads' })
  const { streams, key } = all
  const first = await streams.begin(key, encrypt)
  await streams.beginHash('SHA_256')
  await refused(t, 'ServerLimitExceeded', /2 operations in parts are open .* partition bank/, streams.begin(key, encrypt))
  const whole = await Promise.all(Array.from({ length: 20 }, () => all.partition.encrypt(key, mechanism, data)))
  for (const one of whole) t.deepEqual(Buffer.from(one.data), all.whole)
  streams.abandon(first.stream)
  // Its session is closed in a thread.
  const room = async (turn: number): Promise<Buffer> => {
    try {
      return await inParts(all)
    } catch (error) {
      if (turn === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
      return room(turn - 1)
    }
  }
  t.deepEqual(await room(6000), all.whole)
  await nothingLeft(t, all)
})

test.serial('streams that end, fail and are abandoned give their sessions back', async (t) => {
  const all = await opened({ calls: 'direct' })
  const { streams, key } = all
  await inParts(all)
  const { sessions, objects } = shim.counts()
  for (let round = 0; round < 200; round++) {
    const { stream } = await streams.begin(key, { operation: 'encrypt', mechanism: { cipher: 'ECB', padding: 'None' } })
    await streams.update(stream, data)
    if (round % 2 === 0) streams.abandon(stream)
    else await refused(t, 'InvalidField', /multiple of 16 bytes/, streams.end(stream, data.subarray(0, 1)))
    await inParts(all)
  }
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [sessions, objects])
  await nothingLeft(t, all)
})

test.serial('a key that is forgotten in the middle of a stream leaves the token with the stream', async (t) => {
  const all = await opened({ calls: 'direct' })
  const before = shim.counts().objects
  const { stream } = await all.streams.begin(all.key, encrypt)
  all.partition.forget('k')
  const first = await all.streams.update(stream, data.subarray(0, 50))
  t.is(shim.counts().objects, before)
  const { data: second } = await all.streams.end(stream, data.subarray(50))
  t.deepEqual(Buffer.concat([first, second]), all.whole)
  t.is(shim.counts().objects, before - 1)
  await nothingLeft(t, all)
})

test.serial('a token that has no session left says so, and is not taken for lost', async (t) => {
  const all = await opened({ calls: 'direct' })
  shim.fail('C_OpenSession', ckr.SESSION_COUNT, 1)
  await refused(t, 'ServerLimitExceeded', /gives no session or room for AES-CTR: CKR_SESSION_COUNT/, all.streams.begin(all.key, encrypt))
  t.deepEqual(await inParts(all), all.whole)
  await nothingLeft(t, all)
})
