import ava from 'ava'
import { type OperationName, operations } from '../../spec/operations.ts'
import type { KeyBlock, RequestPayload } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKey, aesKeyWith, ask, named, outcomes, requestBytes } from '../support/requests.ts'
import { RawClient } from '../support/tls-client.ts'

/** One after the other: the last one looks at what all the others did. */
const test = ava.serial

let node: TestNode
let bank: RawClient
let shop: RawClient
/** Keys of the tenant bank: one that lives, and one that is destroyed. */
let foreign: string
let destroyed: string
let foreignPair: { readonly privateKey: string; readonly publicKey: string }

const unknown = '00000000-1111-4222-8333-444444444444'

ava.before(async () => {
  node = await startTestNode({ limits: { idleTimeout: 120_000 } })
  bank = await RawClient.open(node.port, await node.enroll('bank', 'app'))
  shop = await RawClient.open(node.port, await node.enroll('shop', 'app'))
  foreign = await made(bank, aesKeyWith(named('foreign key')))
  destroyed = await made(bank, { ...aesKey, attributes: aesKey.attributes.filter(({ name }) => name !== 'ActivationDate') })
  await ask(bank, [['Destroy', { uniqueIdentifier: destroyed }]])
  const pair = await ask(bank, [
    [
      'CreateKeyPair',
      {
        commonTemplates: [],
        privateKeyTemplates: [],
        publicKeyTemplates: [],
        commonAttributes: [
          { name: 'CryptographicAlgorithm', value: 'EC' },
          { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_256' } },
          { name: 'ActivationDate', value: 1_000_000_000 },
        ],
        privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }],
        publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
      },
    ],
  ])
  const [item] = pair.items
  if (item?.status !== 'Success') throw new Error(outcomes(pair).join())
  const answer = item.payload as { readonly privateKeyUniqueIdentifier: string; readonly publicKeyUniqueIdentifier: string }
  foreignPair = { privateKey: answer.privateKeyUniqueIdentifier, publicKey: answer.publicKeyUniqueIdentifier }
})

ava.after.always(async () => {
  bank?.close()
  shop?.close()
  await node?.remove()
})

async function made(client: RawClient, payload: RequestPayload<'Create'>): Promise<string> {
  const answer = await ask(client, [['Create', payload]])
  const [item] = answer.items
  if (item?.status !== 'Success') throw new Error(outcomes(answer).join())
  return String((item.payload as { readonly uniqueIdentifier: unknown }).uniqueIdentifier)
}

const gcm = { blockCipherMode: 'GCM', tagLength: 16 } as const
const data = Buffer.alloc(16, 7)
const sha256 = { cryptographicParameters: { hashingAlgorithm: 'SHA_256' as const }, derivationData: [] }
const comment = { name: 'Comment', value: 'mine' } as const
const wrapWith = (uniqueIdentifier: string) => ({
  wrappingMethod: 'Encrypt' as const,
  encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: { blockCipherMode: 'NISTKeyWrap' as const } },
  attributeNames: [],
  encodingOption: 'NoEncoding' as const,
})
const link = (linkedObjectIdentifier: string) => ({ name: 'Link', value: { linkType: 'ParentLink', linkedObjectIdentifier } }) as const
const wrappedBlock = (kek: string): KeyBlock => ({
  keyFormatType: 'Raw',
  keyValue: { keyMaterial: Buffer.alloc(24, 9), attributes: [] },
  cryptographicAlgorithm: 'AES',
  cryptographicLength: 128,
  keyWrappingData: wrapWith(kek),
})

/** What a request that names an object asks, for every operation that can name one. */
const naming: { readonly [O in OperationName]?: readonly ((id: string) => RequestPayload<O>)[] } = {
  Activate: [(uniqueIdentifier) => ({ uniqueIdentifier })],
  AddAttribute: [(uniqueIdentifier) => ({ uniqueIdentifier, newAttribute: comment })],
  Create: [(id) => ({ ...aesKey, attributes: [...aesKey.attributes, link(id)] })],
  CreateKeyPair: [
    (id) => ({
      commonTemplates: [],
      privateKeyTemplates: [],
      publicKeyTemplates: [],
      commonAttributes: [
        { name: 'CryptographicAlgorithm', value: 'EC' },
        { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_256' } },
      ],
      privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }, link(id)],
      publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
    }),
  ],
  Decrypt: [(uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: gcm, data, ivCounterNonce: data.subarray(4), tag: data })],
  DeleteAttribute: [
    (uniqueIdentifier) => ({ uniqueIdentifier, reference: 'Name' }),
    (uniqueIdentifier) => ({ uniqueIdentifier, currentAttribute: named('foreign key') }),
  ],
  DeriveKey: [
    (id) => ({ ...aesKey, uniqueIdentifiers: [id], derivationMethod: 'HASH', derivationParameters: sha256 }),
    (id) => ({
      ...aesKey,
      uniqueIdentifiers: [foreignPair.privateKey, id],
      derivationMethod: 'AsymmetricKey',
      derivationParameters: sha256,
    }),
  ],
  Destroy: [(uniqueIdentifier) => ({ uniqueIdentifier })],
  Encrypt: [(uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: { ...gcm, randomIv: true }, data })],
  Get: [
    (uniqueIdentifier) => ({ uniqueIdentifier }),
    (uniqueIdentifier) => ({ uniqueIdentifier, keyFormatType: 'TransparentSymmetricKey' }),
    (uniqueIdentifier) => ({ uniqueIdentifier, keyWrappingSpecification: wrapWith(unknown) }),
  ],
  GetAttributeList: [(uniqueIdentifier) => ({ uniqueIdentifier })],
  GetAttributes: [
    (uniqueIdentifier) => ({ uniqueIdentifier, references: [] }),
    (uniqueIdentifier) => ({ uniqueIdentifier, references: ['State', 'Name'] }),
  ],
  Locate: [
    (value) => ({ attributes: [{ name: 'UniqueIdentifier', value }] }),
    (value) => ({ storageStatusMask: 3, attributes: [{ name: 'UniqueIdentifier', value }] }),
  ],
  MAC: [(uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: { cryptographicAlgorithm: 'HMAC_SHA256' }, data })],
  MACVerify: [
    (uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: { cryptographicAlgorithm: 'HMAC_SHA256' }, data, macData: data }),
  ],
  ModifyAttribute: [(uniqueIdentifier) => ({ uniqueIdentifier, newAttribute: comment })],
  Register: [
    (kek) => ({ objectType: 'SymmetricKey', templates: [], attributes: [], symmetricKey: { keyBlock: wrappedBlock(kek) } }),
    (id) => ({
      objectType: 'SymmetricKey',
      templates: [],
      attributes: [link(id)],
      symmetricKey: {
        keyBlock: {
          keyFormatType: 'Raw',
          keyValue: { keyMaterial: data, attributes: [] },
          cryptographicAlgorithm: 'AES',
          cryptographicLength: 128,
        },
      },
    }),
  ],
  Revoke: [
    (uniqueIdentifier) => ({ uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } }),
    (uniqueIdentifier) => ({ uniqueIdentifier, revocationReason: { code: 'KeyCompromise' }, compromiseOccurrenceDate: 1_000_000_000 }),
  ],
  Sign: [(uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data })],
  SignatureVerify: [
    (uniqueIdentifier) => ({ uniqueIdentifier, cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data, signatureData: data }),
  ],
}

/** These name no object in any version. */
const nameless: readonly OperationName[] = [
  'Cancel',
  'DiscoverVersions',
  'Hash',
  'Login',
  'Logout',
  'Poll',
  'Process',
  'Query',
  'QueryAsynchronousRequests',
  'RNGRetrieve',
]

/** An answer's bytes without what is new in each: identifiers, and the Time Stamp of the header. */
function comparable(answer: Buffer): string {
  const hex = answer.toString('hex').replace(/42009209000000080{8}[0-9a-f]{8}/g, 'TIME')
  const uuid = /(?:(?:3[0-9]|6[1-6]){8}2d)(?:(?:3[0-9]|6[1-6]){4}2d){3}(?:3[0-9]|6[1-6]){12}/g
  return hex.replace(uuid, 'IDENTIFIER')
}

test('the table has every operation', (t) => {
  t.deepEqual([...Object.keys(naming), ...nameless].sort(), Object.keys(operations).sort())
})

for (const [operation, payloads] of Object.entries(naming)) {
  for (const version of ['1.4', '2.1'] as const satisfies readonly Version[]) {
    test(`${operation} in ${version}: an identifier of another tenant is answered as one that never was`, async (t) => {
      for (const payload of payloads as readonly ((id: string) => never)[]) {
        const answerTo = async (id: string) => {
          const bytes = requestBytes([[operation, payload(id)] as unknown as Asked], { version })
          return comparable(await shop.request(bytes))
        }
        const expected = await answerTo(unknown)
        for (const id of [foreign, destroyed, foreignPair.privateKey, foreignPair.publicKey]) t.is(await answerTo(id), expected)
      }
    })
  }
}

test("a foreign wrapping key is no key: Get of one's own key under it", async (t) => {
  const own = await made(shop, aesKey)
  const answerTo = async (kek: string) =>
    comparable(await shop.request(requestBytes([['Get', { uniqueIdentifier: own, keyWrappingSpecification: wrapWith(kek) }]])))
  const expected = await answerTo(unknown)
  for (const id of [foreign, destroyed]) t.is(await answerTo(id), expected)
  const answer = await ask(shop, [['Get', { uniqueIdentifier: own, keyWrappingSpecification: wrapWith(foreign) }]])
  t.deepEqual(outcomes(answer), ['WrappingObjectNotFound'])
})

test('a batch cannot carry an identifier over: neither the ID Placeholder nor a position finds a foreign object', async (t) => {
  const { items } = await ask(
    shop,
    [
      ['Locate', { attributes: [named('foreign key')] }],
      ['Get', {}],
      ['GetAttributes', { uniqueIdentifier: { position: 0 }, references: [] }],
      ['Get', { uniqueIdentifier: foreign }],
      ['Destroy', {}],
    ],
    { batchErrorContinuation: 'Continue' },
  )
  t.deepEqual(
    items.map((item) => (item.status === 'OperationFailed' ? item.error.reason : item.status)),
    ['Success', 'InvalidMessage', 'InvalidMessage', 'ObjectNotFound', 'InvalidMessage'],
  )
})

test('a link to a foreign object says what its maker wrote, and opens nothing', async (t) => {
  const uniqueIdentifier = await made(shop, aesKeyWith(link(foreign)))
  const found = await located(shop, { attributes: [link(foreign)] })
  t.true(found.ids.includes(uniqueIdentifier))
  const after = await ask(bank, [['GetAttributes', { uniqueIdentifier: foreign, references: ['Link'] }]])
  t.like(after.items[0], { status: 'Success', payload: { attributes: [] } })
})

async function located(client: RawClient, payload: RequestPayload<'Locate'>): Promise<{ ids: readonly unknown[]; total: unknown }> {
  const [item] = (await ask(client, [['Locate', payload]])).items
  if (item?.status !== 'Success') throw new Error('Locate failed')
  const { uniqueIdentifiers, locatedItems } = item.payload as {
    readonly uniqueIdentifiers: readonly unknown[]
    readonly locatedItems: unknown
  }
  return { ids: uniqueIdentifiers, total: locatedItems }
}

test("Locate finds and counts one's own objects alone, by whatever it searches", async (t) => {
  const left = await RawClient.open(node.port, await node.enroll('left', 'app'))
  const right = await RawClient.open(node.port, await node.enroll('right', 'app'))
  t.teardown(() => [left, right].forEach((client) => void client.close()))
  const marks = [
    { name: 'ObjectGroup', value: 'group' },
    { name: 'Comment', value: 'the same' },
  ] as const
  const lefts: string[] = []
  for (let n = 0; n < 7; n++) lefts.push(await made(left, aesKeyWith(named(`key ${n}`), ...marks)))
  const rights: string[] = []
  for (let n = 0; n < 3; n++) rights.push(await made(right, aesKeyWith(named(`key ${n}`), ...marks)))
  const searches: readonly RequestPayload<'Locate'>[] = [
    { attributes: [] },
    { attributes: [{ name: 'ObjectType', value: 'SymmetricKey' }] },
    { attributes: [{ name: 'State', value: 'Active' }] },
    { attributes: [{ name: 'ObjectGroup', value: 'group' }] },
    { attributes: [{ name: 'Comment', value: 'the same' }] },
    {
      attributes: [
        { name: 'CryptographicAlgorithm', value: 'AES' },
        { name: 'CryptographicLength', value: 256 },
      ],
    },
    {
      attributes: [
        { name: 'InitialDate', value: 1_000_000_000 },
        { name: 'InitialDate', value: 4_000_000_000 },
      ],
    },
    { attributes: [{ name: 'CryptographicUsageMask', value: 4 }] },
  ]
  for (const search of searches) {
    t.deepEqual(await located(left, search), { ids: [...lefts].reverse(), total: 7 }, JSON.stringify(search))
    t.deepEqual(await located(right, search), { ids: [...rights].reverse(), total: 3 }, JSON.stringify(search))
    t.deepEqual(await located(left, { ...search, maximumItems: 2, offsetItems: 5 }), { ids: [lefts[1], lefts[0]], total: 7 })
  }
  t.deepEqual(await located(right, { attributes: [named('key 5')] }), { ids: [], total: 0 })
  t.deepEqual(await located(right, { attributes: [named('key 1')] }), { ids: [rights[1]], total: 1 })
  t.deepEqual(outcomes(await ask(right, [['Create', aesKeyWith(named('key 1'))]])), ['NonUniqueNameAttribute'])
  // A destroyed object of one tenant counts in no other.
  await ask(left, [
    ['Revoke', { uniqueIdentifier: lefts[0] as string, revocationReason: { code: 'CessationOfOperation' } }],
    ['Destroy', { uniqueIdentifier: lefts[0] as string }],
  ])
  t.is((await located(right, { storageStatusMask: 5, attributes: [] })).total, 3)
  t.is((await located(left, { storageStatusMask: 4, attributes: [] })).total, 1)
})

test('nothing that another tenant tried has changed the key', async (t) => {
  const answer = await ask(bank, [
    ['GetAttributes', { uniqueIdentifier: foreign, references: ['State', 'Name', 'Comment'] }],
    ['Encrypt', { uniqueIdentifier: foreign, cryptographicParameters: { ...gcm, randomIv: true }, data }],
  ])
  t.deepEqual(outcomes(answer), ['Success', 'Success'])
  t.like(answer.items[0], { payload: { attributes: [{ name: 'State', value: 'Active' }, { name: 'Name' }] } })
})
