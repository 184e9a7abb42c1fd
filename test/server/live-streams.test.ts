import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { encodeRequest, parseResponse, type RequestItem, type ResponseItem } from '../../src/messages/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode
let clients: readonly RawClient[]

/** Connections are spread over the workers: of so many, each has some. */
test.before(async () => {
  node = await startTestNode({ workers: 2 })
  clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(node.port, node.client)))
})

test.after.always(async () => {
  clients?.forEach((client) => void client.close())
  await node?.remove()
})

const header = { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const
type Payload = Readonly<Record<string, unknown>>
const item = (operation: string, payload: object, position?: number) =>
  ({ operation, payload, ...(position === undefined ? {} : { uniqueBatchItemId: Uint8Array.of(position) }) }) as unknown as RequestItem

async function send(client: RawClient, items: readonly RequestItem[], more: object = {}): Promise<readonly ResponseItem[]> {
  return parseResponse(await client.request(encodeRequest({ header: { ...header, ...more }, items }))).items
}

async function ask(client: RawClient, operation: string, payload: object): Promise<Payload> {
  const [answer] = await send(client, [item(operation, payload)])
  if (answer === undefined || answer.status !== 'Success') throw new Error(`${operation}: ${JSON.stringify(reason(answer))}`)
  return answer.payload as unknown as Payload
}

const reason = (answer: ResponseItem | undefined) => (answer?.status === 'OperationFailed' ? answer.error.reason : answer?.status)
const one = () => clients[0] as RawClient

const begin = { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, initIndicator: true }

async function newKey(more: readonly object[] = []): Promise<string> {
  const { uniqueIdentifier } = await ask(one(), 'Create', {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 128 },
      { name: 'CryptographicUsageMask', value: 0x0c },
      { name: 'CryptographicParameters', value: { blockCipherMode: 'CTR' } },
      { name: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 },
      ...more,
    ],
  })
  return uniqueIdentifier as string
}

test.serial('parts reach their stream from whichever worker a connection is at', async (t) => {
  const uniqueIdentifier = await newKey()
  const data = Buffer.from(Array.from({ length: 160 }, (_, index) => index))
  for (const [index, first] of clients.entries()) {
    const begun = await ask(first, 'Encrypt', { uniqueIdentifier, data: data.subarray(0, 10), initIndicator: true })
    const { correlationValue, ivCounterNonce } = begun
    const parts = [begun.data as Buffer]
    for (const [step, client] of clients.entries()) {
      const part = { uniqueIdentifier, correlationValue, data: data.subarray(10 + step * 15, 25 + step * 15) }
      parts.push((await ask(client, 'Encrypt', part)).data as Buffer)
    }
    const last = { uniqueIdentifier, correlationValue, data: data.subarray(130), finalIndicator: true }
    const end = await ask(clients[(index + 3) % clients.length] as RawClient, 'Encrypt', last)
    t.is(end.correlationValue, undefined)
    parts.push(end.data as Buffer)
    const opened = await ask(one(), 'Decrypt', { uniqueIdentifier, data: Buffer.concat(parts), ivCounterNonce })
    t.deepEqual(Buffer.from(opened.data as Buffer), data)
  }
})

test.serial('requests that run again, because others use the same Usage Limits, have their parts taken once', async (t) => {
  const [streams, parts, length] = [4, 8, 10]
  const total = BigInt(streams * parts * length)
  const uniqueIdentifier = await newKey([{ name: 'UsageLimits', value: { total, unit: 'Byte' } }])
  const data = Buffer.from(Array.from({ length: parts * length }, (_, index) => index))
  const stream = async (index: number) => {
    const client = () => clients[index * 2 + Math.floor(Math.random() * 2)] as RawClient
    const part = (number: number) => ({ uniqueIdentifier, data: data.subarray(number * length, (number + 1) * length) })
    const begun = await ask(client(), 'Encrypt', { ...part(0), initIndicator: true })
    const { correlationValue, ivCounterNonce } = begun
    const given = [begun.data as Buffer]
    for (let number = 1; number < parts; number++) {
      const last = number === parts - 1 ? { finalIndicator: true } : {}
      given.push((await ask(client(), 'Encrypt', { ...part(number), correlationValue, ...last })).data as Buffer)
    }
    return Buffer.from((await ask(client(), 'Decrypt', { uniqueIdentifier, data: Buffer.concat(given), ivCounterNonce })).data as Buffer)
  }
  const opened = await Promise.all(Array.from({ length: streams }, (_, index) => stream(index)))
  for (const plain of opened) t.deepEqual(plain, data)
  t.is(reason((await send(one(), [item('Encrypt', { uniqueIdentifier, data: Buffer.alloc(1) })]))[0]), 'PermissionDenied')
  t.regex(await node.node.processes.metrics(), /^tresor_commit_conflicts_total[^\n]* [1-9]/m)
})

test.serial('a key that one worker destroyed is not used by a stream at any', async (t) => {
  for (const first of clients) {
    const uniqueIdentifier = await newKey()
    const { correlationValue } = await ask(first, 'Encrypt', { uniqueIdentifier, data: Buffer.alloc(3), initIndicator: true })
    await ask(one(), 'Revoke', { uniqueIdentifier, revocationReason: { code: 'Unspecified' } })
    await ask(one(), 'Destroy', { uniqueIdentifier })
    const part = item('Encrypt', { uniqueIdentifier, data: Buffer.alloc(3), correlationValue })
    for (const client of clients) t.is(reason((await send(client, [part]))[0]), 'ObjectDestroyed')
  }
})

test.serial('streams of one batch, and the parts of one stream in a batch', async (t) => {
  const items = [item('Hash', { ...begin, data: Buffer.from('a') }, 1), item('Hash', { ...begin, data: Buffer.from('x') }, 2)]
  const [left, right] = (await send(one(), items)).map((answer) => (answer as unknown as { payload: Payload }).payload.correlationValue)
  const parts = [
    item('Hash', { data: Buffer.from('b'), correlationValue: left }, 1),
    item('Hash', { data: Buffer.from('y'), correlationValue: right }, 2),
    item('Hash', { data: Buffer.from('c'), correlationValue: left, finalIndicator: true }, 3),
    item('Hash', { data: Buffer.from('z'), correlationValue: right, finalIndicator: true }, 4),
  ]
  const answers = await send(clients[5] as RawClient, parts)
  const digests = answers.slice(2).map((answer) => Buffer.from((answer as unknown as { payload: Payload }).payload.data as Buffer))
  t.deepEqual(
    digests,
    ['abc', 'xyz'].map((text) => createHash('sha256').update(text).digest()),
  )
})

test.serial('a batch that is undone ends its streams; one that stops or continues, only those whose part failed', async (t) => {
  const missing = item('Encrypt', { uniqueIdentifier: 'missing', data: Buffer.alloc(1) }, 2)
  for (const [batchErrorContinuation, expected] of [
    ['Stop', 'Success'],
    ['Continue', 'Success'],
    ['Undo', 'InvalidCorrelationValue'],
  ] as const) {
    for (const client of clients) {
      const { correlationValue } = await ask(one(), 'Hash', begin)
      const part = item('Hash', { data: Buffer.from('a'), correlationValue }, 1)
      const [taken, failed] = await send(client, [part, missing], { batchErrorContinuation })
      t.is(reason(taken), batchErrorContinuation === 'Undo' ? 'OperationUndone' : 'Success')
      t.is(reason(failed), 'ObjectNotFound')
      const [next] = await send(one(), [item('Hash', { data: Buffer.from('b'), correlationValue, finalIndicator: true })])
      t.is(reason(next), expected, batchErrorContinuation)
    }
  }
})

test.serial('an answer that is too large for its client ends the stream: nobody knows where it stands', async (t) => {
  const uniqueIdentifier = await newKey()
  for (const client of clients) {
    const { correlationValue } = await ask(one(), 'Encrypt', { uniqueIdentifier, initIndicator: true })
    const part = item('Encrypt', { uniqueIdentifier, correlationValue, data: Buffer.alloc(1000) })
    t.is(reason((await send(client, [part], { maximumResponseSize: 500 }))[0]), 'ResponseTooLarge')
    t.is(reason((await send(client, [part]))[0]), 'InvalidCorrelationValue')
  }
})

test.serial('another user of the tenant, and another tenant, have no part in a stream', async (t) => {
  const uniqueIdentifier = await newKey()
  const { correlationValue } = await ask(one(), 'Encrypt', { uniqueIdentifier, initIndicator: true })
  const hash = await ask(one(), 'Hash', begin)
  for (const [tenant, user] of [
    ['demo', 'colleague'],
    ['other', 'stranger'],
  ] as const) {
    const client = await RawClient.open(node.port, await node.enroll(tenant, user))
    t.teardown(() => client.close())
    const part = item('Hash', { data: Buffer.alloc(1), correlationValue: hash.correlationValue })
    t.is(reason((await send(client, [part]))[0]), 'InvalidCorrelationValue')
    const encrypt = item('Encrypt', { uniqueIdentifier, data: Buffer.alloc(1), correlationValue })
    t.is(reason((await send(client, [encrypt]))[0]), tenant === 'demo' ? 'InvalidCorrelationValue' : 'ObjectNotFound')
  }
  await t.notThrowsAsync(ask(one(), 'Encrypt', { uniqueIdentifier, data: Buffer.alloc(1), correlationValue }))
})

test.serial('a stream of another node, of a process that is not there, and of a worker that died are refused, each as it is', async (t) => {
  const { correlationValue } = await ask(one(), 'Hash', begin)
  const elsewhere = Buffer.from(correlationValue as Buffer)
  elsewhere[0]! ^= 1
  const nowhere = Buffer.from(correlationValue as Buffer)
  nowhere.writeUInt16BE(60_000, 8)
  for (const [value, says] of [
    [elsewhere, /another node/],
    [nowhere, /no such stream/],
  ] as const) {
    const [answer] = await send(one(), [item('Hash', { data: Buffer.alloc(1), correlationValue: value })])
    t.is(reason(answer), 'InvalidCorrelationValue')
    t.regex(answer?.status === 'OperationFailed' ? answer.error.message : '', says)
  }
  const begun = await Promise.all(clients.map((client) => ask(client, 'Hash', begin)))
  const of = (worker: number) =>
    begun.map((answer) => Buffer.from(answer.correlationValue as Buffer)).filter((value) => value.readUInt16BE(8) === worker)
  t.true(of(1).length > 0 && of(2).length > 0)
  const before = node.node.processes.pids()['worker-1'] ?? 0
  process.kill(before, 'SIGKILL')
  while ([undefined, before].includes(node.node.processes.pids()['worker-1'])) await sleep(20)
  clients.forEach((client) => void client.close())
  clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(node.port, node.client)))
  const end = { data: Buffer.from('abc'), finalIndicator: true }
  const [lost, kept] = [of(1)[0], of(2)[0]]
  for (const client of clients)
    t.is(reason((await send(client, [item('Hash', { ...end, correlationValue: lost })]))[0]), 'InvalidCorrelationValue')
  const { data } = await ask(one(), 'Hash', { ...end, correlationValue: kept })
  t.deepEqual(Buffer.from(data as Buffer), createHash('sha256').update('abc').digest())
})

test.serial('the numbers of a node say how many streams are open', async (t) => {
  await ask(one(), 'Hash', begin)
  t.regex(await node.node.processes.metrics(), /^tresor_streams\{process="worker-\d"\} [1-9]/m)
})
