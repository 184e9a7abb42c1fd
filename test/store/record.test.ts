import test from 'ava'
import fc from 'fast-check'
import {
  DamagedRecord,
  decodeRecord,
  encodeRecord,
  joinSeal,
  newestFormat,
  type StoredRecord,
  sealLength,
  splitSeal,
} from '../../src/store/index.ts'

const bytes = fc.uint8Array({ maxLength: 200 })
const name = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const key = fc.record({
  kind: fc.constantFrom('secret', 'private', 'public', 'data'),
  type: fc.option(fc.record({ algorithm: name, length: count }), { nil: undefined }),
  curve: fc.option(name, { nil: undefined }),
  sensitive: fc.boolean(),
  extractable: fc.boolean(),
  mechanism: name,
  epoch: count,
  bytes,
})
const record: fc.Arbitrary<StoredRecord> = fc.record({
  tenant: name,
  id: name,
  generation: count,
  objectType: name,
  order: fc.maxSafeInteger(),
  attributes: bytes,
  form: bytes,
  key: fc.option(
    key.map(({ type, ...rest }) => ({ ...rest, algorithm: type?.algorithm, length: type?.length })),
    { nil: undefined },
  ),
})

const sample: StoredRecord = {
  tenant: 'demo',
  id: '5f0c',
  generation: 3,
  objectType: 'SymmetricKey',
  order: 1_700_000_000_000_000,
  attributes: Buffer.from('attributes'),
  form: Buffer.from('form'),
  key: {
    kind: 'secret',
    algorithm: 'AES',
    length: 256,
    curve: undefined,
    sensitive: true,
    extractable: false,
    mechanism: 'AES-KWP',
    epoch: 1,
    bytes: Buffer.alloc(40, 7),
  },
}

/** Views of a buffer and arrays of their own are the same bytes. */
function plain({ attributes, form, key: wrapped, ...rest }: StoredRecord) {
  return { ...rest, attributes: [...attributes], form: [...form], key: wrapped && { ...wrapped, bytes: [...wrapped.bytes] } }
}

test('what is encoded is decoded', (t) => {
  fc.assert(fc.property(record, (each) => void t.deepEqual(plain(decodeRecord(encodeRecord(each, newestFormat))), plain(each))))
})

test('one record has one encoding', (t) => {
  fc.assert(
    fc.property(record, (each) => {
      const encoded = encodeRecord(each, newestFormat)
      t.deepEqual(Buffer.from(encodeRecord(decodeRecord(encoded), newestFormat)), Buffer.from(encoded))
    }),
  )
})

test('a destroyed object has no key', (t) => {
  t.is(decodeRecord(encodeRecord({ ...sample, key: undefined }, newestFormat)).key, undefined)
})

test('a record cut off anywhere is refused', (t) => {
  const encoded = encodeRecord(sample, newestFormat)
  for (let length = 0; length < encoded.length; length++)
    t.throws(() => decodeRecord(encoded.subarray(0, length)), { instanceOf: DamagedRecord }, `${length} bytes`)
})

test('altered bytes are refused or decode to something, but never break', (t) => {
  const encoded = encodeRecord(sample, newestFormat)
  fc.assert(
    // Behind the format: another one that is known has the same layout.
    fc.property(fc.integer({ min: 1, max: encoded.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const altered = Uint8Array.from(encoded)
      altered[at] = altered[at]! ^ mask
      try {
        t.notDeepEqual(plain(decodeRecord(altered)), plain(sample))
      } catch (error) {
        t.true(error instanceof DamagedRecord, String(error))
      }
    }),
  )
})

/** Offsets in the sample: version, tenant (4 + 4), identifier (4 + 4), generation (8), type (4 + 12), order (8), attributes (4 + 10), form (4 + 4), key mark. */
const at = { version: 0, tenantLength: 1, tenant: 5, generation: 17, order: 41, keyMark: 71, keyKind: 72, policy: 73 } as const

for (const [what, damage, problem] of [
  ['a later format', (all: Buffer) => all.writeUInt8(newestFormat + 1, at.version), /format is 3, this program knows 1 to 2/],
  ['a tenant longer than the record', (all: Buffer) => all.writeUInt32BE(0xffffffff, at.tenantLength), /tenant is cut off/],
  ['a tenant that is not UTF-8', (all: Buffer) => all.writeUInt8(0xff, at.tenant), /tenant is not UTF-8/],
  ['a generation that is no number', (all: Buffer) => all.writeDoubleBE(Number.NaN, at.generation), /generation is no whole number/],
  ['a generation with a fraction', (all: Buffer) => all.writeDoubleBE(1.5, at.generation), /generation is no whole number/],
  ['an order without an end', (all: Buffer) => all.writeDoubleBE(Number.POSITIVE_INFINITY, at.order), /order is no whole number/],
  ['a key mark of 2', (all: Buffer) => all.writeUInt8(2, at.keyMark), /key mark is 2/],
  ['a key that is not to be there', (all: Buffer) => all.writeUInt8(0, at.keyMark), /bytes stand behind its last field/],
  ['a key of no kind', (all: Buffer) => all.writeUInt8(4, at.keyKind), /no known kind/],
  ['a policy of no meaning', (all: Buffer) => all.writeUInt8(4, at.policy), /key policy is no known one/],
] as const) {
  test(`refuses ${what}`, (t) => {
    const encoded = Buffer.from(encodeRecord(sample, newestFormat))
    damage(encoded)
    t.throws(() => decodeRecord(encoded), { instanceOf: DamagedRecord, message: problem })
  })
}

test('refuses what stands behind the last field', (t) => {
  t.throws(() => decodeRecord(Buffer.concat([encodeRecord(sample, newestFormat), Buffer.of(0)])), { message: /1 bytes stand behind/ })
})

test('a seal is joined and split', (t) => {
  const seal = Buffer.alloc(sealLength, 9)
  const encoded = encodeRecord(sample, newestFormat)
  const split = splitSeal(joinSeal(encoded, seal))
  t.deepEqual([Buffer.from(split.record), Buffer.from(split.seal)], [Buffer.from(encoded), seal])
  t.throws(() => joinSeal(encoded, seal.subarray(1)), { message: /a seal has 32 bytes/ })
  t.throws(() => splitSeal(seal), { instanceOf: DamagedRecord })
})
