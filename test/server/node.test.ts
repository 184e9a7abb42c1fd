import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { RequestItem, RequestMessage, ResponseItem, ResponseMessage } from '../../src/messages/index.ts'
import { encodeRequest, parseResponse } from '../../src/messages/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode
let client: RawClient

test.before(async () => {
  node = await startTestNode()
  client = await RawClient.open(node.port, node.client)
})

test.after.always(async () => {
  client?.close()
  await node?.remove()
})

type Loose = Readonly<Record<string, unknown>>

function message(items: readonly (readonly [string, Loose])[], header: Partial<RequestMessage['header']> = {}): Uint8Array {
  return encodeRequest({
    header: { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop', ...header },
    items: items.map(
      ([operation, payload], index) => ({ operation, payload, uniqueBatchItemId: Buffer.of(index) }) as unknown as RequestItem,
    ),
  })
}

async function ask(
  from: RawClient,
  items: readonly (readonly [string, Loose])[],
  header: Partial<RequestMessage['header']> = {},
): Promise<ResponseMessage> {
  return parseResponse(await from.request(message(items, header)))
}

function payload(item: ResponseItem | undefined): Loose {
  if (item === undefined || !('payload' in item)) throw new Error(`failed: ${JSON.stringify(item)}`)
  return item.payload as unknown as Loose
}

const create = (...attributes: Loose[]) =>
  [
    'Create',
    {
      objectType: 'SymmetricKey',
      attributes: [
        { name: 'CryptographicAlgorithm', value: 'AES' },
        { name: 'CryptographicLength', value: 256 },
        { name: 'CryptographicUsageMask', value: 0x0c },
        ...attributes,
      ],
    },
  ] as const

test('a key is made, used and destroyed, and refused afterwards', async (t) => {
  const made = await ask(client, [create(), ['Activate', {}]])
  const { uniqueIdentifier } = payload(made.items[0])
  t.is(made.items[1]?.status, 'Success')
  const parameters = { blockCipherMode: 'GCM', tagLength: 16, randomIV: true }
  const sealed = payload(
    (await ask(client, [['Encrypt', { uniqueIdentifier, cryptographicParameters: parameters, data: Buffer.from('hello') }]])).items[0],
  )
  const opened = payload(
    (
      await ask(client, [
        [
          'Decrypt',
          {
            uniqueIdentifier,
            cryptographicParameters: parameters,
            data: sealed.data,
            ivCounterNonce: sealed.ivCounterNonce,
            tag: sealed.tag,
          },
        ],
      ])
    ).items[0],
  )
  t.is(Buffer.from(opened.data as Uint8Array).toString(), 'hello')
  const gone = await ask(client, [
    ['Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation', revocationReasonCode: 'CessationOfOperation' } }],
    ['Destroy', { uniqueIdentifier }],
  ])
  t.deepEqual(
    gone.items.map(({ status }) => status),
    ['Success', 'Success'],
  )
  const refused = await ask(client, [['Encrypt', { uniqueIdentifier, cryptographicParameters: parameters, data: Buffer.from('x') }]])
  t.is(refused.items[0]?.status, 'OperationFailed')
})

test('Undo leaves nothing; a name is free again', async (t) => {
  const name = { name: 'Name', value: { value: 'undone', type: 'UninterpretedTextString' } }
  const undone = await ask(client, [create(name), ['Get', { uniqueIdentifier: 'no-such' }]], { batchErrorContinuation: 'Undo' })
  t.deepEqual(
    undone.items.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
  const found = await ask(client, [['Locate', { attributes: [name] }]])
  t.deepEqual(payload(found.items[0]).uniqueIdentifiers, [])
  t.is((await ask(client, [create(name)])).items[0]?.status, 'Success')
})

test('an answer beyond the Maximum Response Size leaves no object behind', async (t) => {
  const name = { name: 'Name', value: { value: 'too-large', type: 'UninterpretedTextString' } }
  const refused = await ask(client, [create(name)], { maximumResponseSize: 64 })
  t.true(refused.items[0]?.status === 'OperationFailed' && refused.items[0].error.reason === 'ResponseTooLarge')
  t.deepEqual(payload((await ask(client, [['Locate', { attributes: [name] }]])).items[0]).uniqueIdentifiers, [])
})

test("another tenant's key is not there", async (t) => {
  const { uniqueIdentifier } = payload((await ask(client, [create()])).items[0])
  const other = await RawClient.open(node.port, await node.enroll('other', 'app'))
  t.teardown(() => other.close())
  for (const [operation, more] of [
    ['Get', {}],
    ['GetAttributes', { references: [] }],
    ['Destroy', {}],
  ] as const) {
    const foreign = (await ask(other, [[operation, { uniqueIdentifier, ...more }]])).items[0]
    t.true(foreign?.status === 'OperationFailed' && /ObjectNotFound|ItemNotFound/.test(foreign.error.reason), operation)
  }
  t.deepEqual(payload((await ask(other, [['Locate', { attributes: [] }]])).items[0]).uniqueIdentifiers, [])
})

test('a user without a permission is refused; one whose enrollment ends is closed out', async (t) => {
  const reader = await RawClient.open(node.port, await node.enroll('demo', 'auditor', 'auditor'))
  t.teardown(() => reader.close())
  const refused = (await ask(reader, [create()])).items[0]
  t.true(refused?.status === 'OperationFailed' && refused.error.reason === 'PermissionDenied')
  await node.node.registry.removeUser('demo', 'auditor')
  const after = (await ask(reader, [['Locate', { attributes: [] }]])).items[0]
  t.true(after?.status === 'OperationFailed' && after.error.reason === 'AuthenticationNotSuccessful')
  await reader.closed()
})

test('what is no request is answered, and closes the connection when the bytes are no tree', async (t) => {
  const broken = await RawClient.open(node.port, node.client)
  t.teardown(() => broken.close())
  const fine = Buffer.from(message([['Query', { queryFunctions: ['QueryOperations'] }]]))
  const wrongTag = Buffer.from(fine)
  wrongTag[2] = 0x7b
  const answer = parseResponse(await broken.request(wrongTag))
  t.is(answer.items[0]?.status, 'OperationFailed')
  const lying = Buffer.from(fine)
  lying.writeUInt32BE(0xffff, 12)
  t.is(parseResponse(await broken.request(lying)).items[0]?.status, 'OperationFailed')
  await broken.closed()
})

test('the operator sees health, readiness and numbers', async (t) => {
  await ask(client, [['Query', { queryFunctions: ['QueryOperations'] }]])
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${node.operatorPort}${path}`)
    return { status: response.status, text: await response.text() }
  }
  t.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' })
  t.deepEqual(await get('/readyz'), { status: 200, text: 'ready\n' })
  const { text } = await get('/metrics')
  t.regex(text, /^tresor_operations_total\{operation="Query",result="Success"\} [1-9]/m)
  t.regex(text, /^tresor_connections\{process="node"\} [1-9]/m)
})

test('everything is there after a restart', async (t) => {
  const first = await startTestNode()
  const before = await RawClient.open(first.port, first.client)
  const { uniqueIdentifier } = payload((await ask(before, [create()])).items[0])
  await first.stop()
  const second = await startTestNode({ data: first.data })
  t.teardown(() => second.remove())
  const after = await RawClient.open(second.port, second.client)
  t.teardown(() => after.close())
  t.is((await ask(after, [['GetAttributes', { uniqueIdentifier, references: [] }]])).items[0]?.status, 'Success')
  t.true((await readFile(join(first.data, 'root.key'))).length > 0)
})
