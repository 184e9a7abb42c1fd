import { createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { RequestPayload } from '../../spec/values.ts'
import { Client, type ClientOptions, ConnectionLost, KmipError, OutcomeUnknown } from '../../src/client/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let node: TestNode

test.before(async () => {
  node = await startTestNode()
})

test.after.always(async () => {
  await node?.remove()
})

const aesKey = (name: string): RequestPayload<'Create'> => ({
  objectType: 'SymmetricKey',
  attributes: [
    { name: 'CryptographicAlgorithm', value: 'AES' },
    { name: 'CryptographicLength', value: 256 },
    { name: 'CryptographicUsageMask', value: 0x0c },
    { name: 'ActivationDate', value: 1 },
    { name: 'Name', value: { value: name, type: 'UninterpretedTextString' } },
  ],
})

const named = (name: string): RequestPayload<'Locate'> => ({
  attributes: [{ name: 'Name', value: { value: name, type: 'UninterpretedTextString' } }],
})

const local = (port: number) => ({ host: '127.0.0.1', port })

function open(t: ExecutionContext, ports: readonly number[], options: Partial<ClientOptions> = {}): Client {
  const { authority, certificate, privateKey } = node.client
  const client = new Client({ endpoints: ports.map(local), ca: authority, cert: certificate, key: privateKey, ...options })
  t.teardown(() => client.close())
  return client
}

async function proxyTo(t: ExecutionContext, port: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(port)
  t.teardown(() => proxy.close())
  return proxy
}

/** A port on which nothing listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

for (const version of ['1.2', '1.4', '2.0', '2.1'] as const) {
  test(`makes, uses and destroys a key in KMIP ${version}`, async (t) => {
    const client = open(t, [node.port], { version })
    const { uniqueIdentifier } = await client.call('Create', aesKey(`life-${version}`))
    const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const
    const iv = Buffer.alloc(16, 7)
    const made = await client.call('Encrypt', {
      uniqueIdentifier,
      cryptographicParameters,
      data: Buffer.from('secret'),
      ivCounterNonce: iv,
    })
    const back = await client.call('Decrypt', { uniqueIdentifier, cryptographicParameters, data: made.data, ivCounterNonce: iv })
    t.is(Buffer.from(back.data ?? []).toString(), 'secret')
    await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
    await client.call('Destroy', { uniqueIdentifier })
    const refused = client.call('Encrypt', { uniqueIdentifier, cryptographicParameters, data: made.data, ivCounterNonce: iv })
    await t.throwsAsync(refused, { instanceOf: KmipError, message: /destroyed/ })
  })
}

test('a node that is not there is passed over, and tried last for a while', async (t) => {
  const client = open(t, [await deadPort(), node.port])
  t.deepEqual((await client.call('Locate', named('no such name'))).uniqueIdentifiers, [])
  t.deepEqual((await client.call('Locate', named('no such name'))).uniqueIdentifiers, [])
})

test('no node at all: the error names the last one and why', async (t) => {
  const port = await deadPort()
  const error = await t.throwsAsync(open(t, [port]).call('Locate', named('x')), { instanceOf: ConnectionLost })
  t.regex(error?.message ?? '', new RegExp(`^127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`))
})

test('an answer lost on the way: what only reads goes to the next node', async (t) => {
  const proxy = await proxyTo(t, node.port)
  const client = open(t, [proxy.port, node.port], { connection: { answerTimeout: 500 } })
  await client.call('Locate', named('warm'))
  proxy.holdAnswers()
  t.deepEqual((await client.call('Locate', named('warm'))).uniqueIdentifiers, [])
})

test('an answer lost on the way: a change is not sent again, and says that it may have been carried out', async (t) => {
  const proxy = await proxyTo(t, node.port)
  const client = open(t, [proxy.port, node.port], { connection: { answerTimeout: 500 } })
  await client.call('Locate', named('warm'))
  const { uniqueIdentifier } = await client.call('Create', aesKey('ended'))
  proxy.holdAnswers()
  await t.throwsAsync(client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } }), {
    instanceOf: OutcomeUnknown,
    message: /^Revoke: .* may have been carried out/,
  })
  const { attributes } = await open(t, [node.port]).call('GetAttributes', { uniqueIdentifier, references: ['State'] })
  t.like(attributes[0], { value: 'Deactivated' })
})

test('an answer lost on the way: a key that was asked for is made once, and its identifier is had from the next node', async (t) => {
  const proxy = await proxyTo(t, node.port)
  const client = open(t, [proxy.port, node.port], { connection: { answerTimeout: 500 } })
  await client.call('Locate', named('warm'))
  proxy.holdAnswers()
  const { uniqueIdentifier } = await client.call('Create', aesKey('once'))
  t.deepEqual((await open(t, [node.port]).call('Locate', named('once'))).uniqueIdentifiers, [uniqueIdentifier])
})

test('a client that is closed ends what is under way, and asks nobody any more', async (t) => {
  const proxy = await proxyTo(t, node.port)
  const client = open(t, [proxy.port, proxy.port])
  await client.call('Locate', named('warm'))
  proxy.holdAnswers()
  const call = client.call('Locate', named('warm'))
  client.close()
  await t.throwsAsync(call, { instanceOf: ConnectionLost, message: /closed/ })
  await t.throwsAsync(client.call('Locate', named('warm')), { instanceOf: ConnectionLost, message: 'this client is closed' })
})

test('fifty calls at once each get their own answer', async (t) => {
  const client = open(t, [node.port])
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => client.call('Create', aesKey(`many-${index}`))))
  t.is(new Set(answers.map(({ uniqueIdentifier }) => uniqueIdentifier)).size, 50)
})

test('a batch that fails is undone as a whole', async (t) => {
  const client = open(t, [node.port])
  const items = await client.batch(
    [
      { operation: 'Create', payload: aesKey('undone') },
      { operation: 'Destroy', payload: { uniqueIdentifier: 'no-such-object' } },
    ],
    { onError: 'Undo' },
  )
  t.deepEqual(
    items.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
  t.deepEqual((await client.call('Locate', named('undone'))).uniqueIdentifiers, [])
})

test('a server of another authority is not believed', async (t) => {
  const stranger = await startTestNode()
  t.teardown(() => stranger.remove())
  const { certificate, privateKey } = node.client
  const client = open(t, [node.port], { ca: stranger.client.authority, cert: certificate, key: privateKey })
  await t.throwsAsync(client.call('Locate', named('x')), { instanceOf: ConnectionLost, message: /certificate/ })
})
