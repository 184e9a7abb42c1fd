import test from 'ava'
import fc from 'fast-check'
import {
  decode,
  dump,
  encode,
  encodedLength,
  frameLength,
  fromJson,
  fromXml,
  type Item,
  TtlvError,
  toJson,
  toXml,
} from '../../src/ttlv/index.ts'
import { items, xmlItems } from '../support/items.ts'

const same = (left: Uint8Array, right: Uint8Array) => Buffer.compare(left, right) === 0

test('a tree survives the binary encoding', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(items, (item) => {
        const bytes = encode(item)
        const back = decode(bytes)
        return encodedLength(item) === bytes.length && bytes.length % 8 === 0 && sameTree(back, item) && same(encode(back), bytes)
      }),
      { numRuns: 500 },
    ),
  )
})

test('a tree survives JSON', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(items, (item) => sameTree(fromJson(toJson(item)), item)),
      { numRuns: 300 },
    ),
  )
})

test('a tree survives XML', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(xmlItems, (item) => sameTree(fromXml(toXml(item)), item)),
      { numRuns: 300 },
    ),
  )
})

test('every tree can be dumped', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(items, (item) => dump(item).length > 0),
      { numRuns: 100 },
    ),
  )
})

test('altered bytes decode to what they say, or are refused with a TtlvError', (t) => {
  const alteration = fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }) })
  t.notThrows(() =>
    fc.assert(
      fc.property(items, fc.array(alteration, { minLength: 1, maxLength: 4 }), (item, alterations) => {
        const bytes = encode(item)
        for (const { at, bit } of alterations) bytes[at % bytes.length]! ^= 1 << bit
        return refusedOrExact(bytes)
      }),
      { numRuns: 1000 },
    ),
  )
})

test('cut and lengthened bytes are refused with a TtlvError', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(items, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 20 }), (item, cut, more) => {
        const bytes = encode(item)
        return refused(bytes.subarray(0, cut % bytes.length)) && refused(Buffer.concat([bytes, more]))
      }),
      { numRuns: 300 },
    ),
  )
})

test('lies about a length are refused with a TtlvError or decode to what they say', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(items, fc.nat(), fc.integer({ min: 0, max: 0xffffffff }), (item, at, length) => {
        const bytes = Buffer.from(encode(item))
        bytes.writeUInt32BE(length, (at % (bytes.length / 8)) * 8 + 4)
        return refusedOrExact(bytes)
      }),
      { numRuns: 500 },
    ),
  )
})

test('noise is refused with a TtlvError, in every encoding', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const text = Buffer.from(noise).toString('latin1')
        const tagged = Buffer.concat([Buffer.from('420078', 'hex'), noise])
        return [
          () => decode(noise),
          () => decode(tagged),
          () => frameLength(noise),
          () => frameLength(tagged),
          () => fromXml(text),
          () => fromXml(`<RequestMessage ${text}`),
          () => fromJson(text),
        ].every(onlyTtlvError)
      }),
      { numRuns: 500 },
    ),
  )
})

test('altered XML and JSON are read, or refused with a TtlvError', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(xmlItems, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }), (item, at, insert) =>
        [
          { text: toXml(item), read: fromXml },
          { text: toJson(item), read: fromJson },
        ].every(({ text, read }) => {
          const cut = at % text.length
          return onlyTtlvError(() => encode(read(text.slice(0, cut) + insert + text.slice(cut + 1))))
        }),
      ),
      { numRuns: 500 },
    ),
  )
})

function sameTree(left: Item, right: Item): boolean {
  if (left.tag !== right.tag || left.type !== right.type) return false
  if (left.type === 'Structure' && right.type === 'Structure') {
    return left.value.length === right.value.length && left.value.every((item, index) => sameTree(item, right.value[index] as Item))
  }
  if (left.value instanceof Uint8Array && right.value instanceof Uint8Array) return same(left.value, right.value)
  return left.value === right.value
}

function onlyTtlvError(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    return error instanceof TtlvError
  }
}

function refused(bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return false
  } catch (error) {
    return error instanceof TtlvError
  }
}

/** Whatever decodes must be the one encoding of its tree: no two forms of one message. */
function refusedOrExact(bytes: Uint8Array): boolean {
  let item: Item
  try {
    item = decode(bytes)
  } catch (error) {
    return error instanceof TtlvError
  }
  return same(encode(item), bytes)
}
