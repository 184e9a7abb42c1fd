import type { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'

function name(value: string): AttributeInstance {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}

function vendor(attributeName: string, value: string): AttributeInstance {
  return {
    name: 'VendorAttribute',
    value: { vendorIdentification: 'x', attributeName, attributeValue: { tag: 0x42000b, type: 'TextString', value } },
  }
}

async function key(attributeInstances: 'by-index' | 'by-value' = 'by-value'): Promise<{ bench: OperationBench; uniqueIdentifier: string }> {
  const bench = operationContext({ attributeInstances })
  const { uniqueIdentifier } = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [name('one'), vendor('shelf', '7')] })
  return { bench, uniqueIdentifier: uniqueIdentifier as string }
}

test('Get Attributes gives what is named and set, leaves the rest out, and all when nothing is named', async (t) => {
  const { bench, uniqueIdentifier } = await key()
  const some = await bench.run('GetAttributes', {
    uniqueIdentifier,
    references: ['State', 'DeactivationDate', { vendorIdentification: 'x', attributeName: 'shelf' }, 'Name'],
  })
  t.deepEqual(
    some.attributes.map((each) => each.name),
    ['State', 'VendorAttribute', 'Name'],
  )
  const all = await bench.run('GetAttributes', { uniqueIdentifier, references: [] })
  const list = await bench.run('GetAttributeList', { uniqueIdentifier })
  t.is(new Set(all.attributes.map((each) => each.name)).size, list.references.length)
  t.deepEqual(
    list.references.filter((each) => typeof each !== 'string'),
    [{ vendorIdentification: 'x', attributeName: 'shelf' }],
  )
  const twice = await t.throwsAsync<KmipError>(bench.run('GetAttributes', { uniqueIdentifier, references: ['State', 'State'] }))
  t.is(twice?.reason, 'InvalidMessage')
})

test('Add, Modify and Delete Attribute, as a client of 1.x does it', async (t) => {
  const { bench, uniqueIdentifier } = await key()
  const added = await bench.run('AddAttribute', { uniqueIdentifier, newAttribute: vendor('shelf', '8') })
  t.is(added.attribute?.index, 1)
  const changed = await bench.run('ModifyAttribute', {
    uniqueIdentifier,
    newAttribute: { ...vendor('shelf', '9'), index: 1 } as AttributeInstance,
  })
  t.is(changed.attribute?.index, 1)
  const reference = { vendorIdentification: 'x', attributeName: 'shelf' }
  const gone = await bench.run('DeleteAttribute', { uniqueIdentifier, reference, attributeIndex: 0 })
  t.deepEqual(gone.attribute, { ...vendor('shelf', '7'), index: 0 } as AttributeInstance)
  const { attributes } = await bench.run('GetAttributes', { uniqueIdentifier, references: [reference] })
  t.deepEqual(attributes, [{ ...vendor('shelf', '9'), index: 1 } as AttributeInstance])
})

test('a client of 1.x that gives no index means the instance 0; one of 2.x means the only one, or all', async (t) => {
  const old = await key('by-index')
  await old.bench.run('AddAttribute', { uniqueIdentifier: old.uniqueIdentifier, newAttribute: name('two') })
  const changed = await old.bench.run('ModifyAttribute', { uniqueIdentifier: old.uniqueIdentifier, newAttribute: name('three') })
  t.is(changed.attribute?.index, 0)
  await old.bench.run('DeleteAttribute', { uniqueIdentifier: old.uniqueIdentifier, reference: 'Name' })
  const left = await old.bench.run('GetAttributes', { uniqueIdentifier: old.uniqueIdentifier, references: ['Name'] })
  t.deepEqual(
    left.attributes.map(({ index, value }) => [index, value]),
    [[1, name('two').value]],
  )
  const { bench, uniqueIdentifier } = await key()
  await bench.run('AddAttribute', { uniqueIdentifier, newAttribute: name('two') })
  const unclear = await t.throwsAsync<KmipError>(bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: name('three') }))
  t.is(unclear?.reason, 'MultiValuedAttribute')
  await bench.run('DeleteAttribute', { uniqueIdentifier, reference: 'Name' })
  t.deepEqual((await bench.run('GetAttributes', { uniqueIdentifier, references: ['Name'] })).attributes, [])
})

test('Modify and Delete Attribute by the current value, as a client of 2.x does it', async (t) => {
  const { bench, uniqueIdentifier } = await key()
  await bench.run('AddAttribute', { uniqueIdentifier, newAttribute: name('two') })
  await bench.run('ModifyAttribute', { uniqueIdentifier, currentAttribute: name('one'), newAttribute: name('three') })
  await bench.run('DeleteAttribute', { uniqueIdentifier, currentAttribute: name('two') })
  const { attributes } = await bench.run('GetAttributes', { uniqueIdentifier, references: ['Name'] })
  t.deepEqual(
    attributes.map((each) => each.value),
    [name('three').value],
  )
})

test('names are unique in the tenant, whichever way they come', async (t) => {
  const { bench, uniqueIdentifier } = await key()
  const other = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [name('two')] })
  const add = await t.throwsAsync<KmipError>(bench.run('AddAttribute', { uniqueIdentifier, newAttribute: name('two') }))
  t.is(add?.reason, 'NonUniqueNameAttribute')
  const modify = await t.throwsAsync<KmipError>(bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: name('two') }))
  t.is(modify?.reason, 'NonUniqueNameAttribute')
  await bench.run('DeleteAttribute', { uniqueIdentifier: other.uniqueIdentifier, reference: 'Name' })
  await t.notThrowsAsync(bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: name('two') }))
  await t.notThrowsAsync(bench.run('Create', { objectType: 'SymmetricKey', attributes: [name('one')] }))
})

test('a refused change leaves the object as it was', async (t) => {
  const { bench, uniqueIdentifier } = await key()
  const before = await bench.run('GetAttributes', { uniqueIdentifier, references: [] })
  await t.throwsAsync(bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: { name: 'State', value: 'Compromised' } }))
  await t.throwsAsync(
    bench.run('AddAttribute', { uniqueIdentifier, newAttribute: { name: 'Digest', value: { hashingAlgorithm: 'SHA_1' } } }),
  )
  await t.throwsAsync(bench.run('DeleteAttribute', { uniqueIdentifier, reference: 'State' }))
  t.deepEqual(await bench.run('GetAttributes', { uniqueIdentifier, references: [] }), before)
})
