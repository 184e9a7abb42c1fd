import test from 'ava'
import { itemTypes } from '../../spec/item-types.ts'
import {
  bigInteger,
  bigIntegerBytes,
  bigIntegerValue,
  boolean,
  byteString,
  child,
  dateTime,
  dateTimeExtended,
  decode,
  defaultLimits,
  encode,
  encodedLength,
  enumeration,
  frameLength,
  type Item,
  identifier,
  integer,
  interval,
  longInteger,
  nameReference,
  reference,
  structure,
  TtlvError,
  textString,
} from '../../src/ttlv/index.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

// The examples of KMIP 2.1 §9.1.2 and what 3.0 adds: item, bytes.
const forms: readonly (readonly [string, Item, string])[] = [
  ['an Integer', integer('CompromiseDate', 8), '42002002 00000004 0000000800000000'],
  ['a negative Integer', integer('CompromiseDate', -2), '42002002 00000004 fffffffe00000000'],
  ['a LongInteger', longInteger('CompromiseDate', 123456789000000000n), '42002003 00000008 01b69b4ba5749200'],
  ['the least LongInteger', longInteger('CompromiseDate', -(2n ** 63n)), '42002003 00000008 8000000000000000'],
  ['a LongInteger of -1', longInteger('CompromiseDate', -1n), '42002003 00000008 ffffffffffffffff'],
  ['a BigInteger', bigInteger('CompromiseDate', 1234567890000000000000000000n), '42002004 00000010 0000000003fd35eb6bc2df4618080000'],
  ['an Enumeration', enumeration('CompromiseDate' as never, 255), '42002005 00000004 000000ff00000000'],
  ['the largest Enumeration', enumeration('ObjectType', 0xffffffff), '42005705 00000004 ffffffff00000000'],
  ['a Boolean', boolean('CompromiseDate', true), '42002006 00000008 0000000000000001'],
  ['a TextString', textString('CompromiseDate', 'Hello World'), '42002007 0000000b 48656c6c6f20576f726c640000000000'],
  ['an empty TextString', textString('CompromiseDate', ''), '42002007 00000000'],
  ['a TextString of two planes', textString('CompromiseDate', 'é😀'), '42002007 00000006 c3a9f09f98800000'],
  ['a TextString with a byte order mark', textString('CompromiseDate', '\ufeffa'), '42002007 00000004 efbbbf6100000000'],
  ['a ByteString', byteString('CompromiseDate', bytes('010203')), '42002008 00000003 0102030000000000'],
  ['an empty ByteString', byteString('CompromiseDate', bytes('')), '42002008 00000000'],
  ['a DateTime', dateTime('CompromiseDate', 1205495800n), '42002009 00000008 0000000047da67f8'],
  ['an Interval', interval('CompromiseDate', 864000), '4200200a 00000004 000d2f0000000000'],
  ['a DateTimeExtended', dateTimeExtended('CompromiseDate', 1205495800123456n), '4200200b 00000008 000448645cf1d040'],
  ['an Identifier', identifier('UniqueIdentifier', 'a-1'), '4200940c 00000003 612d310000000000'],
  ['a Reference', reference('UniqueIdentifier', 'a-1'), '4200940d 00000003 612d310000000000'],
  ['a NameReference', nameReference('UniqueIdentifier', 'a-1'), '4200940e 00000003 612d310000000000'],
  ['an extension', integer(0x540001, 1), '54000102 00000004 0000000100000000'],
  ['an empty Structure', structure('Attributes', []), '42012501 00000000'],
  [
    'a Structure',
    structure('CompromiseDate', [enumeration('ApplicationSpecificInformation' as never, 254), integer('ArchiveDate', 255)]),
    '42002001 00000020 42000405 00000004 000000fe00000000 42000502 00000004 000000ff00000000',
  ],
]

for (const [name, item, form] of forms) {
  test(`reads and writes ${name}`, (t) => {
    t.is(hex(encode(item)), form.replaceAll(' ', ''))
    t.deepEqual(decode(bytes(form)), item)
    t.is(encodedLength(item), bytes(form).length)
  })
}

const refused: readonly (readonly [string, string, string])[] = [
  ['nothing', '', "0 bytes at byte 0 are too few for an item's header of 8"],
  ['half a header', '42007b01', "4 bytes at byte 0 are too few for an item's header of 8"],
  ['a tag of neither prefix', '43007b01 00000000', '0x43007B at byte 0 is no tag: tags begin with 42 or 54'],
  ['a message longer than what came', '42007b01 00000008', 'ResponseMessage at byte 0 says 8 bytes, its message has 0 left'],
  ['the largest length', '42007b01 ffffffff', 'ResponseMessage at byte 0 says 4294967295 bytes, its message has 0 left'],
  [
    'a length beyond its structure',
    '42007b01 00000010 42000d02 00000020 0000000100000000',
    'BatchCount at byte 8 says 32 bytes, its structure has 8 left',
  ],
  ['half a header inside', '42007b01 00000004 42000d02', "4 bytes at byte 8 are too few for an item's header of 8"],
  ['type 00', '42007b00 00000000', 'ResponseMessage at byte 0 has type 00, but types go from 01 to 0E'],
  ['type 0F', '42007b0f 00000000', 'ResponseMessage at byte 0 has type 0F, but types go from 01 to 0E'],
  ['type FF', '42007bff 00000000', 'ResponseMessage at byte 0 has type FF, but types go from 01 to 0E'],
  ['an Integer of 8 bytes', '42000d02 00000008 0000000000000001', 'BatchCount at byte 0 says 8 bytes, but an Integer has 4'],
  ['an Integer of 3 bytes', '42000d02 00000003 0000010000000000', 'BatchCount at byte 0 says 3 bytes, but an Integer has 4'],
  [
    'an Integer without padding',
    '42000d02 00000004 00000001',
    'BatchCount at byte 0 needs 4 bytes of padding after its 4, its structure has 0 left',
  ],
  ['an Enumeration of 8 bytes', '42005c05 00000008 0000000000000001', 'Operation at byte 0 says 8 bytes, but an Enumeration has 4'],
  ['an Interval of 8 bytes', '4200490a 00000008 0000000000000001', 'LeaseTime at byte 0 says 8 bytes, but an Interval has 4'],
  ['a LongInteger of 4 bytes', '42009603 00000004 0000000100000000', 'UsageLimitsCount at byte 0 says 4 bytes, but a LongInteger has 8'],
  ['a DateTime of 4 bytes', '42009209 00000004 0000000100000000', 'TimeStamp at byte 0 says 4 bytes, but a DateTime has 8'],
  [
    'a DateTimeExtended of 16 bytes',
    '4200920b 00000010 00000001000000000000000100000000',
    'TimeStamp at byte 0 says 16 bytes, but a DateTimeExtended has 8',
  ],
  ['a Boolean of 4 bytes', '42001006 00000004 0000000100000000', 'BatchOrderOption at byte 0 says 4 bytes, but a Boolean has 8'],
  ['a Boolean of 2', '42001006 00000008 0000000000000002', 'BatchOrderOption at byte 0 is a Boolean, but neither 0 (false) nor 1 (true)'],
  [
    'a Boolean with a high bit',
    '42001006 00000008 8000000000000001',
    'BatchOrderOption at byte 0 is a Boolean, but neither 0 (false) nor 1 (true)',
  ],
  ['an empty BigInteger', '42005204 00000000', 'Modulus at byte 0 says 0 bytes, but a BigInteger has a multiple of 8 and at least 8'],
  [
    'a BigInteger of 3 bytes',
    '42005204 00000003 0102030000000000',
    'Modulus at byte 0 says 3 bytes, but a BigInteger has a multiple of 8 and at least 8',
  ],
  ['padding that is not zero', '42000d02 00000004 0000000100000100', 'BatchCount at byte 0 has padding that is not zero (at byte 14)'],
  [
    'text padding that is not zero',
    '42009407 00000001 6100000000000001',
    'UniqueIdentifier at byte 0 has padding that is not zero (at byte 15)',
  ],
  ['text with a NUL', '42009407 00000002 6100000000000000', 'UniqueIdentifier at byte 0 is text, but has a NUL (at byte 9)'],
  ['an overlong character', '42009407 00000002 c080000000000000', 'UniqueIdentifier at byte 0 is text, but not well-formed UTF-8'],
  ['half a character', '42009407 00000001 c300000000000000', 'UniqueIdentifier at byte 0 is text, but not well-formed UTF-8'],
  ['a surrogate', '42009407 00000003 eda0800000000000', 'UniqueIdentifier at byte 0 is text, but not well-formed UTF-8'],
  ['an Identifier with a NUL', '4200940c 00000001 0000000000000000', 'UniqueIdentifier at byte 0 is text, but has a NUL (at byte 8)'],
  ['a second item', '42000d02 00000004 0000000100000000 42', 'BatchCount ends at byte 16, but 1 more bytes follow; one item was expected'],
]

for (const [name, form, problem] of refused) {
  test(`refuses ${name}`, (t) => {
    t.is(t.throws(() => decode(bytes(form)), { instanceOf: TtlvError })?.message, problem)
  })
}

test('limits the bytes of a message', (t) => {
  const message = encode(byteString('Data', new Uint8Array(100)))
  const error = t.throws(() => decode(message, { ...defaultLimits, maxBytes: 100 }), { instanceOf: TtlvError })
  t.is(error?.message, 'The message has 112 bytes, the limit is 100')
})

test('limits nesting, and counts the deepest item', (t) => {
  t.notThrows(() => decode(encode(nested(32))))
  const error = t.throws(() => decode(encode(nested(33))), { instanceOf: TtlvError })
  t.is(error?.message, 'Attributes at byte 248 nests deeper than the limit of 32')
  t.throws(() => decode(rawNested(100_000), { ...defaultLimits, maxDepth: 1_000_000 }), {
    instanceOf: TtlvError,
    message: /nests deeper than the limit of 500/,
  })
})

test('limits the number of items', (t) => {
  const many = encode(
    structure(
      'Attributes',
      Array.from({ length: 10 }, () => structure('Attributes', [])),
    ),
  )
  t.notThrows(() => decode(many, { ...defaultLimits, maxItems: 11 }))
  const error = t.throws(() => decode(many, { ...defaultLimits, maxItems: 10 }), { instanceOf: TtlvError })
  t.is(error?.message, 'The message has more items than the limit allows; Attributes is one too many')
})

test('byte strings are views into the input', (t) => {
  const message = encode(byteString('Data', bytes('0102030405060708')))
  const item = decode(message)
  message.fill(9, 8)
  t.deepEqual(item.value, bytes('0909090909090909'))
})

test('reads from the middle of a larger buffer', (t) => {
  const message = encode(structure('Attributes', [byteString('Data', bytes('a1b2c3')), textString('Comment', 'à propos')]))
  const larger = Buffer.alloc(message.length + 20, 0xff)
  larger.set(message, 7)
  t.deepEqual(decode(larger.subarray(7, 7 + message.length)), decode(message))
})

const frames: readonly (readonly [string, string, string])[] = [
  ['too few bytes', '42007801 000000', 'A header has 8 bytes, here are 7'],
  ['an HTTP request', '504f5354202f6b6d', 'A message begins with a tag 0x42.... or 0x54...., not with 0x504F53'],
  ['a TLS handshake', '1603010200010001', 'A message begins with a tag 0x42.... or 0x54...., not with 0x160301'],
  ['no structure', '4200780200000004', 'A message is a Structure (type 01), but RequestMessage has type 02'],
  ['an uneven length', '4200780100000009', "RequestMessage says 9 bytes, but a Structure's length is a multiple of 8"],
  ['too long', '42007801ffffff00', 'RequestMessage says 4294967040 bytes and 8 of header, the limit is 1024'],
]

for (const [name, form, problem] of frames) {
  test(`no frame begins with ${name}`, (t) => {
    t.is(t.throws(() => frameLength(bytes(form), 1024), { instanceOf: TtlvError })?.message, problem)
  })
}

test('a frame is its header and what the header says', (t) => {
  t.is(frameLength(bytes('4200780100000090'), 152), 152)
  t.throws(() => frameLength(bytes('4200780100000090'), 151), { instanceOf: TtlvError })
})

const unwritable: readonly (readonly [string, Item, string])[] = [
  ['an Integer out of range', integer('BatchCount', 2 ** 31), 'BatchCount is no whole number of 32 bits with sign'],
  ['an Integer with a fraction', integer('BatchCount', 1.5), 'BatchCount is no whole number of 32 bits with sign'],
  ['a negative Enumeration', enumeration('Operation', -1), 'Operation is no whole number of 32 bits without sign'],
  ['an Interval out of range', interval('LeaseTime', 2 ** 32), 'LeaseTime is no whole number of 32 bits without sign'],
  ['a DateTime out of range', dateTime('TimeStamp', 2n ** 63n), 'TimeStamp does not fit 64 bits with sign'],
  ['text with a NUL', textString('Comment', 'a\0b'), 'Comment is text, but has a NUL (at character 1)'],
  ['text with half a pair', textString('Comment', 'ab\ud800'), 'Comment is text, but has half a surrogate pair (at character 2)'],
  ['text with a lone low half', textString('Comment', '\udc00'), 'Comment is text, but has half a surrogate pair (at character 0)'],
  [
    'a BigInteger of 3 bytes',
    bigInteger('Modulus', bytes('010203')),
    'Modulus has 3 bytes, but a BigInteger has a multiple of 8 and at least 8',
  ],
  ['a tag of neither prefix', integer(0x430001, 1), '0x430001 is no tag: tags begin with 42 or 54'],
  ['a tag of four bytes', integer(0x1420001, 1), '0x1420001 is no tag: tags begin with 42 or 54'],
  ['bottomless nesting', nested(501), 'Attributes nests deeper than 500'],
]

for (const [name, item, problem] of unwritable) {
  test(`does not write ${name}`, (t) => {
    t.is(t.throws(() => encode(item), { instanceOf: TtlvError })?.message, problem)
  })
}

test('writes every byte, whatever the memory held before', (t) => {
  for (let length = 0; length < 200; length++) {
    Buffer.allocUnsafe(512).fill(0xff)
    const written = encode(
      structure('Attributes', [byteString('Data', new Uint8Array(length)), boolean('Fresh', false), textString('Comment', '')]),
    )
    t.true(written.subarray(16 + length, 16 + Math.ceil(length / 8) * 8).every((byte) => byte === 0))
    t.is(decode(written).tag, 0x420125)
  }
})

test('big integers keep their sign and their value', (t) => {
  for (const value of [0n, 1n, -1n, 127n, -128n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 2048n, -(2n ** 2048n)]) {
    const form = bigIntegerBytes(value)
    t.is(bigIntegerValue(form), value)
    t.is(form.length % 8, 0)
  }
  t.is(bigIntegerBytes(2n ** 63n - 1n).length, 8)
  t.is(bigIntegerBytes(2n ** 63n).length, 16)
  t.is(bigIntegerBytes(-(2n ** 63n)).length, 8)
})

test('redundant sign bytes of a big integer survive', (t) => {
  const form = bytes('42005204 00000010 0000000000000000 0000000000010001')
  t.deepEqual(encode(decode(form)).buffer instanceof ArrayBuffer && hex(encode(decode(form))), hex(form))
})

test('finds the first child with a tag', (t) => {
  const parent = structure('Attributes', [integer('BatchCount', 1), integer('BatchCount', 2)])
  t.is(child(parent, 'BatchCount'), parent.value[0])
  t.is(child(parent, 'Comment'), undefined)
})

test('the table of types is the one the codec reads', (t) => {
  t.deepEqual(
    Object.values(itemTypes).map((row) => row.code),
    Array.from({ length: 14 }, (_, index) => index + 1) as never,
  )
})

function nested(depth: number): Item {
  let item: Item = integer('BatchCount', 1)
  for (let level = 1; level < depth; level++) item = structure('Attributes', [item])
  return item
}

function rawNested(depth: number): Uint8Array {
  const out = Buffer.alloc(depth * 8)
  for (let level = 0; level < depth; level++) {
    out.writeUInt32BE(0x42012501, level * 8)
    out.writeUInt32BE((depth - level - 1) * 8, level * 8 + 4)
  }
  return out
}
