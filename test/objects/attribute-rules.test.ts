import test from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, AttributeReference } from '../../spec/values.ts'
import {
  activate,
  addAttribute,
  checkGiven,
  deleteAttribute,
  type ManagedObject,
  modifyAttribute,
  type ObjectType,
} from '../../src/objects/index.ts'
import { managedObject, symmetricKey } from '../support/managed-objects.ts'

const now = 2_000

function vendor(attributeName: string, value: string, vendorIdentification = 'x'): AttributeInstance {
  return {
    name: 'VendorAttribute',
    value: { vendorIdentification, attributeName, attributeValue: { tag: 0x42000b, type: 'TextString', value } },
  }
}

function name(value: string): AttributeInstance {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}

/** The reason of the refusal, or undefined when it went well. */
function reasonOf(action: () => unknown): ResultReason | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof KmipError) return error.reason
    throw error
  }
}

const active = (object: ManagedObject) => activate(object, 1_500)

const additions: [string, AttributeInstance, ResultReason | undefined, ((object: ManagedObject) => void)?][] = [
  ['a name', name('one'), undefined],
  ['the same name twice', name('one'), 'NonUniqueNameAttribute', (object) => addAttribute(object, name('one'), now)],
  ['a name with an index', { ...name('one'), index: 1 } as AttributeInstance, 'InvalidField'],
  ['a second name', name('two'), undefined, (object) => addAttribute(object, name('one'), now)],
  ['a description', { name: 'Description', value: 'one' }, undefined],
  [
    'a second description',
    { name: 'Description', value: 'two' },
    'AttributeSingleValued',
    (object) => addAttribute(object, { name: 'Description', value: 'one' }, now),
  ],
  ['the state', { name: 'State', value: 'Active' }, 'ReadOnlyAttribute'],
  ['a digest', { name: 'Digest', value: { hashingAlgorithm: 'SHA_1' } }, 'ReadOnlyAttribute'],
  ['the algorithm', { name: 'CryptographicAlgorithm', value: 'AES' }, 'ReadOnlyAttribute'],
  ['a certificate length', { name: 'CertificateLength', value: 3 }, 'UnsupportedAttribute'],
  ['a vendor attribute', vendor('shelf', '7'), undefined],
  ['a vendor attribute of the server', vendor('shelf', '7', 'y'), 'ReadOnlyAttribute'],
  ['an activation date', { name: 'ActivationDate', value: 9_000 }, undefined],
  ['a deactivation date', { name: 'DeactivationDate', value: 9_000 }, undefined, active],
  ['a deactivation date before activation', { name: 'DeactivationDate', value: 1_400 }, 'InvalidAttributeValue', active],
  ['a link', { name: 'Link', value: { linkType: 'ParentLink', linkedObjectIdentifier: 'a' } }, undefined],
]

for (const [title, instance, expected, prepare] of additions)
  test(`add ${title}: ${expected ?? 'done'}`, (t) => {
    const object = symmetricKey()
    prepare?.(object)
    const before = object.attributes.all(instance.name).length
    t.is(
      reasonOf(() => addAttribute(object, instance, now)),
      expected,
    )
    t.is(object.attributes.all(instance.name).length, expected === undefined ? before + 1 : before)
    if (expected === undefined) t.is(object.attributes.get('LastChangeDate'), now)
  })

const changes: [string, AttributeInstance | undefined, AttributeInstance, ResultReason | undefined, ((object: ManagedObject) => void)?][] =
  [
    ['an activation date before activation', undefined, { name: 'ActivationDate', value: 8_000 }, undefined, dated],
    ['an activation date afterwards', undefined, { name: 'ActivationDate', value: 8_000 }, 'WrongKeyLifecycleState', active],
    ['the state', undefined, { name: 'State', value: 'Compromised' }, 'AttributeReadOnly'],
    ['the algorithm', undefined, { name: 'CryptographicAlgorithm', value: 'DES3' }, 'AttributeReadOnly'],
    ['what is not there', undefined, { name: 'Description', value: 'x' }, 'AttributeNotFound'],
    ['the only name', undefined, name('three'), undefined, named('one')],
    ['one of two names', undefined, name('three'), 'MultiValuedAttribute', named('one', 'two')],
    ['one of two names by its value', name('two'), name('three'), undefined, named('one', 'two')],
    ['a name by a value it has not', name('four'), name('three'), 'AttributeInstanceNotFound', named('one', 'two')],
    ['one of two names by its index', undefined, { ...name('three'), index: 1 } as AttributeInstance, undefined, named('one', 'two')],
    [
      'a name by an index it has not',
      undefined,
      { ...name('three'), index: 2 } as AttributeInstance,
      'AttributeInstanceNotFound',
      named('one', 'two'),
    ],
    ['sensitive to true', undefined, { name: 'Sensitive', value: true }, undefined],
    [
      'sensitive back to false',
      undefined,
      { name: 'Sensitive', value: false },
      'InvalidAttributeValue',
      (object) => object.attributes.set('Sensitive', true),
    ],
    ['extractable to false', undefined, { name: 'Extractable', value: false }, undefined],
  ]

function dated(object: ManagedObject): void {
  addAttribute(object, { name: 'ActivationDate', value: 9_000 }, now)
}

function named(...names: string[]) {
  return (object: ManagedObject) => {
    for (const each of names) addAttribute(object, name(each), now)
  }
}

for (const [title, current, instance, expected, prepare] of changes)
  test(`modify ${title}: ${expected ?? 'done'}`, (t) => {
    const object = symmetricKey()
    prepare?.(object)
    const before = [...object.attributes].filter(({ name: each }) => each !== 'LastChangeDate')
    t.is(
      reasonOf(() => modifyAttribute(object, current, instance, now + 1)),
      expected,
    )
    if (expected === undefined) t.true(object.attributes.all(instance.name).some(({ value }) => value === instance.value))
    else
      t.deepEqual(
        [...object.attributes].filter(({ name: each }) => each !== 'LastChangeDate'),
        before,
      )
  })

const removals: [
  string,
  { readonly current?: AttributeInstance; readonly reference?: AttributeReference; readonly index?: number },
  number | ResultReason,
][] = [
  ['all names by reference', { reference: 'Name' }, 2],
  ['one name by its value', { current: name('two') }, 1],
  ['one name by its index', { reference: 'Name', index: 0 }, 1],
  ['an index that is not there', { reference: 'Name', index: 7 }, 'AttributeInstanceNotFound'],
  ['a value that is not there', { current: name('nine') }, 'AttributeInstanceNotFound'],
  ['what is not there', { reference: 'Description' }, 'AttributeNotFound'],
  ['a vendor attribute', { reference: { vendorIdentification: 'x', attributeName: 'shelf' } }, 1],
  ['a vendor attribute that is not there', { reference: { vendorIdentification: 'x', attributeName: 'rack' } }, 'AttributeNotFound'],
  ['the state', { reference: 'State' }, 'AttributeReadOnly'],
  ['the activation date', { reference: 'ActivationDate' }, 'AttributeReadOnly'],
  ['nothing named', {}, 'InvalidMessage'],
]

for (const [title, which, expected] of removals)
  test(`delete ${title}: ${expected}`, (t) => {
    const object = symmetricKey()
    named('one', 'two')(object)
    addAttribute(object, vendor('shelf', '7'), now)
    if (typeof expected === 'number') t.is(deleteAttribute(object, which, now).length, expected)
    else
      t.is(
        reasonOf(() => deleteAttribute(object, which, now)),
        expected,
      )
  })

test('an Attribute Index stays when others go, and vendor attributes count by name', (t) => {
  const object = symmetricKey()
  named('one', 'two', 'three')(object)
  deleteAttribute(object, { reference: 'Name', index: 0 }, now)
  t.deepEqual(
    object.attributes.all('Name').map(({ index, value }) => [index, value.value]),
    [
      [1, 'two'],
      [2, 'three'],
    ],
  )
  t.is(addAttribute(object, name('four'), now).index, 3)
  t.is(addAttribute(object, vendor('shelf', '7'), now).index, 0)
  t.is(addAttribute(object, vendor('rack', '7'), now).index, 0)
  t.is(addAttribute(object, vendor('shelf', '8'), now).index, 1)
})

const creations: [string, ObjectType, AttributeInstance[], ResultReason | undefined][] = [
  [
    'algorithm, length, mask',
    'SymmetricKey',
    [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 128 },
    ],
    undefined,
  ],
  ['two names', 'SymmetricKey', [name('one'), name('two')], undefined],
  [
    'two algorithms',
    'SymmetricKey',
    [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicAlgorithm', value: 'DES3' },
    ],
    'AttributeSingleValued',
  ],
  ['a state', 'SymmetricKey', [{ name: 'State', value: 'Active' }], 'ReadOnlyAttribute'],
  ['an identifier', 'SymmetricKey', [{ name: 'UniqueIdentifier', value: 'mine' }], 'ReadOnlyAttribute'],
  ['domain parameters for a symmetric key', 'SymmetricKey', [{ name: 'CryptographicDomainParameters', value: {} }], 'UnsupportedAttribute'],
  ['another object type', 'SymmetricKey', [{ name: 'ObjectType', value: 'SecretData' }], 'InvalidAttributeValue'],
  ['a certificate type', 'Certificate', [{ name: 'CertificateType', value: 'X_509' }], undefined],
]

for (const [title, objectType, given, expected] of creations)
  test(`given at creation: ${title}: ${expected ?? 'accepted'}`, (t) => {
    t.is(
      reasonOf(() => checkGiven(given, objectType)),
      expected,
    )
  })

test('what a new object has', (t) => {
  const { attributes, uniqueIdentifier } = symmetricKey({ policy: { sensitive: true, extractable: false } })
  t.is(attributes.get('UniqueIdentifier'), uniqueIdentifier)
  t.is(attributes.get('State'), 'PreActive')
  t.is(attributes.get('InitialDate'), 1_000)
  t.is(attributes.get('OriginalCreationDate'), 1_000)
  t.is(attributes.get('LastChangeDate'), 1_000)
  t.is(attributes.get('Fresh'), true)
  t.is(attributes.get('AlwaysSensitive'), true)
  t.is(attributes.get('NeverExtractable'), true)
  t.is(attributes.get('ShortUniqueIdentifier')?.length, 16)
  t.is(attributes.get('Digest')?.hashingAlgorithm, 'SHA_256')
})

test('the Count of Usage Limits is the server’s', (t) => {
  const object = managedObject('SymmetricKey', { given: [{ name: 'UsageLimits', value: { total: 16n, count: 99n, unit: 'Byte' } }] })
  t.is(object.attributes.get('UsageLimits')?.count, 16n)
})

test('a copy is its own', (t) => {
  const object = symmetricKey()
  const copy = object.copy()
  addAttribute(copy, name('one'), now)
  t.false(object.attributes.has('Name'))
  addAttribute(object, name('two'), now)
  t.deepEqual(
    copy.attributes.all('Name').map(({ value }) => value.value),
    ['one'],
  )
})
