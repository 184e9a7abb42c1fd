import { randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { type EmbeddedLedger, type LocalReplica, openEmbeddedLedger, type Space, type TermMatch } from '../../src/store/index.ts'
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

/** Small alphabets, so that change sets meet: names, terms and orders are often the same. */
const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const attribute = fc.constantFrom('x', 'y', 'xy')
const value = fc.array(fc.constantFrom(0, 1, 255), { maxLength: 2 }).map((bytes) => Buffer.from(bytes))
const write = fc.record({
  id,
  value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 4 }),
  terms: fc.array(fc.record({ attribute, value }), { maxLength: 4 }),
  order: fc.integer({ min: -1, max: 2 }),
})
/** `stale`: the guard names another revision than the object's. */
const changeSets = fc.array(
  fc.record({
    writes: fc.uniqueArray(write, { selector: (each) => each.id, minLength: 1, maxLength: 3 }),
    guard: id,
    stale: fc.constantFrom(false, false, true),
  }),
  { minLength: 1, maxLength: 25 },
)
const match = fc
  .record({ attribute, from: value, to: value, isExact: fc.boolean() })
  .map(({ from, to, isExact, ...rest }) => ({ ...rest, from, to: isExact ? from : to }))
const searches = fc.array(
  fc.record({
    matches: fc.array(match, { maxLength: 3 }),
    offset: fc.integer({ min: 0, max: 4 }),
    limit: fc.integer({ min: 0, max: 5 }),
    accepted: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  }),
  { minLength: 20, maxLength: 20 },
)

interface Modelled {
  readonly value: number
  readonly revision: number
  readonly order: number
  readonly terms: readonly { readonly attribute: string; readonly value: Buffer }[]
}

test('whatever is committed, reads and searches answer as a list in memory would', async (t) => {
  let spaces = 0
  await fc.assert(
    fc.asyncProperty(changeSets, searches, async (proposals, asked) => {
      const space = `t/model-${++spaces}` as Space
      const model = new Map<string, Modelled>()
      const place = (name: string) => ({ space, kind: 'object', id: name }) as const
      const { ledger, replica } = store
      for (const { writes, guard, stale } of proposals) {
        const held = model.get(guard)?.revision ?? 0
        const outcome = await ledger.commit({
          nonce: randomBytes(16),
          guards: [{ place: place(guard), revision: stale ? held + 1 : held }],
          writes: writes.map(({ id: name, value: number, ...index }) => ({
            place: place(name),
            value: number === undefined ? undefined : Buffer.of(number),
            ...index,
          })),
        })
        t.is(outcome.outcome, stale ? 'conflict' : 'committed')
        if (outcome.outcome !== 'committed') continue
        for (const { id: name, value: number, order, terms } of writes) {
          if (number === undefined) model.delete(name)
          else model.set(name, { value: number, revision: outcome.revision, order, terms })
        }
      }
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
        const stored = replica.read(place(name))
        const expected = model.get(name)
        t.deepEqual(stored && [stored.value[0], stored.revision], expected && [expected.value, expected.revision])
      }
      for (const { matches, offset, limit, accepted } of asked) {
        const ids = searchModel(model, matches, accepted)
        const accept = accepted === undefined ? undefined : (stored: { readonly value: Uint8Array }) => stored.value[0] === accepted
        const found = replica.find(space, matches, { offset, limit }, accept)
        t.deepEqual(found, { ids: ids.slice(offset, offset + limit), total: ids.length })
      }
    }),
    { numRuns: 150 },
  )
})

function searchModel(model: ReadonlyMap<string, Modelled>, matches: readonly TermMatch[], accepted: number | undefined): string[] {
  return [...model]
    .filter(([, { terms }]) =>
      matches.every(({ attribute: name, from, to }) =>
        terms.some((term) => term.attribute === name && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0),
      ),
    )
    .filter(([, { value: number }]) => accepted === undefined || number === accepted)
    .sort(([one, a], [other, b]) => b.order - a.order || b.revision - a.revision || (one < other ? -1 : 1))
    .map(([name]) => name)
}
