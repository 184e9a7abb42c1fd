import test from 'ava'
import {
  bigInteger,
  byteString,
  dateTime,
  dateTimeExtended,
  defaultLimits,
  encode,
  enumeration,
  fromXml,
  type Item,
  integer,
  longInteger,
  parseXml,
  structure,
  TtlvError,
  textString,
  toXml,
} from '../../src/ttlv/index.ts'

const written: readonly (readonly [string, Item, string])[] = [
  ['a number', integer('BatchCount', -10), '<BatchCount type="Integer" value="-10"/>'],
  ['a mask by its names', integer('CryptographicUsageMask', 0xc), '<CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/>'],
  [
    'a mask with an unknown bit',
    integer('CryptographicUsageMask', -0x80000000 | 1),
    '<CryptographicUsageMask type="Integer" value="Sign 0x80000000"/>',
  ],
  ['an empty mask', integer('StorageStatusMask', 0), '<StorageStatusMask type="Integer" value="0"/>'],
  ['a large number', longInteger('UsageLimitsCount', 2n ** 60n), '<UsageLimitsCount type="LongInteger" value="1152921504606846976"/>'],
  ['a big number', bigInteger('Modulus', 65537n), '<Modulus type="BigInteger" value="0000000000010001"/>'],
  ['an enumeration', enumeration('ObjectType', 'SymmetricKey'), '<ObjectType type="Enumeration" value="SymmetricKey"/>'],
  ['an unknown enumeration', enumeration('OpaqueDataType', 0x80123456), '<OpaqueDataType type="Enumeration" value="0x80123456"/>'],
  [
    'a tag as a value',
    enumeration('AttributeReference', 0x420028),
    '<AttributeReference type="Enumeration" value="CryptographicAlgorithm"/>',
  ],
  [
    'an enumeration under another name',
    enumeration('MaskGeneratorHashingAlgorithm', 6),
    '<MaskGeneratorHashingAlgorithm type="Enumeration" value="SHA_256"/>',
  ],
  ['a function of PKCS#11', enumeration('PKCS_11Function', 3), '<PKCS_11Function type="Enumeration" value="C_GetInfo"/>'],
  ['text', textString('Comment', 'a<b & "c"\n'), '<Comment type="TextString" value="a&lt;b &amp; &quot;c&quot;&#10;"/>'],
  ['bytes', byteString('Data', new Uint8Array([0xc5, 0x0f, 0x77])), '<Data type="ByteString" value="c50f77"/>'],
  ['a date', dateTime('ArchiveDate', 978307200n), '<ArchiveDate type="DateTime" value="2001-01-01T00:00:00+00:00"/>'],
  ['a date beyond all years', dateTime('ArchiveDate', -(2n ** 63n)), '<ArchiveDate type="DateTime" value="0x8000000000000000"/>'],
  [
    'a date with microseconds',
    dateTimeExtended('ArchiveDate', -1n),
    '<ArchiveDate type="DateTimeExtended" value="1969-12-31T23:59:59.999999+00:00"/>',
  ],
  ['an extension', textString(0x540001, 'na'), '<TTLV tag="0x540001" type="TextString" value="na"/>'],
  [
    'the value of a named attribute',
    structure('Attribute', [textString('AttributeName', 'Cryptographic Algorithm'), { tag: 0x42000b, type: 'Enumeration', value: 3 }]),
    '<Attribute>\n  <AttributeName type="TextString" value="Cryptographic Algorithm"/>\n  <AttributeValue type="Enumeration" value="AES"/>\n</Attribute>',
  ],
  [
    'the mask of a named attribute',
    structure('Attribute', [textString('AttributeName', 'Cryptographic Usage Mask'), integer('AttributeValue', 0xc)]),
    '<Attribute>\n  <AttributeName type="TextString" value="Cryptographic Usage Mask"/>\n  <AttributeValue type="Integer" value="Encrypt Decrypt"/>\n</Attribute>',
  ],
  ['an empty structure', structure('Attributes', []), '<Attributes/>'],
]

for (const [name, item, xml] of written) {
  test(`writes and reads ${name}`, (t) => {
    t.is(toXml(item), xml)
    t.deepEqual(encode(fromXml(xml)), encode(item))
  })
}

const read: readonly (readonly [string, string, Item])[] = [
  [
    'a declaration, comments and text',
    '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<!-- a -->\n<Attributes># TIME 0<!-- <b> --></Attributes>\n',
    structure('Attributes', []),
  ],
  ['the name space', '<BatchCount xmlns="urn:oasis:tc:kmip:xmlns" type="Integer" value="1"/>', integer('BatchCount', 1)],
  ['a name space with a prefix', '<k:BatchCount xmlns:k="urn:oasis:tc:kmip:xmlns" type="Integer" value="1"/>', integer('BatchCount', 1)],
  ['a named extension', "<TTLV tag='0x54FFFF' name='SomeExtension' type='Integer' value='7'/>", integer(0x54ffff, 7)],
  ['a tag by its number', '<TTLV tag="0x42000d" name="BatchCount" type="Integer" value="7"/>', integer('BatchCount', 7)],
  ['a zone', '<ArchiveDate type="DateTime" value="2001-01-01T10:00:00+10:00"/>', dateTime('ArchiveDate', 978307200n)],
  ['a date in Z, its fraction cut off', '<ArchiveDate type="DateTime" value="1969-12-31T23:59:59.9Z"/>', dateTime('ArchiveDate', -1n)],
  [
    'a mask of names and numbers',
    '<CryptographicUsageMask type="Integer" value="CertificateSign 0x00000004 0x0000008"/>',
    integer('CryptographicUsageMask', 0x100c),
  ],
  ['a mask as a number', '<CryptographicUsageMask type="Integer" value="0x0000100c"/>', integer('CryptographicUsageMask', 0x100c)],
  ['an enumeration as a number', '<ObjectType type="Enumeration" value="0x00000002"/>', enumeration('ObjectType', 2)],
  ['a name as the profiles spell it', '<ResultReason type="Enumeration" value="NotAuthorized"/>', enumeration('ResultReason', 0x39)],
  ['character references', '<Comment type="TextString" value="&#65;&#x1F600;&apos;"/>', textString('Comment', "A😀'")],
]

for (const [name, xml, item] of read) test(`reads ${name}`, (t) => t.deepEqual(fromXml(xml), item))

const refused: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'XML line 1: ends before its elements do'],
  ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><BatchCount/>', 'XML line 1: has a document type or CDATA, which are not read'],
  ['CDATA', '<Attributes><![CDATA[a]]></Attributes>', 'XML line 1: has a document type or CDATA, which are not read'],
  ['a processing instruction', '<?php a ?><Attributes/>', 'XML line 1: has a processing instruction, which is not read'],
  ['another encoding', '<?xml version="1.0" encoding="utf-16"?><Attributes/>', 'XML line 1: says encoding utf-16, but UTF-8 is read'],
  [
    'an unknown entity',
    '<Comment type="TextString" value="&bomb;"/>',
    'XML line 1: Comment has an & that begins no known entity or character of XML; &amp; stands for itself',
  ],
  [
    'a bare &',
    '<Comment type="TextString" value="a & b"/>',
    'XML line 1: Comment has an & that begins no known entity or character of XML; &amp; stands for itself',
  ],
  [
    'a reference to a control character',
    '<Comment type="TextString" value="&#1;"/>',
    'XML line 1: Comment has an & that begins no known entity or character of XML; &amp; stands for itself',
  ],
  ['an open element', '<Attributes>\n<Attributes>\n</Attributes>', 'XML line 3: ends before its elements do'],
  [
    'crossed elements',
    '<Attributes>\n<BatchItem>\n</Attributes></BatchItem>',
    'XML line 3: ends Attributes, but BatchItem of line 2 is open',
  ],
  ['an end without a start', '</Attributes>', 'XML line 1: ends Attributes, but nothing is open'],
  ['two elements', '<Attributes/><Attributes/>', 'XML line 1: goes on after the end of Attributes'],
  ['text outside', '<Attributes/> a', 'XML line 1: has text outside the one element'],
  ['an attribute twice', '<BatchCount type="Integer" type="Integer" value="1"/>', 'XML line 1: BatchCount has the attribute type twice'],
  ['an attribute without quotes', '<BatchCount type=Integer value="1"/>', 'XML line 1: BatchCount needs quotes round its attribute type'],
  ['attributes without a space', '<BatchCount type="Integer"value="1"/>', 'XML line 1: BatchCount needs a space, > or /> here'],
  ['a < in an attribute', '<Comment type="TextString" value="a<b"/>', 'XML line 1: Comment has a < in its attribute value; &lt; is right'],
  [
    'an unknown tag',
    '<Attributes>\n<Nonsense type="Integer" value="1"/></Attributes>',
    'XML line 2: Nonsense is no tag of KMIP; <TTLV tag="0x54...."> carries an extension',
  ],
  [
    'a property of every object as a tag',
    '<constructor/>',
    'XML line 1: constructor is no tag of KMIP; <TTLV tag="0x54...."> carries an extension',
  ],
  [
    'a number of no tag',
    '<TTLV tag="0x430001" type="Integer" value="1"/>',
    'XML line 1: TTLV needs an attribute tag, 0x and 6 digits that begin with 42 or 54',
  ],
  ['an unknown attribute', '<BatchCount type="Integer" val="1"/>', 'XML line 1: BatchCount has an attribute val; type and value are right'],
  [
    'another name space',
    '<BatchCount xmlns="urn:b" type="Integer" value="1"/>',
    'XML line 1: BatchCount is in another name space than urn:oasis:tc:kmip:xmlns',
  ],
  ['no value', '<BatchCount type="Integer"/>', 'XML line 1: BatchCount is of type Integer and needs an attribute value'],
  [
    'elements in a number',
    '<BatchCount type="Integer" value="1"><Data/></BatchCount>',
    'XML line 1: BatchCount is of type Integer and has no elements inside',
  ],
  [
    'a structure with a value',
    '<Attributes value="1"/>',
    'XML line 1: Attributes is a Structure and has elements inside, but no attribute value',
  ],
  [
    'a number out of range',
    '<BatchCount type="Integer" value="2147483648"/>',
    'XML line 1: BatchCount is a whole number from -2147483648 to 2147483647',
  ],
  ['a negative interval', '<LeaseTime type="Interval" value="-1"/>', 'XML line 1: LeaseTime is a whole number from 0 to 4294967295'],
  [
    'no number',
    '<BatchCount type="Integer" value="one"/>',
    'XML line 1: BatchCount is an Integer, a whole number or a mask of known names; "one" is neither',
  ],
  ['an empty number', '<BatchCount type="Integer" value=""/>', 'XML line 1: BatchCount is an Integer, but its value is empty'],
  [
    'an unknown name',
    '<ObjectType type="Enumeration" value="Door"/>',
    'XML line 1: ObjectType has no value named "Door"; a name of its enumeration or 0x and 8 digits is right',
  ],
  ['an odd number of digits', '<Data type="ByteString" value="abc"/>', 'XML line 1: Data is made of hexadecimal digits, two for each byte'],
  [
    'a short big number',
    '<Modulus type="BigInteger" value="010001"/>',
    'XML line 1: Modulus is a BigInteger, whose hexadecimal digits make a multiple of 8 bytes',
  ],
  ['neither true nor false', '<Fresh type="Boolean" value="yes"/>', 'XML line 1: Fresh is a Boolean, true or false'],
  [
    'the 30th of February',
    '<ArchiveDate type="DateTime" value="2001-02-30T00:00:00Z"/>',
    'XML line 1: ArchiveDate is a date and time such as 2001-02-03T04:05:06+00:00',
  ],
  [
    'an unknown type',
    '<BatchCount type="Float" value="1"/>',
    'XML line 1: BatchCount has a type that is none of Structure, Integer, LongInteger, BigInteger, Enumeration, Boolean, TextString, ByteString, DateTime, Interval, DateTimeExtended, Identifier, Reference, NameReference',
  ],
]

for (const [name, xml, problem] of refused) {
  test(`refuses ${name}`, (t) => {
    t.is(t.throws(() => fromXml(xml), { instanceOf: TtlvError })?.message, problem)
  })
}

test('limits size, nesting and number', (t) => {
  t.throws(() => parseXml('<a/>', { ...defaultLimits, maxBytes: 3 }), { message: 'The XML has 4 characters, the limit is 3' })
  t.throws(() => parseXml('<a><b/><b/></a>', { ...defaultLimits, maxItems: 2 }), {
    message: 'XML line 1: has more elements than the limit allows',
  })
  t.throws(() => parseXml('<a>'.repeat(33)), { message: 'XML line 1: a nests deeper than the limit of 32' })
  t.throws(() => parseXml('<a>'.repeat(100_000), { ...defaultLimits, maxDepth: 1e6, maxItems: 1e6 }), {
    message: /deeper than the limit of 500/,
  })
})

test('an element keeps its attributes as they were written', (t) => {
  const element = parseXml('<KMIP>\n <UniqueIdentifier value="$UNIQUE_IDENTIFIER_0" type="TextString"/></KMIP>').children[0]
  t.deepEqual(
    [...(element?.attributes ?? [])],
    [
      ['value', '$UNIQUE_IDENTIFIER_0'],
      ['type', 'TextString'],
    ],
  )
  t.is(element?.line, 2)
})

test('does not write what XML cannot carry', (t) => {
  const error = t.throws(() => toXml(textString('Comment', 'bell \u0007')), { instanceOf: TtlvError })
  t.is(error?.message, 'Comment has a character that XML cannot carry; the binary encoding can')
  t.throws(() => toXml(integer('BatchCount', 2 ** 40)), { instanceOf: TtlvError })
})

test('can stand on one line', (t) => {
  t.is(
    toXml(structure('Attributes', [integer('BatchCount', 1)]), { indent: 0 }),
    '<Attributes><BatchCount type="Integer" value="1"/></Attributes>',
  )
})

test('reads UTF-8 bytes, and refuses others', (t) => {
  const text = '<Comment type="TextString" value="é"/>'
  t.deepEqual(fromXml(Buffer.from(text)), textString('Comment', 'é'))
  t.is(t.throws(() => fromXml(Buffer.from(text, 'latin1')), { instanceOf: TtlvError })?.message, 'The XML is not well-formed UTF-8')
})
