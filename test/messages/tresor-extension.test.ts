import { readFileSync } from 'node:fs'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import { tresorExtension } from '../../spec/tresor-extension.ts'
import { servedVersions } from '../../spec/versions.ts'
import { encodeResponse, parseRequest, parseResponse, type RequestItem, requestFromItem, requestToItem } from '../../src/messages/index.ts'
import { encode, type Item, type StructureItem } from '../../src/ttlv/index.ts'

const idempotencyKey = Buffer.alloc(16, 0xab)
const { fields, vendor } = tresorExtension
const header = (version: (typeof servedVersions)[number]) =>
  ({ version, asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' }) as const
const create: RequestItem = { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes: [] } }

/** A Create of KMIP 2.1 with these Message Extensions. */
function withExtensions(...extensions: Item[]): Item {
  const [head, item] = (requestToItem({ header: header('2.1'), items: [create] }) as StructureItem).value as [Item, StructureItem]
  const value = [head, { ...item, value: [...item.value, ...extensions] }]
  return { tag: tags.RequestMessage.tag, type: 'Structure', value }
}

function extension(content: readonly Item[], { by = vendor as string, isCritical = false } = {}): Item {
  return {
    tag: tags.MessageExtension.tag,
    type: 'Structure',
    value: [
      { tag: tags.VendorIdentification.tag, type: 'TextString', value: by },
      { tag: tags.CriticalityIndicator.tag, type: 'Boolean', value: isCritical },
      { tag: tags.VendorExtension.tag, type: 'Structure', value: content },
    ],
  }
}

const key = (value: Uint8Array): Item => ({ ...fields.idempotencyKey, value })

for (const version of servedVersions)
  test(`KMIP ${version}: a request's key and wish come as they were sent, with a digest that tells requests apart`, (t) => {
    const items: RequestItem[] = [
      { ...create, idempotencyKey, wantsRetry: true, uniqueBatchItemId: Buffer.of(1) },
      {
        ...create,
        payload: { ...create.payload, objectType: 'SecretData' },
        idempotencyKey,
        uniqueBatchItemId: Buffer.of(2),
      } as RequestItem,
      { ...create, idempotencyKey, uniqueBatchItemId: Buffer.of(3) },
      { ...create, uniqueBatchItemId: Buffer.of(4) },
    ]
    const read = parseRequest(encode(requestToItem({ header: header(version), items }))).items as RequestItem[]
    const digests = read.map(({ digest }) => digest && Buffer.from(digest).toString('hex'))
    t.deepEqual(
      read.map((item) => [item.idempotencyKey && Buffer.from(item.idempotencyKey), item.wantsRetry]),
      [
        [idempotencyKey, true],
        [idempotencyKey, undefined],
        [idempotencyKey, undefined],
        [undefined, undefined],
      ],
    )
    t.not(digests[0], digests[1])
    t.is(digests[0], digests[2])
    t.is(digests[3], undefined)
  })

test('the bytes are those of docs/clients.md', (t) => {
  const idempotencyKey = Buffer.from(Array.from({ length: 16 }, (_, index) => index))
  const { value } = (requestToItem({ header: header('2.1'), items: [{ ...create, idempotencyKey }] }) as StructureItem)
    .value[1] as StructureItem
  const documented = /these are the 72 bytes\n\n```\n([^`]+)```/.exec(readFileSync('docs/clients.md', 'utf8'))?.[1]
  t.is(documented?.replace(/\s/g, ''), Buffer.from(encode(value.at(-1) as Item)).toString('hex'))
})

for (const [name, extensions, reason] of [
  ['a key of 15 bytes', [extension([key(Buffer.alloc(15))])], 'InvalidField'],
  ['a key of 65 bytes', [extension([key(Buffer.alloc(65))])], 'InvalidField'],
  ['a key of text', [extension([{ tag: fields.idempotencyKey.tag, type: 'TextString', value: 'sixteen letters!' }])], 'InvalidField'],
  ['two keys', [extension([key(idempotencyKey)]), extension([key(idempotencyKey)])], 'InvalidField'],
  ['an unknown field, critical', [extension([{ tag: 0x54ffff, type: 'Boolean', value: true }], { isCritical: true })], 'all'],
  ['another vendor, critical', [extension([key(idempotencyKey)], { by: 'Acme', isCritical: true })], 'all'],
  ['an unknown field', [extension([{ tag: 0x54ffff, type: 'Boolean', value: true }])], 'read'],
  ['another vendor', [extension([key(Buffer.alloc(3))], { by: 'Acme' })], 'read'],
  ['a key, critical', [extension([key(idempotencyKey)], { isCritical: true })], 'read'],
] as const)
  test(`a Message Extension with ${name}: ${reason}`, (t) => {
    const read = () => requestFromItem(withExtensions(...extensions)).items[0]
    if (reason === 'all') return void t.throws(read, { message: /critical Message Extension is not known/ })
    const item = read()
    t.is(item !== undefined && 'error' in item ? item.error.reason : 'read', reason)
  })

for (const version of servedVersions)
  for (const retry of ['another-node', 'outcome-unknown'] as const)
    test(`KMIP ${version}: a failed item says ${retry} to who wants to know, and to nobody else`, (t) => {
      const error = new KmipError('GeneralFailure', 'not now', { retry })
      const items = [true, undefined].map((wantsRetry) => ({ operation: 'Get', status: 'OperationFailed', wantsRetry, error }) as const)
      const read = parseResponse(encodeResponse({ version, timeStamp: 0, items })).items
      t.deepEqual(
        read.map((item) => item.status === 'OperationFailed' && [item.error.reason, item.error.message, item.error.retry]),
        [retry, undefined].map((said) => ['GeneralFailure', 'not now', said]),
      )
    })
