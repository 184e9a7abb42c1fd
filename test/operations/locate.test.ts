import { masks } from '../../spec/enumerations.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { locatedPlaceholder } from '../../src/operations/locate.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'

const { OnLineStorage, ArchivalStorage, DestroyedStorage } = masks.StorageStatusMask

function group(value: string): AttributeInstance {
  return { name: 'ObjectGroup', value }
}

/** Five keys of group a, then one of group b, the oldest first. */
async function sixKeys(): Promise<{ bench: OperationBench; ids: string[] }> {
  const bench = operationContext()
  const ids: string[] = []
  for (const each of ['a', 'a', 'a', 'a', 'a', 'b']) {
    const { uniqueIdentifier } = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [group(each)] })
    ids.push(uniqueIdentifier as string)
  }
  return { bench, ids }
}

const pages: [string, Omit<RequestPayload<'Locate'>, 'attributes'>, AttributeInstance[], number[], number][] = [
  ['everything', {}, [], [5, 4, 3, 2, 1, 0], 6],
  ['a group', {}, [group('a')], [4, 3, 2, 1, 0], 5],
  ['the youngest of a group', { maximumItems: 1 }, [group('a')], [4], 5],
  ['the next', { maximumItems: 1, offsetItems: 1 }, [group('a')], [3], 5],
  ['the last page', { maximumItems: 4, offsetItems: 3 }, [group('a')], [1, 0], 5],
  ['beyond the last page', { offsetItems: 9 }, [group('a')], [], 5],
  ['no item at all', { maximumItems: 0 }, [group('a')], [], 5],
  ['what is not there', {}, [group('c')], [], 0],
  ['archived objects', { storageStatusMask: ArchivalStorage.value }, [], [], 0],
  ['fresh members of a group', { objectGroupMember: 'GroupMemberFresh' }, [group('b')], [5], 1],
]

for (const [title, request, attributes, expected, total] of pages)
  test(`Locate ${title}`, async (t) => {
    const { bench, ids } = await sixKeys()
    const answer = await bench.run('Locate', { ...request, attributes })
    t.deepEqual(
      answer.uniqueIdentifiers,
      expected.map((index) => ids[index] as string),
    )
    t.is(answer.locatedItems, total)
  })

test('a destroyed object is found only when asked for', async (t) => {
  const { bench, ids } = await sixKeys()
  const [first] = ids as [string]
  await bench.run('Destroy', { uniqueIdentifier: first })
  const find = async (storageStatusMask?: number) =>
    (await bench.run('Locate', { storageStatusMask, attributes: [{ name: 'UniqueIdentifier', value: first }] })).uniqueIdentifiers
  t.deepEqual(await find(), [])
  t.deepEqual(await find(OnLineStorage.value | ArchivalStorage.value), [])
  t.deepEqual(await find(DestroyedStorage.value), [first])
  t.deepEqual(await find(OnLineStorage.value | DestroyedStorage.value), [first])
  t.is((await bench.run('Locate', { attributes: [] })).locatedItems, 5)
  t.is((await bench.run('Locate', { storageStatusMask: DestroyedStorage.value, attributes: [] })).locatedItems, 1)
})

test('Locate by Short Unique Identifier', async (t) => {
  const { bench, ids } = await sixKeys()
  const value = new Uint8Array(Buffer.from((ids[2] as string).replaceAll('-', ''), 'hex'))
  t.deepEqual((await bench.run('Locate', { attributes: [{ name: 'ShortUniqueIdentifier', value }] })).uniqueIdentifiers, [ids[2] as string])
})

/** What was found and asked for, and the ID Placeholder afterwards. */
for (const [ids, total, maximumItems, expected] of [
  [['a'], 1, undefined, 'a'],
  [['a', 'b'], 2, undefined, null],
  [['a'], 2, 1, 'a'],
  [['a'], 2, 2, null],
  [[], 0, undefined, null],
] as const)
  test(`the ID Placeholder after ${ids.length} of ${total} with Maximum Items ${maximumItems}: ${expected}`, (t) => {
    t.is(locatedPlaceholder({ uniqueIdentifiers: ids, locatedItems: total }, { attributes: [], maximumItems }), expected)
  })
