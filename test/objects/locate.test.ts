import test from 'ava'
import fc from 'fast-check'
import type { AttributeInstance } from '../../spec/values.ts'
import {
  activate,
  destroy,
  indexTerms,
  type ManagedObject,
  matches,
  revoke,
  searchesFor,
  type Term,
  type TermRange,
} from '../../src/objects/index.ts'
import { managedObject, symmetricKey } from '../support/managed-objects.ts'

const now = 2_000

/** What the store does with terms and ranges. */
function found(terms: readonly Term[], ranges: readonly TermRange[]): boolean {
  return ranges.every(({ attribute, from, to }) =>
    terms.some((term) => term.attribute === attribute && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0),
  )
}

function name(value: string): AttributeInstance {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}

function application(namespace: string, data?: string): AttributeInstance {
  return { name: 'ApplicationSpecificInformation', value: { namespace, data } }
}

function vendor(attributeName: string, value: string): AttributeInstance {
  return {
    name: 'VendorAttribute',
    value: { vendorIdentification: 'x', attributeName, attributeValue: { tag: 0x42000b, type: 'TextString', value } },
  }
}

/** A structure of which a request gives some fields only; the type asks for all, the wire does not. */
function partial(instance: { readonly name: AttributeInstance['name']; readonly value: object }): AttributeInstance {
  return instance as AttributeInstance
}

const longName = 'n'.repeat(5_000)

const key = symmetricKey({
  given: [
    name('first'),
    name(longName),
    application('ssl', 'www.example.com'),
    vendor('shelf', '7'),
    { name: 'ObjectGroup', value: 'group' },
    { name: 'Link', value: { linkType: 'ParentLink', linkedObjectIdentifier: 'parent' } },
    { name: 'ActivationDate', value: 3_000 },
    { name: 'DeactivationDate', value: 4_000 },
    { name: 'UsageLimits', value: { total: 100n, unit: 'Byte' } },
  ],
})

/** What is asked, at what time, whether the key is found, and whether terms alone decide. */
const table: [string, AttributeInstance[], number, boolean, boolean][] = [
  ['nothing', [], now, true, true],
  ['its name', [name('first')], now, true, true],
  ['another name', [name('second')], now, false, true],
  ['both of its names', [name('first'), name(longName)], now, true, true],
  ['one of its names and another', [name('first'), name('second')], now, false, true],
  ['a name by its text alone', [partial({ name: 'Name', value: { value: 'first' } })], now, true, false],
  ['the beginning of a name', [partial({ name: 'Name', value: { value: 'firs' } })], now, false, false],
  ['a name by its type alone', [partial({ name: 'Name', value: { type: 'UninterpretedTextString' } })], now, true, false],
  ['a name as URI', [{ name: 'Name', value: { value: 'first', type: 'URI' } }], now, false, true],
  ['application information', [application('ssl', 'www.example.com')], now, true, true],
  ['its namespace alone', [application('ssl')], now, true, false],
  ['another namespace', [application('ssh')], now, false, false],
  ['a vendor attribute', [vendor('shelf', '7')], now, true, true],
  ['a vendor attribute with another value', [vendor('shelf', '8')], now, false, true],
  ['a group', [{ name: 'ObjectGroup', value: 'group' }], now, true, true],
  ['a link', [{ name: 'Link', value: { linkType: 'ParentLink', linkedObjectIdentifier: 'parent' } }], now, true, true],
  ['a linked object', [partial({ name: 'Link', value: { linkedObjectIdentifier: 'parent' } })], now, true, false],
  ['a link of another type', [{ name: 'Link', value: { linkType: 'ChildLink', linkedObjectIdentifier: 'parent' } }], now, false, true],
  [
    'type and algorithm',
    [
      { name: 'ObjectType', value: 'SymmetricKey' },
      { name: 'CryptographicAlgorithm', value: 'AES' },
    ],
    now,
    true,
    true,
  ],
  ['another length', [{ name: 'CryptographicLength', value: 128 }], now, false, true],
  ['some bits of the mask', [{ name: 'CryptographicUsageMask', value: 0x0c }], now, true, false],
  ['a bit that is not in the mask', [{ name: 'CryptographicUsageMask', value: 0x1000 }], now, false, false],
  ['a date', [{ name: 'ActivationDate', value: 3_000 }], now, true, true],
  ['another date', [{ name: 'ActivationDate', value: 3_001 }], now, false, true],
  [
    'a range of dates',
    [
      { name: 'ActivationDate', value: 3_001 },
      { name: 'ActivationDate', value: 2_999 },
    ],
    now,
    true,
    true,
  ],
  [
    'a range by its ends',
    [
      { name: 'ActivationDate', value: 3_000 },
      { name: 'ActivationDate', value: 3_000 },
    ],
    now,
    true,
    true,
  ],
  [
    'a range before',
    [
      { name: 'ActivationDate', value: -5 },
      { name: 'ActivationDate', value: 2_999 },
    ],
    now,
    false,
    true,
  ],
  ['Pre-Active, before its Activation Date', [{ name: 'State', value: 'PreActive' }], 2_999, true, false],
  ['Pre-Active, after it', [{ name: 'State', value: 'PreActive' }], 3_000, false, false],
  ['Active, before it', [{ name: 'State', value: 'Active' }], 2_999, false, false],
  ['Active, after it', [{ name: 'State', value: 'Active' }], 3_000, true, false],
  ['Deactivated, after that date', [{ name: 'State', value: 'Deactivated' }], 4_000, true, false],
  ['Usage Limits with enough', [partial({ name: 'UsageLimits', value: { total: 100n } })], now, true, false],
  ['Usage Limits with too little', [partial({ name: 'UsageLimits', value: { count: 101n } })], now, false, false],
  ['Fresh', [{ name: 'Fresh', value: true }], now, true, false],
]

for (const [title, wanted, at, expected, decided] of table)
  test(`asked for ${title}: ${expected ? 'found' : 'not found'}`, (t) => {
    const hits = searchesFor(wanted, 'on-line').filter(({ ranges }) => found(indexTerms(key), ranges))
    t.is(matches(key, wanted, at), expected)
    if (expected) t.is(hits.length, 1, 'one search finds what matches')
    if (decided) t.is(hits.length > 0, expected, 'the terms decide')
    t.is(
      searchesFor(wanted, 'on-line').every((search) => search.decided),
      decided,
    )
  })

test('a destroyed object is found among the destroyed alone', (t) => {
  const object = symmetricKey({ given: [name('first')] })
  const among = (storage: 'on-line' | 'destroyed') =>
    [[], [name('first')]].map((wanted) => searchesFor(wanted, storage).some(({ ranges }) => found(indexTerms(object), ranges)))
  t.deepEqual(among('on-line'), [true, true])
  t.deepEqual(among('destroyed'), [false, false])
  destroy(object, now)
  t.deepEqual(among('on-line'), [false, false])
  t.deepEqual(among('destroyed'), [true, true])
})

const values: fc.Arbitrary<AttributeInstance> = fc.oneof(
  fc.constantFrom('a', 'b', 'aa', '').map(name),
  fc.constantFrom('a', 'b').map((value): AttributeInstance => ({ name: 'ObjectGroup', value })),
  fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('a', 'b', undefined)).map(([namespace, data]) => application(namespace, data)),
  fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('a', 'b')).map(([attribute, value]) => vendor(attribute, value)),
)
const dates: fc.Arbitrary<AttributeInstance> = fc
  .tuple(fc.constantFrom('ActivationDate', 'DeactivationDate', 'ProtectStopDate'), fc.integer({ min: -2, max: 6 }))
  .map(([date, value]) => ({ name: date, value }) as AttributeInstance)
const states: fc.Arbitrary<AttributeInstance> = fc
  .constantFrom('PreActive', 'Active', 'Deactivated', 'Compromised', 'Destroyed')
  .map((value) => ({ name: 'State', value }) as AttributeInstance)

const acts: ((object: ManagedObject, at: number) => void)[] = [
  () => {},
  activate,
  (object, at) => revoke(object, at, { code: 'KeyCompromise' }),
  destroy,
]

test('terms never miss an object that matches, and decide where they say so', (t) => {
  let matched = 0
  const single = fc.uniqueArray(dates, { maxLength: 3, selector: ({ name: each }) => each })
  fc.assert(
    fc.property(
      fc.array(values, { maxLength: 4 }),
      single,
      fc.constantFrom(...acts),
      fc.array(fc.oneof(values, dates, states), { maxLength: 3 }),
      fc.integer({ min: 0, max: 6 }),
      (many, some, act, wanted, at) => {
        const at0 = (name: 'ActivationDate' | 'DeactivationDate') => some.find((each) => each.name === name)?.value as number | undefined
        // No object is made that ends before it begins.
        fc.pre(!((at0('DeactivationDate') ?? Number.POSITIVE_INFINITY) < (at0('ActivationDate') ?? Number.NEGATIVE_INFINITY)))
        const object = managedObject('SymmetricKey', { now: 0, given: [...many, ...some] })
        try {
          act(object, 0)
        } catch {
          return true
        }
        const searches = searchesFor(wanted, object.isDestroyed ? 'destroyed' : 'on-line')
        const hits = searches.filter(({ ranges }) => found(indexTerms(object), ranges))
        const isMatch = matches(object, wanted, at)
        if (isMatch) matched++
        // Found by one search at most, and by a search that decides only when it matches.
        return hits.length <= 1 && (!isMatch || hits.length === 1) && hits.every(({ decided }) => !decided || isMatch)
      },
    ),
    { numRuns: 2_000 },
  )
  t.true(matched > 0)
})
