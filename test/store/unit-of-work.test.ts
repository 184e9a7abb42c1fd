import { randomBytes } from 'node:crypto'
import test from 'ava'
import {
  type EmbeddedLedger,
  type LocalReplica,
  openEmbeddedLedger,
  type Space,
  type TermMatch,
  UnitOfWork,
  type Write,
} from '../../src/store/index.ts'
import { ledgerFolder } from '../support/ledger-process.ts'

let folder: Awaited<ReturnType<typeof ledgerFolder>>
let store: { readonly ledger: EmbeddedLedger; readonly replica: LocalReplica }
test.before(async () => {
  folder = await ledgerFolder()
  store = openEmbeddedLedger({ directory: folder.directory })
})
test.after.always(async () => {
  await store?.ledger.close()
  await folder?.remove()
})

let spaces = 0
/** A space of its own with these objects in it, each of its own commit, its order its place in the list. */
async function spaceWith(...ids: readonly string[]): Promise<{ space: Space; revisions: number[]; unit(): UnitOfWork }> {
  const space = `t/unit-${++spaces}` as Space
  const revisions: number[] = []
  for (const [order, id] of ids.entries()) {
    const outcome = await commit([{ place: { space, kind: 'object', id }, value: Buffer.from(id), terms: red, order }])
    revisions.push(outcome.outcome === 'committed' ? outcome.revision : 0)
  }
  return { space, revisions, unit: () => new UnitOfWork(store.replica, space) }
}

const commit = (writes: readonly Write[]) => store.ledger.commit({ nonce: randomBytes(16), guards: [], writes })
const red = [{ attribute: 'color', value: Buffer.from('red') }]
const blue = [{ attribute: 'color', value: Buffer.from('blue') }]
const isRed: readonly TermMatch[] = [{ attribute: 'color', from: Buffer.from('red'), to: Buffer.from('red') }]
const all = { offset: 0, limit: 100 }
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()

test('nothing staged is nothing to commit, whatever was read', async (t) => {
  const { unit } = await spaceWith('a')
  const one = unit()
  t.is(text(one.read('object', 'a')?.value), 'a')
  t.is(one.read('object', 'none'), undefined)
  t.is(one.changes(), undefined)
})

test('everything read or written is guarded at the revision first seen, 0 where nothing was', async (t) => {
  const { unit, space, revisions } = await spaceWith('a', 'b', 'c')
  const one = unit()
  one.read('object', 'a')
  one.read('object', 'none')
  one.rely('object', 'c', 7)
  one.put('object', 'b', Buffer.from('b2'), { terms: red, order: 1 })
  one.put('object', 'new', Buffer.from('new'))
  const changes = one.changes()
  t.deepEqual(
    changes?.guards.map(({ place, revision }) => [place.id, revision]),
    [
      ['a', revisions[0]],
      ['none', 0],
      ['c', 7],
      ['b', revisions[1]],
      ['new', 0],
    ],
  )
  t.deepEqual(changes?.guards[0]?.place, { space, kind: 'object', id: 'a' })
  t.deepEqual(
    changes?.writes.map(({ place, value, order }) => [place.id, text(value), order]),
    [
      ['b', 'b2', 1],
      ['new', 'new', undefined],
    ],
  )
  t.notDeepEqual(one.changes()?.nonce, changes?.nonce)
})

test('a unit whose object was changed meanwhile conflicts', async (t) => {
  const { unit, space } = await spaceWith('a')
  const [one, other] = [unit(), unit()]
  for (const each of [one, other]) {
    each.read('object', 'a')
    each.put('object', 'a', Buffer.from('changed'))
  }
  t.is((await store.ledger.commit(one.changes()!)).outcome, 'committed')
  t.deepEqual(await store.ledger.commit(other.changes()!), { outcome: 'conflict', place: { space, kind: 'object', id: 'a' } })
})

test('reads see what is staged; a rollback brings back what was before', async (t) => {
  const { unit } = await spaceWith('a', 'b')
  const one = unit()
  one.put('object', 'a', Buffer.from('first'))
  const savepoint = one.savepoint()
  one.put('object', 'a', Buffer.from('second'))
  one.remove('object', 'b')
  one.put('setting', 's', Buffer.from('s'))
  t.is(text(one.read('object', 'a')?.value), 'second')
  t.is(one.read('object', 'b'), undefined)
  t.true(one.hasStaged('object', 'b'))
  one.rollback(savepoint)
  t.is(text(one.read('object', 'a')?.value), 'first')
  t.is(text(one.read('object', 'b')?.value), 'b')
  t.is(one.read('setting', 's'), undefined)
  t.false(one.hasStaged('object', 'b'))
  t.deepEqual(
    one.changes()?.writes.map(({ place }) => place.id),
    ['a'],
  )
  one.rollback(0)
  t.is(one.changes(), undefined)
})

test('a unique name is refused to a second owner, also within the unit, and free again when given back', async (t) => {
  const { unit } = await spaceWith()
  const one = unit()
  one.reserveUnique('n', 'a')
  one.reserveUnique('n', 'a')
  t.throws(() => one.reserveUnique('n', 'b'), { name: 'KmipError', message: /has this Name/ })
  t.is((await store.ledger.commit(one.changes()!)).outcome, 'committed')
  const two = unit()
  t.throws(() => two.reserveUnique('n', 'b'), { name: 'KmipError' })
  two.releaseUnique('n')
  two.reserveUnique('n', 'b')
  t.is((await store.ledger.commit(two.changes()!)).outcome, 'committed')
  t.is(text(unit().read('unique', 'n')?.value), 'b')
})

test('a name taken and given back within the unit leaves nothing', async (t) => {
  const { unit } = await spaceWith()
  const one = unit()
  one.reserveUnique('n', 'a')
  one.releaseUnique('n')
  t.is(one.changes(), undefined)
})

test('finds what is staged beside what is stored, each in its place', async (t) => {
  const { unit } = await spaceWith('a', 'b', 'c', 'd')
  const one = unit()
  const find = (page = all, matches = isRed) => {
    const { ids, total } = one.find(matches, page)
    return [ids.join(''), total]
  }
  t.deepEqual(find(), ['dcba', 4])
  one.put('object', 'n', Buffer.from('n'), { terms: red, order: 9 })
  t.deepEqual(find(), ['ndcba', 5])
  one.put('object', 'b', Buffer.from('b'), { terms: red, order: 1 })
  t.deepEqual(find(), ['ndcba', 5], 'a changed object stays where its order is')
  one.put('object', 'c', Buffer.from('c'), { terms: blue, order: 2 })
  t.deepEqual(find(), ['ndba', 4])
  one.remove('object', 'd')
  t.deepEqual(find(), ['nba', 3])
  for (const [offset, limit, ids] of [
    [0, 1, 'n'],
    [1, 1, 'b'],
    [1, 2, 'ba'],
    [2, 5, 'a'],
    [3, 5, ''],
    [0, 0, ''],
  ] as const)
    t.deepEqual(find({ offset, limit }), [ids, 3], `${limit} from ${offset}`)
  t.deepEqual(find(all, []), ['ncba', 4])
  one.put('object', 'm', Buffer.from('m'), { terms: red, order: 9 })
  t.deepEqual(find(), ['mnba', 4], 'the latest staged first among equals')
  const accepted = one.find(isRed, all, (stored, id) => id === 'n' && text(stored.value) === 'n')
  t.deepEqual(accepted, { ids: ['n'], total: 1 })
})

test('what a unit found is what everyone finds once it is committed', async (t) => {
  const { unit, space } = await spaceWith('a', 'b', 'c')
  const one = unit()
  one.put('object', 'n', Buffer.from('n'), { terms: red, order: 1 })
  one.put('object', 'm', Buffer.from('m'), { terms: red, order: 1 })
  one.put('object', 'b', Buffer.from('b'), { terms: red, order: 1 })
  one.remove('object', 'a')
  const { total, ids } = one.find(isRed, all)
  t.is((await store.ledger.commit(one.changes()!)).outcome, 'committed')
  const found = store.replica.find(space, isRed, all)
  t.is(found.total, total)
  t.deepEqual([...found.ids].sort(), [...ids].sort())
})
