import { randomBytes } from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import type { ChangeSet, CommitOutcome, Guard, Ledger, Place, Replica, Space, TermMatch, Write } from '../../src/store/index.ts'
import type { LedgerCalls } from '../support/ledger-process.ts'

export interface LedgerUnderTest {
  readonly ledger: Ledger
  readonly replica: Replica
  /** The same ledger from another process of the node, or another node. */
  readonly other: LedgerCalls
  close(): Promise<void>
}

/** What every ledger and its replica promise. Run on each implementation; every case has a space of its own. */
export function ledgerContract(test: TestFn, open: () => Promise<LedgerUnderTest>): void {
  let under: LedgerUnderTest
  test.before(async () => {
    under = await open()
  })
  test.after.always(() => under?.close())

  const run = (name: string, check: (t: ExecutionContext, bench: Bench) => Promise<void>) =>
    test.serial(name, (t) => check(t, new Bench(t, under, `t/case-${++cases}` as Space)))
  let cases = 0

  run('a committed value is read at the revision that was answered', async (t, bench) => {
    const before = under.replica.revision()
    const value = Buffer.from([0, 255, 1])
    const revision = await bench.committed([bench.object('a', value)], [bench.absent('a')])
    t.true(revision > before)
    t.is(under.replica.revision() >= revision, true)
    t.deepEqual(plain(under.replica.read(bench.place('a'))), { value: [0, 255, 1], revision })
  })

  run('all writes of a change set have one revision, and an empty value is a value', async (t, bench) => {
    const revision = await bench.committed([bench.object('a'), bench.object('b', new Uint8Array(0)), bench.setting('c')])
    for (const place of [bench.place('a'), bench.place('b'), bench.place('c', 'setting')])
      t.is(under.replica.read(place)?.revision, revision)
    t.is(under.replica.read(bench.place('b'))?.value.length, 0)
  })

  run('a broken guard answers its place, and nothing of the change set is there', async (t, bench) => {
    const first = await bench.committed([bench.object('a')])
    const second = await bench.committed([bench.object('a')])
    for (const [name, guard] of [
      ['is not there', bench.absent('a')],
      ['an earlier revision', bench.at('a', first)],
      ['was there', bench.at('never', second)],
    ] as const) {
      const outcome = await bench.commit([bench.object('b'), bench.object('a')], [bench.at('a', second), guard])
      t.deepEqual(outcome, { outcome: 'conflict', place: guard.place }, name)
      await under.ledger.barrier()
      t.is(under.replica.read(bench.place('b')), undefined, name)
      t.is(under.replica.read(bench.place('a'))?.revision, second, name)
    }
    t.is((await bench.commit([bench.object('a')], [bench.at('a', second)])).outcome, 'committed')
  })

  run('of concurrent change sets on one revision, one wins', async (t, bench) => {
    let revision = await bench.committed([bench.object('a')])
    for (let round = 0; round < 3; round++) {
      const rivals = Array.from({ length: 20 }, (_, n) =>
        bench.commit([bench.object('a'), bench.object(`${round}-${n}`)], [bench.at('a', revision)]),
      )
      const outcomes = await Promise.all(rivals)
      const won = outcomes.filter((each) => each.outcome === 'committed')
      t.is(won.length, 1)
      t.is(outcomes.filter((each) => each.outcome === 'conflict').length, 19)
      await under.ledger.barrier()
      for (const [n, { outcome }] of outcomes.entries())
        t.is(under.replica.read(bench.place(`${round}-${n}`)) !== undefined, outcome === 'committed')
      revision = won[0]?.outcome === 'committed' ? won[0].revision : 0
    }
  })

  run('disjoint concurrent change sets all win, each with a revision that its values show', async (t, bench) => {
    const outcomes = await Promise.all(Array.from({ length: 64 }, (_, n) => bench.commit([bench.object(`${n}`)], [bench.absent(`${n}`)])))
    await under.ledger.barrier()
    for (const [n, outcome] of outcomes.entries())
      t.is(
        outcome.outcome === 'committed' && under.replica.read(bench.place(`${n}`))?.revision,
        outcome.outcome === 'committed' && outcome.revision,
      )
    t.is(under.replica.find(bench.space, [], page()).total, 64)
  })

  run('a unique name is had by one, until it is given back', async (t, bench) => {
    const name = bench.place('the name', 'unique')
    const take = (id: string) => bench.commit([{ place: name, value: Buffer.from(id) }, bench.object(id)], [{ place: name, revision: 0 }])
    const outcomes = await Promise.all(['a', 'b', 'c'].map(take))
    t.deepEqual(outcomes.map(({ outcome }) => outcome).sort(), ['committed', 'conflict', 'conflict'])
    await under.ledger.barrier()
    const held = under.replica.read(name)
    await bench.committed([{ place: name, value: undefined }], [{ place: name, revision: held?.revision ?? 0 }])
    await under.ledger.barrier()
    t.is(under.replica.read(name), undefined)
    t.is((await take('d')).outcome, 'committed')
  })

  run('kinds and spaces are apart, also where names begin alike', async (t, bench) => {
    const near = `${bench.space}-more` as Space
    const term = { attribute: 'color', value: Buffer.from('red') }
    await bench.committed([
      bench.object('a', Buffer.from('object'), [term]),
      bench.setting('a'),
      { place: { space: near, kind: 'object', id: 'a' }, value: Buffer.from('near'), terms: [term] },
      { place: { space: near, kind: 'object', id: 'b' }, value: Buffer.from('near'), terms: [term] },
    ])
    t.is(text(under.replica.read(bench.place('a'))?.value), 'object')
    t.is(text(under.replica.read(bench.place('a', 'setting'))?.value), 'setting a')
    t.is(under.replica.read(bench.place('a', 'unique')), undefined)
    t.is(under.replica.read(bench.place('b')), undefined)
    t.deepEqual(under.replica.find(bench.space, [exactly('color', 'red')], page()), { ids: ['a'], total: 1 })
    t.deepEqual(under.replica.find(bench.space, [], page()), { ids: ['a'], total: 1 })
    t.is(under.replica.find(near, [], page()).total, 2)
    t.deepEqual(
      [...under.replica.list(bench.space, 'object')].map(({ id }) => id),
      ['a'],
    )
  })

  run('lists a kind by identifier', async (t, bench) => {
    await bench.committed(['b', 'a', 'ab', 'é', 'a\0'].map((id) => bench.setting(id)))
    const listed = [...under.replica.list(bench.space, 'setting')]
    t.deepEqual(
      listed.map(({ id, stored }) => [id, text(stored.value)]),
      ['a', 'a\0', 'ab', 'b', 'é'].map((id) => [id, `setting ${id}`]),
    )
  })

  run('finds by terms', async (t, bench) => {
    // Eight objects: `even` or `odd`, a number, one or two labels; the order is their number, but for the last two, which are equal.
    for (let n = 0; n < 8; n++) await bench.committed([numbered(bench, n)])
    for (const [name, matches, ids] of searches) {
      const found = under.replica.find(bench.space, matches, page())
      t.deepEqual(found, { ids: ids.map(String), total: ids.length }, name)
      for (const [offset, limit] of [
        [0, 1],
        [1, 2],
        [0, 0],
        [3, 1],
        [ids.length, 1],
        [100, 10],
      ] as const) {
        const part = under.replica.find(bench.space, matches, { offset, limit })
        t.deepEqual(part, { ids: ids.slice(offset, offset + limit).map(String), total: ids.length }, `${name}, ${limit} from ${offset}`)
      }
    }
    const odd = (stored: { readonly value: Uint8Array }) => Number(text(stored.value)) % 2 === 1
    t.deepEqual(under.replica.find(bench.space, [], { offset: 1, limit: 2 }, odd), { ids: ['5', '3'], total: 4 })
    t.deepEqual(
      under.replica.find(bench.space, [exactly('label', 'b')], page(), (_, id) => id > '4'),
      { ids: ['7', '6', '5'], total: 3 },
    )
  })

  run('the index follows replaced terms, changed orders, tombstones and removals', async (t, bench) => {
    for (let n = 0; n < 4; n++) await bench.committed([numbered(bench, n)])
    const find = (...matches: TermMatch[]) => under.replica.find(bench.space, matches, page())
    await bench.committed([{ ...numbered(bench, 0), terms: [term('parity', 'even'), term('label', 'new')] }])
    t.deepEqual(find(exactly('label', 'new')), { ids: ['0'], total: 1 })
    t.deepEqual(find(exactly('label', 'a')), { ids: ['3', '2', '1'], total: 3 })
    t.deepEqual(find(exactly('parity', 'even')), { ids: ['2', '0'], total: 2 })
    await bench.committed([{ ...numbered(bench, 0), order: 100 }])
    t.deepEqual(find(exactly('parity', 'even')), { ids: ['0', '2'], total: 2 })
    t.is(find(exactly('label', 'new')).total, 0)
    await bench.committed([{ place: bench.place('1'), value: Buffer.from('tombstone'), terms: [], order: 1 }])
    t.deepEqual(find(), { ids: ['0', '3', '2', '1'], total: 4 })
    t.deepEqual(find(exactly('parity', 'odd')), { ids: ['3'], total: 1 })
    await bench.committed([{ place: bench.place('3'), value: undefined }])
    t.deepEqual(find(), { ids: ['0', '2', '1'], total: 3 })
    t.deepEqual(find(exactly('parity', 'odd')), { ids: [], total: 0 })
    t.deepEqual(find(between('number', [0], [255])), { ids: ['0', '2'], total: 2 })
  })

  run('values order bytewise, whatever bytes they hold', async (t, bench) => {
    const values = [
      [],
      [0],
      [0, 0],
      [0, 1],
      [0, 255],
      [1],
      [1, 0],
      [1, 0, 0],
      [1, 255],
      [255],
      [255, 0],
      [255, 255],
      Array<number>(512).fill(0),
    ]
    await bench.committed(
      values.map((value, n) => bench.object(`${n}`, Buffer.from('v'), [{ attribute: 'value', value: Buffer.from(value) }], n)),
    )
    for (const from of values) {
      for (const to of values) {
        const [low, high] = [Buffer.from(from), Buffer.from(to)]
        const expected = values.flatMap((each, n) => {
          const value = Buffer.from(each)
          return Buffer.compare(value, low) >= 0 && Buffer.compare(value, high) <= 0 ? [`${n}`] : []
        })
        const found = under.replica.find(bench.space, [{ attribute: 'value', from: low, to: high }], page())
        t.deepEqual([...found.ids].reverse(), expected, `from ${low.toString('hex')} to ${high.toString('hex')}`)
      }
    }
  })

  run('another process sees after its barrier what was answered here, and the other way round', async (t, bench) => {
    for (let round = 0; round < 20; round++) {
      const revision = await bench.committed([bench.object(`mine-${round}`, Buffer.from('mine'), [term('round', `${round}`)])])
      t.is((await under.other.read(bench.place(`mine-${round}`)))?.revision, revision)
      t.deepEqual(await under.other.find(bench.space, [exactly('round', `${round}`)], page()), { ids: [`mine-${round}`], total: 1 })
      const outcome = await under.other.commit(bench.changes([bench.object(`other-${round}`)], [bench.at(`mine-${round}`, revision)]))
      t.is(outcome.outcome, 'committed')
      await under.ledger.barrier()
      t.is(under.replica.read(bench.place(`other-${round}`))?.revision, outcome.outcome === 'committed' ? outcome.revision : 0)
    }
    t.is((await under.other.commit(bench.changes([bench.object('x')], [bench.absent('mine-0')]))).outcome, 'conflict')
  })

  test.serial('it says no problem while it serves', (t) => {
    t.is(under.ledger.problem(), undefined)
  })
}

/** One case's space and the values in it. */
class Bench {
  readonly #t: ExecutionContext
  readonly #under: LedgerUnderTest
  readonly space: Space

  constructor(t: ExecutionContext, under: LedgerUnderTest, space: Space) {
    this.#t = t
    this.#under = under
    this.space = space
  }

  place(id: string, kind: Place['kind'] = 'object'): Place {
    return { space: this.space, kind, id }
  }

  object(id: string, value: Uint8Array = Buffer.from(id), terms: Write['terms'] = [], order = 0): Write {
    return { place: this.place(id), value, terms, order }
  }

  setting(id: string): Write {
    return { place: this.place(id, 'setting'), value: Buffer.from(`setting ${id}`) }
  }

  at(id: string, revision: number): Guard {
    return { place: this.place(id), revision }
  }

  absent(id: string): Guard {
    return this.at(id, 0)
  }

  changes(writes: readonly Write[], guards: readonly Guard[] = []): ChangeSet {
    return { nonce: randomBytes(16), guards, writes }
  }

  commit(writes: readonly Write[], guards: readonly Guard[] = []): Promise<CommitOutcome> {
    return this.#under.ledger.commit(this.changes(writes, guards))
  }

  /** Commits what must be committed, and shows it. */
  async committed(writes: readonly Write[], guards: readonly Guard[] = []): Promise<number> {
    const outcome = await this.commit(writes, guards)
    await this.#under.ledger.barrier()
    if (outcome.outcome === 'committed') return outcome.revision
    this.#t.fail(`the commit ended as ${JSON.stringify(outcome)}`)
    return 0
  }
}

function numbered(bench: Bench, n: number): Write {
  const labels = n < 4 ? ['a'] : n < 6 ? ['a', 'b'] : ['b', 'c']
  const terms = [
    term('parity', n % 2 === 0 ? 'even' : 'odd'),
    { attribute: 'number', value: Buffer.of(n) },
    ...labels.map((each) => term('label', each)),
  ]
  return bench.object(`${n}`, Buffer.from(`${n}`), [...terms, term('any', 'all')], Math.min(n, 6))
}

/** What is searched among the eight, and what is found, the newest first. */
const searches: readonly (readonly [string, readonly TermMatch[], readonly number[]])[] = [
  ['without conditions', [], [7, 6, 5, 4, 3, 2, 1, 0]],
  ['a term that all have', [exactly('any', 'all')], [7, 6, 5, 4, 3, 2, 1, 0]],
  ['one term', [exactly('parity', 'even')], [6, 4, 2, 0]],
  ['an unknown value', [exactly('parity', 'neither')], []],
  ['an unknown attribute', [exactly('shape', 'even')], []],
  ['a value that begins like another', [exactly('parity', 'eve')], []],
  ['two terms', [exactly('parity', 'odd'), exactly('label', 'b')], [7, 5]],
  ['two values of one attribute', [exactly('label', 'a'), exactly('label', 'b')], [5, 4]],
  ['terms that no object has together', [exactly('label', 'a'), exactly('label', 'c')], []],
  ['a term beside the one that all have', [exactly('any', 'all'), exactly('label', 'c')], [7, 6]],
  ['a range', [between('number', [2], [5])], [5, 4, 3, 2]],
  ['a range of which objects have several values', [between('label', [0x61], [0x62])], [7, 6, 5, 4, 3, 2, 1, 0]],
  ['a range without a value in it', [between('number', [100], [200])], []],
  ['a range whose end is before its beginning', [between('number', [5], [2])], []],
  ['a range and a term', [between('number', [1], [6]), exactly('parity', 'odd')], [5, 3, 1]],
  ['a wide range and a rare term', [between('number', [0], [255]), exactly('label', 'c')], [7, 6]],
  ['two ranges', [between('number', [3], [255]), between('label', [0x62], [0x63])], [7, 6, 5, 4]],
]

function term(attribute: string, value: string) {
  return { attribute, value: Buffer.from(value) }
}

function exactly(attribute: string, value: string): TermMatch {
  return { attribute, from: Buffer.from(value), to: Buffer.from(value) }
}

function between(attribute: string, from: readonly number[], to: readonly number[]): TermMatch {
  return { attribute, from: Buffer.from(from), to: Buffer.from(to) }
}

function page() {
  return { offset: 0, limit: 1000 }
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('utf8')
}

function plain(stored: { readonly value: Uint8Array; readonly revision: number } | undefined) {
  return stored && { value: [...stored.value], revision: stored.revision }
}
