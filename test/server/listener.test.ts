import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Listener } from '../../src/server/listener.ts'
import { echoListener, frameOf, makePki, type TestPki } from '../support/listener.ts'
import { type ClientBundle, RawClient } from '../support/tls-client.ts'

let pki: TestPki
let good: ClientBundle
let other: ClientBundle

test.before(async () => {
  pki = await makePki()
  good = await pki.client('demo', 'good')
  other = await pki.client('hostile', 'other')
})

async function open(
  t: ExecutionContext,
  ...args: Parameters<typeof echoListener> extends [TestPki, ...infer R] ? R : never
): Promise<Listener> {
  const listener = await echoListener(pki, ...args)
  t.teardown(() => listener.drain(100))
  return listener
}

async function client(t: ExecutionContext, listener: Listener, bundle = good, options = {}): Promise<RawClient> {
  const opened = await RawClient.open(listener.port, bundle, options)
  t.teardown(() => opened.close())
  return opened
}

/** Waits for what the other side of a socket does a moment later; the test's timeout is the limit. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10)
}

const small = frameOf(Buffer.alloc(64, 1))

test('answers a message that comes in pieces of one byte', async (t) => {
  const listener = await open(t)
  const c = await client(t, listener)
  for (const byte of small) {
    c.send(Buffer.of(byte))
    await sleep(1)
  }
  t.deepEqual(await c.receive(), small)
})

test('answers pipelined messages in order, however they are cut', async (t) => {
  const listener = await open(t, { respond: async (frame) => sleep(frame[8] === 3 ? 20 : 0, frame) })
  const c = await client(t, listener)
  const frames = Array.from({ length: 40 }, (_, n) => frameOf(Buffer.alloc(8 + 8 * (n % 5), n)))
  const stream = Buffer.concat(frames)
  for (let at = 0; at < stream.length; at += 37) c.send(stream.subarray(at, at + 37))
  for (const frame of frames) t.deepEqual(await c.receive(), frame)
})

test('answers what a client sent before it closed its side', async (t) => {
  const listener = await open(t, { respond: async (frame) => sleep(30, frame) })
  const c = await client(t, listener, good, { allowHalfOpen: true })
  c.socket.end(small)
  t.deepEqual(await c.receive(), small)
  await c.closed()
  await until(() => listener.connections() === 0)
})

for (const [name, bytes] of [
  ['a tag of another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a length beyond the limit', Buffer.from('420078017fffff00', 'hex')],
  ['a length that is no multiple of 8', Buffer.from('4200780100000009', 'hex')],
] as const) {
  test(`says why and closes: ${name}`, async (t) => {
    const listener = await open(t)
    const c = await client(t, listener)
    c.send(bytes)
    t.is((await c.receive())?.subarray(8).toString(), 'refused!')
    await c.closed()
    t.is(listener.counters.framesRefused, 1)
  })
}

test('closes a connection whose message does not come to its end, and no other', async (t) => {
  const listener = await open(t, {}, { frameTimeout: 300 })
  const slow = await client(t, listener, other)
  const quick = await client(t, listener)
  const drip = setInterval(() => slow.send(Buffer.of(0)), 50)
  slow.send(frameOf(Buffer.alloc(100_000)).subarray(0, 100))
  await slow.closed()
  clearInterval(drip)
  t.is(listener.counters.closedForSlowFrame, 1)
  t.deepEqual(await quick.request(small), small)
})

test('closes a connection on which nothing comes', async (t) => {
  const listener = await open(t, {}, { idleTimeout: 300 })
  const c = await client(t, listener)
  await c.closed()
  t.is(listener.counters.closedForIdle, 1)
})

test('reads no further while a client does not take its answers, then cuts it', async (t) => {
  let answered = 0
  const respond = async () => {
    answered++
    return frameOf(Buffer.alloc(1 << 20))
  }
  const listener = await open(t, { respond }, { writeTimeout: 1000 })
  const greedy = await client(t, listener, other)
  greedy.socket.pause()
  for (let n = 0; n < 2000; n++) greedy.send(small)
  const quick = await client(t, listener)
  t.is((await quick.request(small)).length, (1 << 20) + 8)
  await until(() => listener.counters.closedForSlowReading === 1)
  t.is(listener.counters.closedForSlowReading, 1)
  t.true(answered < 200, `${answered} answers were made for a client that read none`)
})

test('the connection that holds the most memory is closed, not the others', async (t) => {
  const listener = await open(t, {}, { bufferedBytes: 2 << 20 })
  const hoarders = await Promise.all(Array.from({ length: 4 }, () => client(t, listener, other)))
  const quick = await client(t, listener)
  for (const hoarder of hoarders) hoarder.send(frameOf(Buffer.alloc(1 << 20)).subarray(0, (1 << 20) - 8))
  await Promise.race(hoarders.map((hoarder) => hoarder.closed()))
  t.true(listener.counters.closedForMemory >= 1)
  t.deepEqual(await quick.request(small), small)
})

test('one tenant at its limit leaves room for another', async (t) => {
  const listener = await open(t, {}, { connectionsPerTenant: 2 })
  await client(t, listener, other)
  await client(t, listener, other)
  const third = await client(t, listener, other)
  await third.closed()
  t.is(listener.counters.refusedForTenantLimit, 1)
  t.deepEqual(await (await client(t, listener)).request(small), small)
})

test('stalled handshakes give way to live ones', async (t) => {
  const listener = await open(t, {}, { handshakes: 4, connections: 8 })
  const stalled = Array.from({ length: 20 }, () => connectTcp(listener.port, '127.0.0.1').on('error', () => undefined))
  t.teardown(() => stalled.forEach((socket) => void socket.destroy()))
  await sleep(100)
  t.deepEqual(await (await client(t, listener)).request(small), small)
  t.true(listener.counters.handshakesEvicted > 0)
})

test('a stalled handshake ends at its deadline', async (t) => {
  const listener = await open(t, {}, { handshakeTimeout: 200 })
  const socket = connectTcp(listener.port, '127.0.0.1').on('error', () => undefined)
  await new Promise((resolve) => socket.once('close', resolve))
  t.is(listener.counters.handshakesFailed, 1)
})

test('a client without a certificate is let in to nothing', async (t) => {
  const listener = await open(t)
  const c = await client(t, listener, good, { cert: undefined, key: undefined }).catch(() => undefined)
  await c?.closed()
  t.is(listener.connections(), 0)
  t.is(listener.counters.refusedForIdentity, 1)
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a resumed session is identified like a new one`, async (t) => {
    const seen: string[] = []
    let revoked = false
    const listener = await open(t, {
      identify: (socket) => {
        const serial = socket.getPeerX509Certificate()?.serialNumber
        seen.push(String(serial))
        return serial === undefined || revoked ? { refused: 'revoked' } : { peer: serial, tenant: 'demo' }
      },
    })
    const options = { minVersion: version, maxVersion: version }
    const first = await client(t, listener, good, options)
    t.deepEqual(await first.request(small), small)
    const again = await client(t, listener, good, { ...options, session: first.session })
    t.true(again.socket.isSessionReused())
    t.deepEqual(await again.request(small), small)
    t.is(seen[0], seen[1])
    t.is(listener.counters.resumed, 1)
    revoked = true
    const refused = await client(t, listener, good, { ...options, session: again.session ?? first.session })
    t.true(refused.socket.isSessionReused())
    refused.send(small)
    t.is(await refused.receive(), undefined)
  })
}

test('TLS 1.1 and suites outside the list are refused', async (t) => {
  const listener = await open(t)
  await t.throwsAsync(client(t, listener, good, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  await t.throwsAsync(client(t, listener, good, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }))
})

test('reconsider closes the connections that are refused now, and only those', async (t) => {
  const refused = new Set<string>()
  const listener = await open(t, {
    identify: (socket) => {
      const serial = String(socket.getPeerX509Certificate()?.serialNumber)
      return refused.has(serial) ? { refused: 'revoked' } : { peer: serial, tenant: 'demo' }
    },
  })
  const stays = await client(t, listener)
  const goes = await client(t, listener, other)
  await goes.request(small)
  refused.add(String(goes.socket.getX509Certificate()?.serialNumber))
  listener.reconsider()
  await goes.closed()
  t.deepEqual(await stays.request(small), small)
})

test('a reloaded certificate is shown to the next handshake; open connections go on', async (t) => {
  const listener = await open(t)
  const before = await client(t, listener)
  const next = await makePki()
  listener.reload({ ...next.tls, authorities: [...next.tls.authorities, ...pki.tls.authorities] })
  const after = await client(t, listener, { ...good, authority: next.authority.certificate })
  t.deepEqual(await after.request(small), small)
  t.deepEqual(await before.request(small), small)
})

test('drain answers what is in progress, takes nothing new and ends in time', async (t) => {
  let begun = 0
  const respond = (frame: Buffer) => {
    begun++
    return sleep(200, frame)
  }
  const listener = await open(t, { respond })
  const busy = await client(t, listener)
  const idle = await client(t, listener)
  busy.send(small)
  await until(() => begun === 1)
  const drained = listener.drain(5000)
  t.deepEqual(await busy.receive(), small)
  await Promise.all([busy.closed(), idle.closed(), drained])
  await t.throwsAsync(RawClient.open(listener.port, good))
})

test('drain cuts what does not end in time', async (t) => {
  let begun = 0
  const respond = () => {
    begun++
    return new Promise<Buffer>(() => undefined)
  }
  const listener = await open(t, { respond })
  const stuck = await client(t, listener)
  stuck.send(small)
  await until(() => begun === 1)
  await listener.drain(200)
  await stuck.closed()
  t.is(listener.connections(), 0)
})
