import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import {
  decodeAttributes,
  encodeRequest,
  parseRequest,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  requestFromItem,
  requestToItem,
  responseToItem,
  tooLarge,
} from '../../src/messages/index.ts'
import { legacyName, vendorName } from '../../src/messages/vendor-names.ts'
import { encode, fromXml, type Item, integer, structure, type TagLike, TtlvError, toXml } from '../../src/ttlv/index.ts'

function request(version: Version, item: RequestItem): RequestMessage {
  return { header: { version, asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' }, items: [item] }
}

/** The lines of a message between two of its elements, without what says only which type a value has. */
function inside(xml: string, element: string): string[] {
  const lines = xml.split('\n').map((line) => line.trim().replace(/ type="[A-Za-z]*"/, ''))
  const from = lines.findIndex((line) => line.startsWith(`<${element}`))
  return lines.slice(from + 1, lines.lastIndexOf(`</${element}>`))
}

const payloadOf = (version: Version, item: RequestItem) => inside(toXml(requestToItem(request(version, item))), 'RequestPayload')
const answerOf = (version: Version, item: ResponseItem) =>
  inside(toXml(responseToItem({ version, timeStamp: 0, items: [item] })), 'BatchItem')

const mask: AttributeInstance = { name: 'CryptographicUsageMask', value: 0xc }
const vendor: AttributeInstance = {
  name: 'VendorAttribute',
  value: { vendorIdentification: 'x', attributeName: 'ID', attributeValue: { tag: 0x42000b, type: 'TextString', value: 'T' } },
}
const create: RequestItem = {
  operation: 'Create',
  payload: { objectType: 'SymmetricKey', templates: [{ value: 'tpl', type: 'UninterpretedTextString' }], attributes: [mask, vendor] },
}

test('attributes in 1.x: names of Templates, then names and values', (t) => {
  t.deepEqual(payloadOf('1.0', create), [
    '<ObjectType value="SymmetricKey"/>',
    '<TemplateAttribute>',
    '<Name>',
    '<NameValue value="tpl"/>',
    '<NameType value="UninterpretedTextString"/>',
    '</Name>',
    '<Attribute>',
    '<AttributeName value="Cryptographic Usage Mask"/>',
    '<AttributeValue value="Encrypt Decrypt"/>',
    '</Attribute>',
    '<Attribute>',
    '<AttributeName value="x-ID"/>',
    '<AttributeValue value="T"/>',
    '</Attribute>',
    '</TemplateAttribute>',
  ])
})

test('attributes in 2.x: each under its own tag', (t) => {
  t.deepEqual(payloadOf('2.1', create), [
    '<ObjectType value="SymmetricKey"/>',
    '<Attributes>',
    '<CryptographicUsageMask value="Encrypt Decrypt"/>',
    '<Attribute>',
    '<VendorIdentification value="x"/>',
    '<AttributeName value="ID"/>',
    '<AttributeValue value="T"/>',
    '</Attribute>',
    '</Attributes>',
  ])
})

test('one request in two versions means the same', (t) => {
  const payloads = (['1.4', '2.1'] as const).map((version) => {
    const [item] = parseRequest(encodeRequest(request(version, create))).items
    return item !== undefined && 'payload' in item ? { ...item.payload, templates: undefined } : undefined
  })
  t.deepEqual(payloads[0], payloads[1])
})

test('references: names in 1.x, tags in 2.x, vendor and name in both', (t) => {
  const item: RequestItem = {
    operation: 'GetAttributes',
    payload: { uniqueIdentifier: 'a', references: ['State', { vendorIdentification: 'y', attributeName: 'b' }] },
  }
  t.deepEqual(payloadOf('1.2', item), ['<UniqueIdentifier value="a"/>', '<AttributeName value="State"/>', '<AttributeName value="y-b"/>'])
  t.deepEqual(payloadOf('2.0', item), [
    '<UniqueIdentifier value="a"/>',
    '<AttributeReference value="State"/>',
    '<AttributeReference>',
    '<VendorIdentification value="y"/>',
    '<AttributeName value="b"/>',
    '</AttributeReference>',
  ])
})

test('a Unique Identifier of 2.x may be text, a placeholder or a position', (t) => {
  const xml = (value: string) =>
    toXml(requestToItem(request('2.1', { operation: 'Activate', payload: { uniqueIdentifier: 'a' } }))).replace(
      /<UniqueIdentifier [^>]*>/,
      value,
    )
  const read = (value: string) => {
    const [item] = requestFromItem(fromXml(xml(value))).items
    return item !== undefined && 'payload' in item && item.operation === 'Activate' ? item.payload.uniqueIdentifier : item
  }
  t.is(read('<UniqueIdentifier type="TextString" value="b"/>'), 'b')
  t.deepEqual(read('<UniqueIdentifier type="Enumeration" value="IDPlaceholder"/>'), { placeholder: 'IDPlaceholder' })
  t.deepEqual(read('<UniqueIdentifier type="Integer" value="-1"/>'), { position: -1 })
})

test('attributes that a list may lack may lack their structure too', (t) => {
  const locate = toXml(requestToItem(request('2.0', { operation: 'Locate', payload: { attributes: [] } })))
  t.true(locate.includes('<Attributes/>') || locate.includes('<Attributes>'))
  const [item] = requestFromItem(fromXml(locate.replace(/<Attributes\/>|<Attributes>\s*<\/Attributes>/, ''))).items
  t.deepEqual(item, { operation: 'Locate', uniqueBatchItemId: undefined, payload: { attributes: [] } })
})

test('an Attribute Index is said by a server of 1.x when it is not 0, and as it is by a client', (t) => {
  const named = (index: number): AttributeInstance => ({ name: 'ObjectGroup', index, value: 'g' })
  const indexes = (lines: string[]) => lines.filter((line) => line.startsWith('<AttributeIndex'))
  const answer: ResponseItem = {
    operation: 'GetAttributes',
    status: 'Success',
    payload: { uniqueIdentifier: 'a', attributes: [named(0), named(2)] },
  }
  t.deepEqual(indexes(answerOf('1.0', answer)), ['<AttributeIndex value="2"/>'])
  t.deepEqual(indexes(answerOf('1.4', answer)), ['<AttributeIndex value="2"/>'])
  t.deepEqual(indexes(answerOf('2.1', answer)), [])
  t.deepEqual(indexes(payloadOf('1.0', { operation: 'ModifyAttribute', payload: { newAttribute: named(0) } })), [
    '<AttributeIndex value="0"/>',
  ])
})

test('what the client cannot know is left out of an answer', (t) => {
  const answer: ResponseItem = {
    operation: 'GetAttributes',
    status: 'Success',
    payload: {
      uniqueIdentifier: 'a',
      attributes: [
        { name: 'Sensitive', value: true },
        { name: 'CryptographicAlgorithm', value: 'ChaCha20' },
        { name: 'CryptographicUsageMask', value: 0x10000c },
        { name: 'CryptographicParameters', value: { blockCipherMode: 'GCM', tagLength: 16 } },
        {
          name: 'VendorAttribute',
          value: {
            vendorIdentification: 'not allowed',
            attributeName: 'a',
            attributeValue: { tag: 0x42000b, type: 'Boolean', value: true },
          },
        },
      ],
    },
  }
  t.deepEqual(answerOf('1.1', answer), [
    '<Operation value="GetAttributes"/>',
    '<ResultStatus value="Success"/>',
    '<ResponsePayload>',
    '<UniqueIdentifier value="a"/>',
    '<Attribute>',
    '<AttributeName value="Cryptographic Usage Mask"/>',
    '<AttributeValue value="Encrypt Decrypt"/>',
    '</Attribute>',
    '<Attribute>',
    '<AttributeName value="Cryptographic Parameters"/>',
    '<AttributeValue>',
    '<BlockCipherMode value="GCM"/>',
    '</AttributeValue>',
    '</Attribute>',
    '</ResponsePayload>',
  ])
})

test('an answer whose core the client cannot know fails, and says why', (t) => {
  const answer: ResponseItem = {
    operation: 'Get',
    uniqueBatchItemId: Uint8Array.of(7),
    status: 'Success',
    payload: { objectType: 'CertificateRequest', uniqueIdentifier: 'a' },
  }
  t.deepEqual(answerOf('1.4', answer), [
    '<Operation value="Get"/>',
    '<UniqueBatchItemID value="07"/>',
    '<ResultStatus value="OperationFailed"/>',
    '<ResultReason value="FeatureNotSupported"/>',
    '<ResultMessage value="The answer has a value that KMIP 1.4 has no words for: use a later version"/>',
  ])
})

const unsayable: readonly (readonly [string, Version, RequestItem])[] = [
  [
    'an attribute',
    '1.3',
    { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes: [{ name: 'Sensitive', value: true }] } },
  ],
  ['a value', '1.3', { operation: 'Get', payload: { keyFormatType: 'PKCS_12' } }],
  [
    'a bit',
    '1.4',
    { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes: [{ name: 'CryptographicUsageMask', value: 0x100000 }] } },
  ],
  ['an operation', '1.1', { operation: 'RNGRetrieve', payload: { dataLength: 1 } }],
  ['a placeholder', '1.4', { operation: 'Get', payload: { uniqueIdentifier: { placeholder: 'IDPlaceholder' } } }],
]

for (const [what, version, item] of unsayable) {
  test(`a client is told when its version cannot say ${what}`, (t) => {
    t.throws(() => encodeRequest(request(version, item)), { instanceOf: KmipError })
  })
}

test('an item too large is replaced by a failure that keeps its names', (t) => {
  const answer: ResponseItem = {
    operation: 'RNGRetrieve',
    uniqueBatchItemId: Uint8Array.of(1),
    status: 'Success',
    payload: { data: new Uint8Array(9) },
  }
  t.deepEqual(answerOf('2.1', tooLarge(answer)), [
    '<Operation value="RNGRetrieve"/>',
    '<UniqueBatchItemID value="01"/>',
    '<ResultStatus value="OperationFailed"/>',
    '<ResultReason value="ResponseTooLarge"/>',
    '<ResultMessage value="The answer would be larger than the Maximum Response Size of the request"/>',
  ])
})

test('an operation that is not served is echoed as it came', (t) => {
  const error = new KmipError('OperationNotSupported', 'no')
  const [operation] = answerOf('1.0', { operationValue: 0x7fff, status: 'OperationFailed', error })
  t.is(operation, '<Operation value="0x00007fff"/>')
})

const vendorNames: readonly (readonly [string, string, string | undefined])[] = [
  ['x', 'ID', 'x-ID'],
  ['x', '', 'x-'],
  ['x', 'a:b', 'x-a:b'],
  ['x', 'ACME::ID', 'x-x::ACME::ID'],
  ['x', 'not a vendor::ID', 'x-not a vendor::ID'],
  ['y', 'ID', 'y-ID'],
  ['y', 'ACME::ID', 'y-ACME::ID'],
  ['ACME', 'ID', 'x-ACME::ID'],
  ['ACME', 'a::b', 'x-ACME::a::b'],
  ['A.b_1', '', 'x-A.b_1::'],
  ['not allowed', 'ID', undefined],
  ['', 'ID', undefined],
]

for (const [vendorIdentification, attributeName, name] of vendorNames) {
  test(`the vendor attribute '${attributeName}' of '${vendorIdentification}' in 1.x`, (t) => {
    t.is(legacyName(vendorIdentification, attributeName), name)
    if (name !== undefined) t.deepEqual(vendorName(name), { vendorIdentification, attributeName })
  })
}

test('a name without prefix is no vendor attribute', (t) => t.is(vendorName('State'), undefined))

test('kept attributes are refused when they are something else', (t) => {
  const kept = (items: readonly Item[], tag: TagLike = 'Attributes') => encode(structure(tag, items))
  t.throws(() => decodeAttributes(Buffer.from('nothing')), { instanceOf: TtlvError })
  t.throws(() => decodeAttributes(kept([], 'BatchItem')), {
    instanceOf: KmipError,
    message: 'Kept attributes are not in an Attributes structure',
  })
  t.throws(() => decodeAttributes(kept([integer('AttributeIndex', 1)])), {
    instanceOf: KmipError,
    message: 'AttributeIndex is no attribute that this server knows in the stored form',
  })
  t.throws(() => decodeAttributes(kept([integer('State', 1)])), { instanceOf: KmipError })
})
