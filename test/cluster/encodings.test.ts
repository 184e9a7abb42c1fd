import test from 'ava'
import fc from 'fast-check'
import { Keys } from '../../src/cluster/keys.ts'
import { decodeStored, encodeStored, nonceOf } from '../../src/cluster/stored-value.ts'
import { newestFormat, type Place, type Space } from '../../src/store/index.ts'

const bytes = (length?: number) => fc.uint8Array(length === undefined ? { maxLength: 300 } : { minLength: length, maxLength: length })
const text = fc.string({ unit: 'binary', maxLength: 60 })

const places = fc.record({ space: text, kind: fc.constantFrom<Place['kind']>('object', 'unique', 'setting'), id: text })

test('a place comes back from its key, whatever bytes it is made of, and two places have two keys', (t) => {
  const keys = new Keys()
  fc.assert(
    fc.property(places, places, (first, second) => {
      const place = { ...first, space: first.space as Space }
      const key = keys.of(place)
      t.deepEqual(keys.placeOf(key), place)
      t.true(key.compare(keys.data) > 0 && key.compare(keys.dataEnd) < 0 && key.compare(keys.prefix) > 0 && key.compare(keys.end) < 0)
      const same = JSON.stringify(first) === JSON.stringify(second)
      t.is(keys.of({ ...second, space: second.space as Space }).equals(key), same)
    }),
  )
})

test('the keys of the head, fences and marks are no places', (t) => {
  const keys = new Keys('a/')
  for (const key of [keys.head, keys.fence('node-1'), keys.mark(3), keys.node('node-1'), keys.format, keys.data, Buffer.from('a/dx\0\0')])
    t.is(keys.placeOf(key), undefined)
})

test('a prefix that etcd tools could not show is refused', (t) => {
  t.regex(t.throws(() => new Keys('')).message, /cluster prefix/)
  t.regex(t.throws(() => new Keys('ä')).message, /cluster prefix/)
})

test('a stored value comes back with its nonce, terms and order', (t) => {
  fc.assert(
    fc.property(
      bytes(16),
      fc.option(fc.double({ noNaN: true }), { nil: undefined }),
      fc.option(fc.array(fc.record({ attribute: text, value: bytes() }), { maxLength: 5 }), { nil: undefined }),
      bytes(),
      (nonce, order, terms, value) => {
        const encoded = encodeStored({ nonce, order, terms, value }, 1)
        const decoded = decodeStored(encoded)
        t.deepEqual(nonceOf(encoded), Buffer.from(nonce))
        t.deepEqual(decoded.nonce, Buffer.from(nonce))
        t.is(decoded.order, order)
        t.deepEqual(
          decoded.terms,
          terms?.map((term) => ({ attribute: term.attribute, value: Buffer.from(term.value) })),
        )
        t.deepEqual(decoded.value, Buffer.from(value))
      },
    ),
  )
})

test('a stored value that is cut short or of a later format is refused', (t) => {
  const encoded = encodeStored(
    {
      nonce: new Uint8Array(16),
      order: 1,
      terms: [{ attribute: 'name', value: Buffer.from('x') }],
      value: Buffer.of(),
    },
    1,
  )
  for (let length = 0; length < encoded.length; length++) t.throws(() => decodeStored(encoded.subarray(0, length)))
  encoded[0] = newestFormat + 1
  t.regex(t.throws(() => decodeStored(encoded)).message, /upgrade this node/)
})
