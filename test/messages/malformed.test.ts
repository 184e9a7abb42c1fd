import test from 'ava'
import { type EnumerationValue, enumerations } from '../../spec/enumerations.ts'
import type { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import type { Version } from '../../spec/versions.ts'
import { defaultRequestLimits, encodeResponse, parseRequest, requestFromItem, UnreadableRequest } from '../../src/messages/index.ts'
import { child, decode, encode, fromXml, type Item, type StructureItem } from '../../src/ttlv/index.ts'

type Reason = EnumerationValue<'ResultReason'>

const versionXml = (version: string) => {
  const [major, minor] = version.split('.')
  return `<ProtocolVersion><ProtocolVersionMajor type="Integer" value="${major}"/><ProtocolVersionMinor type="Integer" value="${minor}"/></ProtocolVersion>`
}

interface Parts {
  readonly version: string
  /** What stands between Protocol Version and Batch Count. */
  readonly header?: string
  readonly count?: number
  readonly items: string
}

function messageXml({ version, header = '', count = 1, items }: Parts): string {
  return `<RequestMessage><RequestHeader>${versionXml(version)}${header}<BatchCount type="Integer" value="${count}"/></RequestHeader>${items}</RequestMessage>`
}

const itemXml = (operation: string, payload: string, around: { id?: string; after?: string } = {}) =>
  `<BatchItem><Operation type="Enumeration" value="${operation}"/>${
    around.id === undefined ? '' : `<UniqueBatchItemID type="ByteString" value="${around.id}"/>`
  }<RequestPayload>${payload}</RequestPayload>${around.after ?? ''}</BatchItem>`

const uid = '<UniqueIdentifier type="TextString" value="a"/>'
const get = itemXml('Get', uid)
const extension = (isCritical: boolean) =>
  `<MessageExtension><VendorIdentification type="TextString" value="Acme"/><CriticalityIndicator type="Boolean" value="${isCritical}"/><VendorExtension/></MessageExtension>`
const attribute = (name: string, value: string) => `<Attribute><AttributeName type="TextString" value="${name}"/>${value}</Attribute>`
const text = '<AttributeValue type="TextString" value="v"/>'

/** What the answer's first Batch Item says on the wire. */
function saidReason(version: Version, error: KmipError): Reason {
  const answer = decode(encodeResponse({ version, timeStamp: 0, items: [{ status: 'OperationFailed', error }] })) as StructureItem
  const value = child(answer.value[1] as StructureItem, 'ResultReason')?.value
  const row = Object.entries(enumerations.ResultReason).find(([, each]) => each.value === value)
  return row?.[0] as Reason
}

const wholeMessage: readonly (readonly [string, string, Version, Reason, string])[] = [
  ['no request', '<ResponseMessage/>', '2.1', 'InvalidMessage', 'A Request Message with a Request Header was expected'],
  ['no header', `<RequestMessage>${get}</RequestMessage>`, '2.1', 'InvalidMessage', 'A Request Message with a Request Header was expected'],
  [
    'no version',
    '<RequestMessage><RequestHeader><BatchCount type="Integer" value="1"/></RequestHeader></RequestMessage>',
    '2.1',
    'InvalidMessage',
    'RequestHeader does not begin with a Protocol Version',
  ],
  [
    'a version of text',
    messageXml({ version: '1.4', items: get }).replace(/Integer" value="1"/, 'TextString" value="1"'),
    '2.1',
    'InvalidMessage',
    'Protocol Version does not hold a major and a minor number, both Integers',
  ],
  [
    'major 3',
    messageXml({ version: '3.0', items: get }),
    '2.1',
    'UnsupportedProtocolVersion',
    'KMIP 3.0 is not served here; this answer is in KMIP 2.1',
  ],
  [
    'major 9',
    messageXml({ version: '9.7', items: get }),
    '2.1',
    'UnsupportedProtocolVersion',
    'KMIP 9.7 is not served here; this answer is in KMIP 2.1',
  ],
  [
    'major 0',
    messageXml({ version: '0.9', items: get }),
    '1.0',
    'InvalidMessage',
    'KMIP 0.9 is not served here; this answer is in KMIP 1.0',
  ],
  [
    'a count too large',
    messageXml({ version: '2.1', count: 2, items: get }),
    '2.1',
    'InvalidMessage',
    'Batch Count is 2, but 1 Batch Items follow the header',
  ],
  [
    'a count too small',
    messageXml({ version: '1.2', count: 1, items: get + get }),
    '1.2',
    'InvalidMessage',
    'Batch Count is 1, but 2 Batch Items follow the header',
  ],
  ['no items', messageXml({ version: '1.2', count: 0, items: '' }), '1.2', 'InvalidMessage', 'The request has no Batch Item'],
  [
    'no count',
    messageXml({ version: '1.2', items: get }).replace(/<BatchCount[^>]*>/, ''),
    '1.2',
    'InvalidMessage',
    'BatchCount is missing in Request Header, or stands in the wrong place: fields have a fixed order',
  ],
  [
    'a header field twice',
    messageXml({ version: '1.2', header: '<MaximumResponseSize type="Integer" value="256"/>'.repeat(2), items: get }),
    '1.2',
    'InvalidMessage',
    'MaximumResponseSize stands twice in Request Header, or in the wrong place: fields have a fixed order',
  ],
  [
    'an unknown header field, 1.x',
    messageXml({ version: '1.2', header: '<State type="Enumeration" value="Active"/>', items: get }),
    '1.2',
    'InvalidField',
    'State is no field of Request Header in KMIP 1.2',
  ],
  [
    'an unknown header field, 2.x',
    messageXml({ version: '2.1', header: '<State type="Enumeration" value="Active"/>', items: get }),
    '2.1',
    'UnknownTag',
    'State is no field of Request Header in KMIP 2.1',
  ],
  [
    'a header field of 1.4 in 1.3',
    messageXml({ version: '1.3', header: '<ClientCorrelationValue type="TextString" value="c"/>', items: get }),
    '1.3',
    'InvalidField',
    'ClientCorrelationValue is no field of Request Header in KMIP 1.3',
  ],
  [
    'an Asynchronous Indicator of 2.x in 1.x',
    messageXml({ version: '1.4', header: '<AsynchronousIndicator type="Enumeration" value="Mandatory"/>', items: get }),
    '1.4',
    'InvalidMessage',
    'AsynchronousIndicator has type Enumeration, but Boolean was expected',
  ],
  [
    'an Asynchronous Indicator of 1.x in 2.x',
    messageXml({ version: '2.0', header: '<AsynchronousIndicator type="Boolean" value="true"/>', items: get }),
    '2.0',
    'InvalidDataType',
    'AsynchronousIndicator has type Boolean, but Enumeration was expected',
  ],
  [
    'a Maximum Response Size below 0',
    messageXml({ version: '1.0', header: '<MaximumResponseSize type="Integer" value="-1"/>', items: get }),
    '1.0',
    'InvalidMessage',
    'Maximum Response Size is below 0',
  ],
  [
    'a credential of no kind',
    messageXml({
      version: '1.2',
      header:
        '<Authentication><Credential><CredentialType type="Enumeration" value="0x00000099"/><CredentialValue/></Credential></Authentication>',
      items: get,
    }),
    '1.2',
    'InvalidField',
    'CredentialType has a value that this version does not know',
  ],
  [
    'something after the items',
    messageXml({ version: '2.1', count: 2, items: `${get}<RequestHeader/>` }),
    '2.1',
    'InvalidMessage',
    'A Request Message holds a Request Header and Batch Items, and nothing else',
  ],
  [
    'two items, one without an ID',
    messageXml({ version: '2.1', count: 2, items: itemXml('Get', uid, { id: '01' }) + get }),
    '2.1',
    'InvalidMessage',
    'A Batch Item has no Unique Batch Item ID: each needs one when there are several',
  ],
  [
    'two items, one ID',
    messageXml({ version: '1.0', count: 2, items: itemXml('Get', uid, { id: '01' }).repeat(2) }),
    '1.0',
    'InvalidMessage',
    'Two Batch Items have the same Unique Batch Item ID',
  ],
  [
    'a critical extension in 2.x',
    messageXml({ version: '2.1', items: itemXml('Get', uid, { after: extension(true) }) }),
    '2.1',
    'UnknownMessageExtension',
    'A critical Message Extension is not known here: leave it out, or say that it is not critical',
  ],
]

for (const [name, xml, version, reason, message] of wholeMessage) {
  test(`refuses the message: ${name}`, (t) => {
    const refusal = t.throws(() => requestFromItem(fromXml(xml)), { instanceOf: UnreadableRequest }) as UnreadableRequest
    t.is(refusal.message, message)
    t.is(refusal.version, version)
    t.is(saidReason(version, refusal.error), reason)
    t.false(refusal.close)
  })
}

const itemAlone: readonly (readonly [string, Version, string, Reason, string])[] = [
  [
    'an unknown operation',
    '2.1',
    itemXml('0x00000ABC', ''),
    'OperationNotSupported',
    'Operation 0x00000abc is not served here in KMIP 2.1; Query lists what is',
  ],
  [
    'an operation that is not served',
    '1.4',
    itemXml('Certify', ''),
    'OperationNotSupported',
    'Certify is not served here in KMIP 1.4; Query lists what is',
  ],
  [
    'an operation of a later version',
    '1.1',
    itemXml('Encrypt', uid),
    'OperationNotSupported',
    'Encrypt is not served here in KMIP 1.1; Query lists what is',
  ],
  [
    'no operation',
    '1.1',
    '<BatchItem><RequestPayload/></BatchItem>',
    'InvalidMessage',
    'A Batch Item does not begin with an Operation, an Enumeration',
  ],
  [
    'no payload',
    '1.1',
    '<BatchItem><Operation type="Enumeration" value="Get"/></BatchItem>',
    'InvalidMessage',
    'RequestPayload is missing in Batch Item, or stands in the wrong place: fields have a fixed order',
  ],
  [
    'a payload of text',
    '2.1',
    '<BatchItem><Operation type="Enumeration" value="Get"/><RequestPayload type="TextString" value="x"/></BatchItem>',
    'InvalidMessage',
    'Request Payload is not a Structure',
  ],
  [
    'a field twice',
    '2.1',
    itemXml('Get', uid + uid),
    'InvalidMessage',
    'UniqueIdentifier stands twice in Get request, or in the wrong place: fields have a fixed order',
  ],
  [
    'fields out of order',
    '1.4',
    itemXml('Get', `<KeyFormatType type="Enumeration" value="Raw"/>${uid}`),
    'InvalidMessage',
    'UniqueIdentifier stands twice in Get request, or in the wrong place: fields have a fixed order',
  ],
  [
    'a required field missing',
    '2.1',
    itemXml('Revoke', uid),
    'InvalidMessage',
    'RevocationReason is missing in Revoke request, or stands in the wrong place: fields have a fixed order',
  ],
  [
    'an unknown field, 1.x',
    '1.4',
    itemXml('Get', `${uid}<State type="Enumeration" value="Active"/>`),
    'InvalidField',
    'State is no field of Get request in KMIP 1.4',
  ],
  [
    'an unknown field, 2.x',
    '2.1',
    itemXml('Get', `${uid}<State type="Enumeration" value="Active"/>`),
    'UnknownTag',
    'State is no field of Get request in KMIP 2.1',
  ],
  [
    'a field of a later version',
    '1.2',
    itemXml('Locate', '<OffsetItems type="Integer" value="1"/>'),
    'InvalidField',
    'OffsetItems is no field of Locate request in KMIP 1.2',
  ],
  [
    'a wrong type, 1.x',
    '1.0',
    itemXml('Get', '<UniqueIdentifier type="Integer" value="1"/>'),
    'InvalidMessage',
    'UniqueIdentifier has type Integer, but TextString was expected',
  ],
  [
    'a wrong type, 2.x',
    '2.1',
    itemXml('Get', '<UniqueIdentifier type="ByteString" value="01"/>'),
    'InvalidDataType',
    'UniqueIdentifier has type ByteString, but TextString was expected',
  ],
  [
    'an unknown value, 1.x',
    '1.0',
    itemXml('Get', `${uid}<KeyFormatType type="Enumeration" value="0x00000099"/>`),
    'InvalidField',
    'KeyFormatType has a value that this version does not know',
  ],
  [
    'an unknown value, 2.x',
    '2.1',
    itemXml('Get', `${uid}<KeyFormatType type="Enumeration" value="0x00000099"/>`),
    'UnknownEnumeration',
    'KeyFormatType has a value that this version does not know',
  ],
  [
    'a value of a later version',
    '1.0',
    itemXml('Query', '<QueryFunction type="Enumeration" value="QueryProfiles"/>'),
    'InvalidField',
    'QueryFunction has a value that this version does not know',
  ],
  [
    'a required list empty',
    '1.0',
    itemXml('Query', ''),
    'InvalidMessage',
    'QueryFunction is missing in Query request, or stands in the wrong place: fields have a fixed order',
  ],
  [
    'the same name twice',
    '1.0',
    itemXml('GetAttributes', uid + '<AttributeName type="TextString" value="State"/>'.repeat(2)),
    'InvalidMessage',
    'AttributeName names the same attribute twice',
  ],
  [
    'the same reference twice',
    '2.1',
    itemXml('GetAttributes', uid + '<AttributeReference type="Enumeration" value="State"/>'.repeat(2)),
    'InvalidMessage',
    'AttributeReference names the same attribute twice',
  ],
  [
    'a name of no attribute',
    '1.4',
    itemXml('GetAttributes', `${uid}<AttributeName type="TextString" value="Colour"/>`),
    'InvalidField',
    "An Attribute Name is not one of KMIP 1.4: use the standard's spelling, or begin it with x- for an attribute of your own",
  ],
  [
    'an attribute of a later version',
    '1.3',
    itemXml('Locate', attribute('Sensitive', '<AttributeValue type="Boolean" value="true"/>')),
    'InvalidField',
    "An Attribute Name is not one of KMIP 1.3: use the standard's spelling, or begin it with x- for an attribute of your own",
  ],
  [
    'an attribute without value',
    '1.4',
    itemXml('Locate', attribute('State', '')),
    'InvalidMessage',
    'An Attribute holds an Attribute Name, an Attribute Index where needed, and an Attribute Value, in this order',
  ],
  [
    'an attribute with two values',
    '1.4',
    itemXml('Locate', attribute('x-a', text + text)),
    'InvalidMessage',
    'An Attribute holds an Attribute Name, an Attribute Index where needed, and an Attribute Value, in this order',
  ],
  [
    'an index below 0',
    '1.4',
    itemXml('Locate', attribute('x-a', `<AttributeIndex type="Integer" value="-1"/>${text}`)),
    'InvalidField',
    'Attribute Index is below 0',
  ],
  [
    'an attribute of the wrong type',
    '1.4',
    itemXml('Locate', attribute('State', text)),
    'InvalidMessage',
    'AttributeValue has type TextString, but Enumeration was expected',
  ],
  [
    'a tag of no attribute',
    '2.1',
    itemXml('Locate', '<Attributes><BatchCount type="Integer" value="1"/></Attributes>'),
    'UnsupportedAttribute',
    'BatchCount is no attribute that this server knows in KMIP 2.1',
  ],
  [
    'an attribute gone in 2.x',
    '2.0',
    itemXml('Locate', '<Attributes><OperationPolicyName type="TextString" value="default"/></Attributes>'),
    'UnsupportedAttribute',
    'OperationPolicyName is no attribute that this server knows in KMIP 2.0',
  ],
  [
    'no attribute where one is needed',
    '2.1',
    itemXml('AddAttribute', `${uid}<NewAttribute/>`),
    'InvalidMessage',
    'NewAttribute holds one attribute, here are 0',
  ],
  [
    'two attributes where one is needed',
    '2.1',
    itemXml(
      'AddAttribute',
      `${uid}<NewAttribute><Comment type="TextString" value="a"/><Description type="TextString" value="b"/></NewAttribute>`,
    ),
    'InvalidMessage',
    'NewAttribute holds one attribute, here are 2',
  ],
  [
    'material of the wrong form',
    '1.0',
    itemXml(
      'Register',
      '<ObjectType type="Enumeration" value="SymmetricKey"/><TemplateAttribute/><SymmetricKey><KeyBlock><KeyFormatType type="Enumeration" value="Raw"/><KeyValue><KeyMaterial><Key type="ByteString" value="00"/></KeyMaterial></KeyValue></KeyBlock></SymmetricKey>',
    ),
    'InvalidMessage',
    'Key Material is a structure, but the Key Format Type is one whose material is a Byte String',
  ],
  [
    'a date beyond any',
    '2.1',
    itemXml(
      'Revoke',
      `${uid}<RevocationReason><RevocationReasonCode type="Enumeration" value="KeyCompromise"/></RevocationReason><CompromiseOccurrenceDate type="DateTime" value="0x7FFFFFFFFFFFFFFF"/>`,
    ),
    'NumericRange',
    'CompromiseOccurrenceDate lies beyond any date',
  ],
  [
    'a critical extension in 1.x',
    '1.2',
    itemXml('Get', uid, { after: extension(true) }),
    'FeatureNotSupported',
    'A critical Message Extension is not known here: leave it out, or say that it is not critical',
  ],
  [
    'an ephemeral item',
    '2.1',
    itemXml('Get', uid).replace('<RequestPayload>', '<Ephemeral type="Boolean" value="true"/><RequestPayload>'),
    'FeatureNotSupported',
    'Ephemeral is true, but this server keeps no output back: send the item without it',
  ],
]

for (const [name, version, xml, reason, message] of itemAlone) {
  test(`refuses the item: ${name}`, (t) => {
    const good = itemXml('Destroy', uid, { id: '02' })
    const numbered = xml.replace(
      /(<Operation[^>]*>|<BatchItem>(?=<RequestPayload))(<Ephemeral[^>]*>)?/,
      '$&<UniqueBatchItemID type="ByteString" value="01"/>',
    )
    const { items } = requestFromItem(fromXml(messageXml({ version, count: 2, items: numbered + good })))
    const [refused, next] = items
    if (refused === undefined || !('error' in refused)) return t.fail('it was read')
    t.is(refused.error.message, message)
    t.is(saidReason(version, refused.error), reason)
    t.deepEqual(refused.uniqueBatchItemId, Uint8Array.of(1))
    const operation = (fromXml(xml) as StructureItem).value.find((item) => item.tag === tags.Operation.tag)
    t.is(refused.operationValue, operation?.value as number | undefined)
    t.true(next !== undefined && 'operation' in next && next.operation === 'Destroy')
  })
}

test('what a newer minor version says beyond this one is passed over', (t) => {
  const payload = `${uid}<BatchCount type="Integer" value="7"/><KeyFormatType type="Enumeration" value="0x00000099"/>`
  const header = '<ClientCorrelationValue type="TextString" value="c"/><State type="Enumeration" value="Active"/>'
  for (const [said, version] of [
    ['1.9', '1.4'],
    ['2.7', '2.1'],
  ] as const) {
    const request = requestFromItem(fromXml(messageXml({ version: said, header, items: itemXml('Get', payload) })))
    t.is(request.header.version, version)
    t.is(request.header.clientCorrelationValue, 'c')
    t.deepEqual(request.items, [{ operation: 'Get', uniqueBatchItemId: undefined, payload: { uniqueIdentifier: 'a' } }])
  }
})

test('an extension that need not be understood is passed over', (t) => {
  const [item] = requestFromItem(fromXml(messageXml({ version: '2.1', items: itemXml('Get', uid, { after: extension(false) }) }))).items
  t.true(item !== undefined && 'operation' in item)
})

test('a refused header still says which correlation value its answer has', (t) => {
  const header = '<ClientCorrelationValue type="TextString" value="mine"/><State type="Enumeration" value="Active"/>'
  const refusal = t.throws(() => requestFromItem(fromXml(messageXml({ version: '2.1', header, items: get })))) as UnreadableRequest
  t.is(refusal.clientCorrelationValue, 'mine')
})

test('more items than the limit are refused', (t) => {
  const items = [1, 2, 3].map((id) => itemXml('Get', uid, { id: `0${id}` })).join('')
  const message = fromXml(messageXml({ version: '2.1', count: 3, items }))
  const refusal = t.throws(() => requestFromItem(message, { ...defaultRequestLimits, maxBatchItems: 2 })) as UnreadableRequest
  t.is(refusal.error.reason, 'ServerLimitExceeded')
  t.is(refusal.message, 'The request has 3 Batch Items, the limit is 2')
})

test('bytes that are no tree end the connection, answered in the version that they seem to have', (t) => {
  for (const [version, reason] of [
    ['1.0', 'InvalidMessage'],
    ['1.4', 'InvalidMessage'],
    ['2.1', 'CodecError'],
  ] as const) {
    const bytes = Buffer.from(encode(fromXml(messageXml({ version, items: get }))))
    for (const broken of [bytes.subarray(0, -8), Buffer.concat([bytes, bytes]), withByte(bytes, bytes.length - 13, 0x7f)]) {
      const refusal = t.throws(() => parseRequest(broken), { instanceOf: UnreadableRequest }) as UnreadableRequest
      t.true(refusal.close)
      t.is(refusal.version, version)
      t.is(saidReason(version, refusal.error), reason)
    }
  }
})

test('bytes too few to have a version are answered in the newest', (t) => {
  const refusal = t.throws(() => parseRequest(Buffer.from('hello')), { instanceOf: UnreadableRequest }) as UnreadableRequest
  t.is(refusal.version, '2.1')
  t.true(refusal.close)
})

test('anything else that is thrown is not taken for bad input', (t) => {
  const item = {
    tag: tags.RequestMessage.tag,
    type: 'Structure',
    get value(): Item[] {
      throw new RangeError('memory')
    },
  } as unknown as Item
  t.throws(() => requestFromItem(item), { instanceOf: RangeError })
})

function withByte(bytes: Uint8Array, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}
