import test from 'ava'
import {
  bigInteger,
  boolean,
  byteString,
  dateTime,
  defaultLimits,
  encode,
  enumeration,
  fromJson,
  type Item,
  integer,
  interval,
  longInteger,
  structure,
  TtlvError,
  textString,
  toJson,
} from '../../src/ttlv/index.ts'

const written: readonly (readonly [string, Item, string])[] = [
  ['a number', integer('BatchCount', -10), '{"tag":"BatchCount","type":"Integer","value":-10}'],
  ['a mask', integer('CryptographicUsageMask', 0xc), '{"tag":"CryptographicUsageMask","type":"Integer","value":"Encrypt|Decrypt"}'],
  [
    'a large number',
    longInteger('UsageLimitsCount', 2n ** 52n),
    '{"tag":"UsageLimitsCount","type":"LongInteger","value":"0x0010000000000000"}',
  ],
  [
    'a number just below',
    longInteger('UsageLimitsCount', 1n - 2n ** 52n),
    '{"tag":"UsageLimitsCount","type":"LongInteger","value":-4503599627370495}',
  ],
  [
    'the least number',
    longInteger('UsageLimitsCount', -(2n ** 63n)),
    '{"tag":"UsageLimitsCount","type":"LongInteger","value":"0x8000000000000000"}',
  ],
  ['a big number', bigInteger('Modulus', -1n), '{"tag":"Modulus","type":"BigInteger","value":"0xffffffffffffffff"}'],
  ['an enumeration', enumeration('ObjectType', 'SymmetricKey'), '{"tag":"ObjectType","type":"Enumeration","value":"SymmetricKey"}'],
  ['an unknown enumeration', enumeration('ObjectType', 0x80000001), '{"tag":"ObjectType","type":"Enumeration","value":"0x80000001"}'],
  ['a Boolean', boolean('Fresh', true), '{"tag":"Fresh","type":"Boolean","value":true}'],
  ['bytes', byteString('Data', new Uint8Array([0xc5, 0x0f])), '{"tag":"Data","type":"ByteString","value":"c50f"}'],
  ['a date', dateTime('ArchiveDate', 978307200n), '{"tag":"ArchiveDate","type":"DateTime","value":"2001-01-01T00:00:00+00:00"}'],
  ['an interval', interval('Offset', 0xffffffff), '{"tag":"Offset","type":"Interval","value":4294967295}'],
  ['an extension', textString(0x545352, 'é\n'), '{"tag":"0x545352","type":"TextString","value":"é\\n"}'],
  [
    'a structure',
    structure('Attributes', [integer('BatchCount', 1)]),
    '{"tag":"Attributes","value":[{"tag":"BatchCount","type":"Integer","value":1}]}',
  ],
]

for (const [name, item, json] of written) {
  test(`writes and reads ${name}`, (t) => {
    t.is(toJson(item), json)
    t.deepEqual(encode(fromJson(json)), encode(item))
  })
}

const read: readonly (readonly [string, string, Item])[] = [
  ['a hexadecimal Integer', '{"tag":"BatchCount","type":"Integer","value":"0xffffffff"}', integer('BatchCount', -1)],
  [
    'a mask of names and numbers',
    '{"tag":"CryptographicUsageMask","type":"Integer","value":"CertificateSign|0x00000004|0x0000008"}',
    integer('CryptographicUsageMask', 0x100c),
  ],
  ['a hexadecimal LongInteger', '{"tag":"0x540001","type":"LongInteger","value":"0xfffffffffffffffe"}', longInteger(0x540001, -2n)],
  ['a BigInteger as a number', '{"tag":"Modulus","type":"BigInteger","value":0}', bigInteger('Modulus', 0n)],
  ['an enumeration as a number', '{"tag":"0x420057","type":"Enumeration","value":2}', enumeration('ObjectType', 2)],
  ['a hexadecimal Boolean', '{"tag":"BatchOrderOption","type":"Boolean","value":"0x0000000000000001"}', boolean('BatchOrderOption', true)],
  ['a hexadecimal date', '{"tag":"ArchiveDate","type":"DateTime","value":"0x000000003a505520"}', dateTime('ArchiveDate', 0x3a505520n)],
  ['a hexadecimal Interval', '{"tag":"Offset","type":"Interval","value":"0x0000001b"}', interval('Offset', 27)],
  ['a structure of nothing', '{"tag":"Attributes","type":"Structure","value":null}', structure('Attributes', [])],
  ['an extension with its name', '{"tag":"0x54FFFF","name":"SomeExtension","type":"Integer","value":"0x00000001"}', integer(0x54ffff, 1)],
]

for (const [name, json, item] of read) test(`reads ${name}`, (t) => t.deepEqual(fromJson(json), item))

const refused: readonly (readonly [string, string, string])[] = [
  ['no JSON', '{"tag":', 'The text is not well-formed JSON'],
  ['an array', '[]', 'JSON The message: holds something that is no object with tag, type and value'],
  ['no tag', '{}', 'JSON The message: holds a tag that is neither a name of KMIP nor 0x and 6 digits that begin with 42 or 54'],
  [
    'an unknown tag inside',
    '{"tag":"Attributes","value":[{"tag":"toString"}]}',
    'JSON Attributes: holds a tag that is neither a name of KMIP nor 0x and 6 digits that begin with 42 or 54',
  ],
  ['an unknown property', '{"tag":"Attributes","values":[]}', 'JSON Attributes: has a property that is none of tag, name, type and value'],
  [
    'an unknown type',
    '{"tag":"Data","type":"Bytes","value":""}',
    'JSON Data: has a type that is none of Structure, Integer, LongInteger, BigInteger, Enumeration, Boolean, TextString, ByteString, DateTime, Interval, DateTimeExtended, Identifier, Reference, NameReference',
  ],
  ['a structure of text', '{"tag":"Attributes","value":"a"}', 'JSON Attributes: is a Structure, whose value is an array'],
  [
    'an inexact number',
    '{"tag":"Attributes","value":[{"tag":"UsageLimitsCount","type":"LongInteger","value":9007199254740993}]}',
    'JSON Attributes/UsageLimitsCount: is a whole number below 2^52, or 0x and its digits as a string',
  ],
  [
    'a fraction',
    '{"tag":"BatchCount","type":"Integer","value":1.5}',
    'JSON BatchCount: is a whole number below 2^52, or 0x and its digits as a string',
  ],
  [
    'a number for text',
    '{"tag":"Comment","type":"TextString","value":1}',
    'JSON Comment: is of type TextString, but its value is a JSON number',
  ],
  ['null for a number', '{"tag":"BatchCount","type":"Integer","value":null}', 'JSON BatchCount: is of type Integer, but its value is null'],
  [
    'text with a NUL',
    '{"tag":"Comment","type":"TextString","value":"a\\u0000"}',
    'JSON Comment: Comment is text, but has a NUL (at character 1)',
  ],
  [
    'half a surrogate pair',
    '{"tag":"Comment","type":"TextString","value":"\\ud800"}',
    'JSON Comment: Comment is text, but has half a surrogate pair (at character 0)',
  ],
]

for (const [name, json, problem] of refused) {
  test(`refuses ${name}`, (t) => {
    t.is(t.throws(() => fromJson(json), { instanceOf: TtlvError })?.message, problem)
  })
}

test('limits size, nesting and number', (t) => {
  const nested = (depth: number) => `${'{"tag":"Attributes","value":['.repeat(depth)}${']}'.repeat(depth)}`
  t.notThrows(() => fromJson(nested(32)))
  t.throws(() => fromJson(nested(33)), { instanceOf: TtlvError, message: /nests deeper than the limit of 32/ })
  t.throws(() => fromJson(nested(100_000)), { instanceOf: TtlvError })
  t.throws(() => fromJson(nested(3), { ...defaultLimits, maxItems: 2 }), { instanceOf: TtlvError, message: /more items than the limit/ })
  t.throws(() => fromJson(nested(3), { ...defaultLimits, maxBytes: 10 }), { instanceOf: TtlvError, message: /the limit is 10/ })
})

test('reads UTF-8 bytes, and refuses others', (t) => {
  const text = '{"tag":"Comment","type":"TextString","value":"é"}'
  t.deepEqual(fromJson(Buffer.from(text)), textString('Comment', 'é'))
  t.is(t.throws(() => fromJson(Buffer.from(text, 'latin1')), { instanceOf: TtlvError })?.message, 'The JSON is not well-formed UTF-8')
})
