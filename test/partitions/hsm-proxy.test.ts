import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import {
  connectHsm,
  createPkcs11Partition,
  createSoftwarePartition,
  openPkcs11Partition,
  openSoftwarePartition,
  serveHsm,
} from '../../src/partitions/index.ts'
import { partitionContract } from '../contracts/partition.ts'
import { softHsm } from '../support/softhsm.ts'
import { softHsmRefusals } from '../support/softhsm-refusals.ts'

const hsm = softHsm()
const folder = mkdtempSync(join(tmpdir(), 'tresor-hsm-'))
test.after.always(() => {
  hsm.remove()
  rmSync(folder, { recursive: true, force: true })
})

partitionContract(
  test,
  async () => {
    const options = { name: 'bank', ...hsm.token('bank') }
    await createPkcs11Partition(options)
    const inside = await openPkcs11Partition({ ...options, heldKeys: 20 })
    const path = join(folder, 'bank.sock')
    const server = await serveHsm(path, new Map([['bank', inside]]))
    const connection = connectHsm(path)
    return {
      ...connection.partition('bank'),
      close: async () => {
        await connection.close()
        await server.close()
        await inside.close()
      },
    }
  },
  { refusals: softHsmRefusals },
)

function software() {
  const rootSecret = new Secret(randomBytes(32))
  return openSoftwarePartition({ name: 'demo', rootSecret, ring: createSoftwarePartition({ name: 'demo', rootSecret }).ring })
}

test('streams live in the hsm process, and end with the connection of the worker that began them', async (t) => {
  const options = { name: 'streams', ...hsm.token('streams'), streams: 1 }
  await createPkcs11Partition(options)
  const inside = await openPkcs11Partition(options)
  const path = join(folder, 'streams.sock')
  const server = await serveHsm(path, new Map([['streams', inside]]))
  t.teardown(async () => {
    await server.close()
    await inside.close()
  })
  const begin = async () => {
    const connection = connectHsm(path)
    t.teardown(() => connection.close())
    const streams = connection.partition('streams').streams!
    return { connection, streams, ...(await streams.beginHash('SHA_256')) }
  }
  const first = await begin()
  t.is((await first.streams.update(first.stream, Buffer.from('ab'))).length, 0)
  await t.throwsAsync(begin(), { message: /1 operations in parts are open/ })
  await first.connection.close()
  // The hsm process learns of it in a turn of its own.
  const next = async (turns: number): ReturnType<typeof begin> => {
    try {
      return await begin()
    } catch (error) {
      if (turns === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
      return next(turns - 1)
    }
  }
  const second = await next(6000)
  const { data } = await second.streams.end(second.stream, Buffer.from('abc'))
  t.is(Buffer.from(data).toString('hex'), createHash('sha256').update('abc').digest('hex'))
  await t.throwsAsync(second.streams.update(second.stream, Buffer.from('x')), { message: /no such stream/ })
  second.streams.abandon(second.stream)
})

test('the socket is for its owner alone', async (t) => {
  const path = join(folder, 'mode.sock')
  const server = await serveHsm(path, new Map())
  t.is(statSync(path).mode & 0o777, 0o600)
  await server.close()
})

test('a partition that is not served is named', async (t) => {
  const path = join(folder, 'none.sock')
  const server = await serveHsm(path, new Map())
  const connection = connectHsm(path)
  const error = await t.throwsAsync(connection.partition('ghost').describe(), { instanceOf: KmipError })
  t.is(error?.reason, 'GeneralFailure')
  t.regex(error?.message ?? '', /Partition ghost is not open/)
  await connection.close()
  await server.close()
})

test('when the hsm process is gone calls fail, and when it is back they work again', async (t) => {
  const path = join(folder, 'restart.sock')
  const inside = software()
  const connection = connectHsm(path)
  const partition = connection.partition('demo')
  const failure = await t.throwsAsync(partition.random(8), { instanceOf: KmipError })
  t.is(failure?.reason, 'GeneralFailure')
  const first = await serveHsm(path, new Map([['demo', inside]]))
  const key = { handle: 'a', key: await partition.generateKey({ algorithm: 'AES', length: 256 }, { sensitive: true, extractable: false }) }
  await first.close()
  await t.throwsAsync(partition.random(8), { instanceOf: KmipError })
  const second = await serveHsm(path, new Map([['demo', inside]]))
  const mechanism = { cipher: 'GCM', iv: randomBytes(12), additionalData: new Uint8Array(), tagLength: 16 } as const
  t.is((await partition.encrypt(key, mechanism, Buffer.from('again'))).data.length, 5)
  await connection.close()
  await second.close()
  await inside.close()
})

test('calls under way when the process dies fail, every one', async (t) => {
  const path = join(folder, 'dying.sock')
  const hanging = { ...software(), random: () => new Promise<Uint8Array>(() => {}) }
  const server = await serveHsm(path, new Map([['demo', hanging]]))
  const connection = connectHsm(path)
  const partition = connection.partition('demo')
  const calls = Promise.allSettled([partition.random(1), partition.random(2), partition.random(3)])
  await new Promise((resolve) => setTimeout(resolve, 50))
  await server.close()
  for (const call of await calls) t.true(call.status === 'rejected' && call.reason instanceof KmipError)
  await connection.close()
})
