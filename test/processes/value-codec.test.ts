import { deserialize, serialize } from 'node:v8'
import test from 'ava'
import fc from 'fast-check'
import { ValueReader, ValueWriter } from '../../src/processes/value-codec.ts'

const trees = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(undefined, null, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -(2 ** 31), 2 ** 53),
    fc.integer(),
    fc.double(),
    fc.bigInt(),
    fc.string(),
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom('encrypt', 'kind', 'a name'),
    fc.uint8Array({ maxLength: 300 }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.date(),
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.constantFrom('kind', 'type', '__proto__', '1'), fc.string()), tie('tree'), { maxKeys: 5 }),
    fc.array(fc.tuple(fc.string(), fc.integer()), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
})).tree

test('what is written is read as V8 would give it, message after message', (t) => {
  fc.assert(
    fc.property(fc.array(trees, { minLength: 1, maxLength: 20 }), (values) => {
      const [writer, reader] = [new ValueWriter(), new ValueReader()]
      // Twice: the second time all words and shapes are known.
      for (const value of [...values, ...values]) t.deepEqual(reader.read(writer.write(value)), deserialize(serialize(value)))
    }),
  )
})

test('more words and field names than are remembered', (t) => {
  const [writer, reader] = [new ValueWriter(), new ValueReader()]
  for (const round of [1, 2]) {
    for (let index = 0; index < 600; index++) {
      const value = { [`field ${index}`]: `word ${index}`, round }
      t.deepEqual(reader.read(writer.write(value)), value)
    }
  }
})

test('long texts, many bytes and many elements', (t) => {
  const [writer, reader] = [new ValueWriter(), new ValueReader()]
  const value = { text: 'ä'.repeat(100_000), bytes: Buffer.alloc(100_000, 7), many: Array.from({ length: 10_000 }, (_, n) => n) }
  t.deepEqual(reader.read(writer.write(value)), value)
})

test('room at the beginning is the caller’s', (t) => {
  const bytes = new ValueWriter().write('x', 4)
  t.is(new ValueReader().read(bytes.subarray(4)), 'x')
})

test('a message that repeats another is short', (t) => {
  const writer = new ValueWriter()
  const message = { partition: 'bank', method: 'encrypt', arguments: [{ cipher: 'GCM', tagLength: 16 }] }
  const first = writer.write(message).length
  t.true(writer.write(message).length < first / 2)
})

test('bytes that no writer wrote are refused, cut anywhere or altered', (t) => {
  const value = { list: ['a word', 'another'.repeat(60), Buffer.alloc(40)], whole: 7, part: 0.5, other: 5n }
  const bytes = new ValueWriter().write(value)
  for (let length = 0; length < bytes.length; length++) t.throws(() => new ValueReader().read(bytes.subarray(0, length)))
  t.throws(() => new ValueReader().read(Buffer.concat([bytes, Buffer.alloc(1)])))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
      try {
        new ValueReader().read(Buffer.from(garbage))
      } catch (error) {
        t.true(error instanceof Error)
      }
    }),
  )
})

test('instances of the class that both sides know arrive as such, wherever they stand; a side that knows none refuses them', (t) => {
  class Sealed {
    readonly #bytes: Uint8Array
    constructor(bytes: Uint8Array) {
      this.#bytes = bytes
    }
    opened = () => this.#bytes
  }
  const known = {
    bytesOf: (value: unknown) => (value instanceof Sealed ? value.opened() : undefined),
    of: (bytes: Uint8Array) => new Sealed(bytes),
  }
  const written = new ValueWriter(known).write([1, { key: { value: new Sealed(Buffer.from('abc')) }, at: new Date(5) }])
  const [one, { key, at }] = new ValueReader(known).read(written) as [number, { key: { value: unknown }; at: Date }]
  t.is(one, 1)
  t.true(key.value instanceof Sealed)
  t.deepEqual(Buffer.from((key.value as Sealed).opened()), Buffer.from('abc'))
  t.deepEqual(at, new Date(5))
  t.throws(() => new ValueReader().read(written), { message: 'these bytes are no value' })
})
