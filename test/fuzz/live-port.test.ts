import test from 'ava'
import fc from 'fast-check'
import { encodeRequest, parseResponse, type RequestItem } from '../../src/messages/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { RawClient } from '../support/tls-client.ts'

/** Frames that no honest client sends, thrown at the live port while a good client works on. */
let node: TestNode

test.before(async () => {
  node = await startTestNode({ limits: { frameBytes: 64 * 1024, frameTimeout: 1000 } })
})

test.after.always(() => node?.remove())

const header = { version: '1.4', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const

function frame(operation: string, payload: object): Buffer {
  return Buffer.from(encodeRequest({ header, items: [{ operation, payload } as unknown as RequestItem] }))
}

const honest = [
  frame('Query', { queryFunctions: ['QueryOperations', 'QueryObjects'] }),
  frame('Get', { uniqueIdentifier: 'no-such-object' }),
  frame('Locate', { attributes: [] }),
  frame('Encrypt', { uniqueIdentifier: 'x', data: Buffer.alloc(100), ivCounterNonce: Buffer.alloc(12) }),
]

const truncated = fc.tuple(fc.constantFrom(...honest), fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length))
const flipped = fc
  .tuple(fc.constantFrom(...honest), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }))
  .map(([bytes, flips]) => {
    const altered = Buffer.from(bytes)
    for (const [at, mask] of flips) altered[at % altered.length] = (altered[at % altered.length] as number) ^ mask
    return altered
  })
const lying = fc.tuple(fc.constantFrom(...honest), fc.nat(), fc.integer({ min: 0, max: 0xffffffff })).map(([bytes, at, length]) => {
  const altered = Buffer.from(bytes)
  altered.writeUInt32BE(length, 8 * (at % (altered.length / 8 - 1)) + 4)
  return altered
})
const nested = fc.integer({ min: 1, max: 4000 }).map((depth) => {
  const bytes = Buffer.alloc(8 * depth)
  for (let level = 0; level < depth; level++) {
    bytes.writeUInt32BE(0x42007801, 8 * level)
    bytes.writeUInt32BE(8 * (depth - level - 1), 8 * level + 4)
  }
  return bytes
})
const noise = fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((bytes) => Buffer.from(bytes))

test('any bytes get an answer or a closed connection; a good client works on, and memory stays bounded', async (t) => {
  const good = await RawClient.open(node.port, node.client)
  t.teardown(() => good.close())
  const before = process.memoryUsage.rss()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(truncated, flipped, lying, nested, noise), { minLength: 1, maxLength: 5 }), async (hostile) => {
      const client = await RawClient.open(node.port, node.client, { allowHalfOpen: true })
      for (const bytes of hostile) client.send(bytes)
      client.socket.end()
      const answered = parseResponse(await good.request(honest[0] as Buffer)).items[0]?.status
      for (let answer = await client.receive(); answer !== undefined; answer = await client.receive()) parseResponse(answer)
      await client.closed()
      client.close()
      return answered === 'Success'
    }),
    { numRuns: 250 },
  )
  t.is(node.node.processes.ports.kmip, node.port)
  t.true(process.memoryUsage.rss() - before < 300 * 1024 * 1024, 'the process grew without bound')
  const { text } = await fetch(`http://127.0.0.1:${node.operatorPort}/metrics`).then(async (response) => ({ text: await response.text() }))
  t.regex(text, /^tresor_internal_errors_total 0$/m)
})
