import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { MessageStream } from '../../src/processes/message-stream.ts'
import { ValueWriter } from '../../src/processes/value-codec.ts'

interface Ends {
  readonly near: Socket
  readonly far: Socket
}

async function socketPair(t: ExecutionContext): Promise<Ends> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  for (const socket of [near, far]) socket.on('error', () => undefined)
  t.teardown(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near, far }
}

const frame = (messages: readonly unknown[], writer = new ValueWriter()) => {
  const body = writer.write(messages)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

test('messages arrive whole and in order, however the bytes are cut', async (t) => {
  const { near, far } = await socketPair(t)
  const got: unknown[] = []
  const all = new Promise<void>((resolve) => {
    new MessageStream<never, unknown>(far, 1 << 20, (message) => void (got.push(message) === 5 && resolve()))
  })
  const writer = new ValueWriter()
  const sent = [[1, { key: Buffer.from('abc') }], ['x'.repeat(3000), null], [5]]
  const bytes = Buffer.concat(sent.map((messages) => frame(messages, writer)))
  for (let at = 0; at < bytes.length; at += 7) {
    near.write(bytes.subarray(at, at + 7))
    if (at % 700 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await all
  t.deepEqual(
    got.map((message) => (typeof message === 'string' ? message.length : message)),
    [1, { key: Buffer.from('abc') }, 3000, null, 5],
  )
})

test('what is too much for one frame goes out in several, in order', async (t) => {
  const { near, far } = await socketPair(t)
  const got: Buffer[] = []
  const all = new Promise<void>((resolve, reject) => {
    new MessageStream<never, Buffer>(far, 10_000, (message) => void (got.push(message) === 40 && resolve()))
    far.once('close', () => reject(new Error('the connection was closed')))
  })
  const sender = new MessageStream<Buffer, never>(near, 10_000, () => undefined)
  const sent = Array.from({ length: 40 }, (_, index) => Buffer.alloc(1000, index))
  for (const message of sent) sender.send(message)
  await all
  t.deepEqual(got, sent)
})

test('what is sent in one turn of the loop is one frame', async (t) => {
  const { near, far } = await socketPair(t)
  const sender = new MessageStream<number, never>(near, 1 << 20, () => undefined)
  for (const message of [1, 2, 3]) sender.send(message)
  const [bytes] = (await once(far, 'data')) as [Buffer]
  t.deepEqual(bytes, frame([1, 2, 3]))
})

test('a stream that connects: short and long messages both ways, kept apart from those that come after, and the end of the other side', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-stream-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'socket')
  const sockets: Socket[] = []
  const server = createServer((far) => {
    sockets.push(far)
    const echo: MessageStream<Buffer, Buffer> = new MessageStream(far, 1 << 20, (message) => echo.send(message))
  }).listen(path)
  t.teardown(() => void server.close())
  await once(server, 'listening')
  const got: Buffer[] = []
  let enough: (() => void) | undefined
  const { socket, stream } = MessageStream.connect<Buffer, Buffer>(path, 1 << 20, (message) => {
    got.push(message)
    enough?.()
  })
  const sent = [10, 300_000, 20, 70_000].map((length, index) => Buffer.alloc(length, index + 1))
  for (const message of sent) {
    const answered = new Promise<void>((resolve) => {
      enough = resolve
    })
    stream.send(message)
    await answered
  }
  t.deepEqual(
    got.map((message, index) => message.equals(sent[index] as Buffer)),
    [true, true, true, true],
  )
  const closed = once(socket, 'close')
  for (const far of sockets) far.end()
  await closed
})

for (const [name, bytes] of [
  ['a length beyond the limit', Buffer.from('7fffffff00', 'hex')],
  ['a value that is no array', Buffer.concat([Buffer.from('00000001', 'hex'), new ValueWriter().write(null)])],
  ['bytes that are no messages', Buffer.concat([Buffer.from('00000004', 'hex'), Buffer.from('junk')])],
] as const) {
  test(`closes the socket: ${name}`, async (t) => {
    const { near, far } = await socketPair(t)
    let got = 0
    new MessageStream<never, unknown>(far, 1024, () => void got++)
    near.write(bytes)
    await new Promise<void>((resolve) => far.once('close', () => resolve()))
    t.is(got, 0)
  })
}
