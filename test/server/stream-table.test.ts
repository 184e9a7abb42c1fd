import test from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import type { OpenedStream, PartitionStreams } from '../../src/partitions/index.ts'
import { type StreamLimits, type StreamOwner, StreamTable } from '../../src/server/stream-table.ts'

const limits: StreamLimits = { streams: 4, streamsPerTenant: 2, streamIdleTimeout: 1000, streamHeldBytes: 12, streamHeldBytesPerTenant: 8 }
const owner = (tenant: string, user = 'user'): StreamOwner => ({ tenant, user, operation: 'Decrypt', uniqueIdentifier: 'key' })
const bytes = (length: number) => new Uint8Array(length)

/** A device that answers what it is given, and fails at a part of 3 bytes. */
class Device implements PartitionStreams {
  readonly open = new Set<string>()
  readonly log: string[] = []
  holdsBack = false
  #made = 0

  async begin(): Promise<OpenedStream> {
    const stream = `${++this.#made}`
    this.open.add(stream)
    return { stream, holdsBack: this.holdsBack }
  }

  beginHash(): Promise<OpenedStream> {
    return this.begin()
  }

  async update(stream: string, data: Uint8Array): Promise<Uint8Array> {
    this.log.push(`begin ${data.length}`)
    await new Promise((resolve) => setImmediate(resolve))
    this.log.push(`end ${data.length}`)
    if (data.length !== 3) return data
    this.open.delete(stream)
    throw new KmipError('CryptographicFailure', 'as it must')
  }

  async end(stream: string, data: Uint8Array, expected?: Uint8Array) {
    this.open.delete(stream)
    return { data, valid: expected?.length === 5 }
  }

  abandon(stream: string): void {
    this.open.delete(stream)
  }
}

function bench() {
  const device = new Device()
  const clock = { now: 0 }
  const table = new StreamTable(limits, () => clock.now)
  const open = (whose: StreamOwner, data = 0, expected?: Uint8Array) =>
    table.open(whose, device, (streams) => streams.beginHash('SHA_256'), { data: bytes(data), expected })
  return { device, clock, table, open }
}

const refused = async (t: { is(a: unknown, b: unknown): unknown }, reason: ResultReason, action: Promise<unknown>) => {
  const error = await action.then(
    () => undefined,
    (thrown: KmipError) => thrown,
  )
  t.is(error?.reason, reason)
  return error?.message ?? ''
}

test('so many streams of a tenant, so many in all; one that ends makes room', async (t) => {
  const { table, device, open } = bench()
  const { name } = await open(owner('a'))
  await open(owner('a'))
  t.regex(await refused(t, 'ServerLimitExceeded', open(owner('a'))), /2 of this tenant.*limits.streamsPerTenant/)
  await open(owner('b'))
  await open(owner('c'))
  t.regex(await refused(t, 'ServerLimitExceeded', open(owner('d'))), /4 streams are open/)
  await table.part(name, owner('a'), { place: 'last', data: bytes(1) })
  await open(owner('d'))
  t.is(table.size, 4)
  t.is(device.open.size, 4)
  table.close()
  t.deepEqual([table.size, device.open.size], [0, 0])
})

test('what cannot be begun takes no room', async (t) => {
  const { table, device } = bench()
  const fails = () => Promise.reject(new KmipError('UnsupportedCryptographicParameters', 'no such mechanism'))
  for (let round = 0; round < 5; round++) {
    await refused(t, 'UnsupportedCryptographicParameters', table.open(owner('a'), device, fails, { data: bytes(1) }))
  }
  t.is(table.size, 0)
})

test('a stream is a miss for another tenant and another user, and goes on for its own', async (t) => {
  const { table, open } = bench()
  const { name } = await open(owner('a'))
  const part = { place: 'next', data: bytes(1) } as const
  const messages = new Set<string>()
  for (const other of [owner('b'), owner('a', 'other')])
    messages.add(await refused(t, 'InvalidCorrelationValue', table.part(name, other, part)))
  messages.add(await refused(t, 'InvalidCorrelationValue', table.part(bytes(16), owner('a'), part)))
  t.is(messages.size, 1)
  table.drop(name, owner('b'))
  table.drop(name, owner('a', 'other'))
  t.is((await table.part(name, owner('a'), part)).data.length, 1)
  table.drop(name, owner('a'))
  await refused(t, 'InvalidCorrelationValue', table.part(name, owner('a'), part))
})

test('parts that arrive at once are taken one after another; a failure ends the stream for those that wait', async (t) => {
  const { table, device, open } = bench()
  const { name } = await open(owner('a'))
  const part = (length: number) => table.part(name, owner('a'), { place: 'next', data: bytes(length) })
  const results = await Promise.allSettled([part(1), part(2), part(3), part(4)])
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  )
  t.deepEqual(device.log, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  t.deepEqual([table.size, device.open.size], [0, 0])
})

test('a first part that fails leaves no stream', async (t) => {
  const { table, device, open } = bench()
  await refused(t, 'CryptographicFailure', open(owner('a'), 3))
  t.deepEqual([table.size, device.open.size], [0, 0])
})

test('plain text that waits for its tag is bounded, before it is taken', async (t) => {
  const { table, device, open } = bench()
  device.holdsBack = true
  const one = await open(owner('a'), 5)
  const two = await open(owner('b'), 6)
  t.is(table.held, 11)
  const part = (name: Uint8Array, whose: StreamOwner, length: number) => table.part(name, whose, { place: 'next', data: bytes(length) })
  const taken = device.log.length
  t.regex(await refused(t, 'ServerLimitExceeded', part(one.name, owner('a'), 4)), /limits.streamHeldBytesPerTenant/)
  t.is(device.log.length, taken)
  t.is(table.held, 6)
  await part(two.name, owner('b'), 2)
  const three = await open(owner('c'), 4)
  await refused(t, 'ServerLimitExceeded', part(three.name, owner('c'), 1))
  // The last part is not held: it is answered.
  t.is((await table.part(two.name, owner('b'), { place: 'last', data: bytes(100) })).data.length, 100)
  t.deepEqual([table.held, table.size], [0, 0])
})

test('what is idle for too long ends; what is used does not', async (t) => {
  const { table, device, clock, open } = bench()
  const { name } = await open(owner('a'))
  await open(owner('a'))
  clock.now = 900
  await table.part(name, owner('a'), { place: 'next', data: bytes(1) })
  clock.now = 1001
  table.sweep()
  t.deepEqual([table.size, device.open.size], [1, 1])
  await t.notThrowsAsync(table.part(name, owner('a'), { place: 'next', data: bytes(1) }))
  clock.now = 2002
  table.sweep()
  await refused(t, 'InvalidCorrelationValue', table.part(name, owner('a'), { place: 'next', data: bytes(1) }))
})

test('the signature or MAC may come with either end; that of the last part counts', async (t) => {
  const { table, open } = bench()
  const given = bytes(5)
  const whose = owner('a')
  const last = async (first: Uint8Array | undefined, expected: Uint8Array | undefined) =>
    (await table.part((await open(whose, 0, first)).name, whose, { place: 'last', data: bytes(0), expected })).valid
  t.deepEqual([await last(given, undefined), await last(undefined, given), await last(given, bytes(4))], [true, true, false])
})
