import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type EtcdLedger, openEtcdLedger } from '../../src/cluster/index.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { type Place, ReplicaWriter, systemSpace, type Write } from '../../src/store/index.ts'
import { counterKey, headKey, indexKey, valueKey } from '../../src/store/keys.ts'
import { decodeEntry, encodeCount, encodeEntry } from '../../src/store/stored-entry.ts'
import { changeSet, objectChange, objectPlace, testSpace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'
import { differingKeys, dumpReplica } from '../support/replica-dump.ts'

let cluster: EtcdCluster
let good: ReadonlyMap<string, string>

test.before(async () => {
  cluster = await startEtcdCluster(1)
  const { ledger, close } = open('good')
  const writes: Write[] = Array.from({ length: 60 }, (_, n) => ({
    place: objectPlace(`${n}`),
    value: Buffer.from(`value ${n}`),
    terms: [red],
    order: n,
  }))
  await ledger.barrier()
  await ledger.commit(changeSet(writes))
  await ledger.commit(
    changeSet([
      { place: name, value: Buffer.from('0') },
      { place: setting, value: Buffer.from('setting') },
    ]),
  )
  await ledger.barrier()
  await close()
  good = await dumpReplica(folder('good'))
})
test.after.always(() => cluster?.close())

const red = { attribute: 'color', value: Buffer.from('red') }
const blue = { attribute: 'color', value: Buffer.from('blue') }
const name: Place = { space: testSpace, kind: 'unique', id: 'name' }
const setting: Place = { space: systemSpace, kind: 'setting', id: 'rule/one' }
const seventh = objectPlace('7')
const folder = (of: string) => join(cluster.folder, 'replicas', of)

function open(
  of: string,
  said: string[] = [],
  rest = 20,
): { readonly ledger: EtcdLedger; readonly writer: ReplicaWriter; close(): Promise<void> } {
  const writer = new ReplicaWriter(folder(of))
  const ledger = openEtcdLedger({
    endpoints: cluster.endpoints,
    tls: cluster.tls,
    node: of,
    replica: writer,
    check: { perSecond: 100_000, rest },
    log: (_level, message) => said.push(message),
  })
  return {
    ledger,
    writer,
    async close() {
      await ledger.close()
      await writer.close()
    },
  }
}

async function rounds(ledger: EtcdLedger, count: number): Promise<void> {
  const made = () => ledger.counters().replica_check_rounds_total as number
  const wanted = made() + count
  while (made() < wanted) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** The seventh object's entry, changed. */
function changed(database: Database, change: Partial<ReturnType<typeof decodeEntry>>): void {
  const key = valueKey(seventh)
  database.putSync(key, encodeEntry({ ...decodeEntry(Buffer.from(database.getBinary(key) as Buffer)), ...change }))
}

function entryKey(database: Database, term: typeof red): Buffer {
  const { order, revision } = decodeEntry(Buffer.from(database.getBinary(valueKey(seventh)) as Buffer))
  return indexKey(testSpace, term, order, revision, seventh.id)
}

for (const [what, where, plant] of [
  ['a changed value', /object "7" of t\/test/, (database) => changed(database, { value: Buffer.from('forged') })],
  ['another revision', /object "7"/, (database) => changed(database, { revision: 1 })],
  ['a revision from beyond', /object "7"/, (database) => changed(database, { revision: 1e12 })],
  ['another nonce', /object "7"/, (database) => changed(database, { nonce: Buffer.alloc(16, 7) })],
  ['another order', /object "7"/, (database) => changed(database, { order: 99 })],
  ['other terms', /object "7"/, (database) => changed(database, { terms: [blue] })],
  ['bytes that mean nothing', /object "7"/, (database) => void database.putSync(valueKey(seventh), Buffer.from('?'))],
  ['a missing value', /object "7"/, (database) => void database.removeSync(valueKey(seventh))],
  ['a missing name', /unique "name"/, (database) => void database.removeSync(valueKey(name))],
  ['a missing setting', /setting "rule\/one"/, (database) => void database.removeSync(valueKey(setting))],
  [
    'a value of its own',
    /object "extra"/,
    (database) =>
      void database.putSync(valueKey(objectPlace('extra')), encodeEntry({ revision: 2, order: 0, terms: [], value: Buffer.from('v') })),
  ],
  [
    'a value in a space of its own',
    /object "extra" of t\/elsewhere/,
    (database) => {
      const place = { ...objectPlace('extra'), space: 't/elsewhere' as typeof testSpace }
      database.putSync(valueKey(place), encodeEntry({ revision: 2, order: 0, terms: [], value: Buffer.from('v') }))
    },
  ],
  ['an index entry too few', /keys of its index/, (database) => void database.removeSync(entryKey(database, red))],
  ['an index entry too many', /keys of its index/, (database) => void database.putSync(entryKey(database, blue), Buffer.alloc(0))],
  ['an index entry that means nothing', /keys of its index/, (database) => void database.putSync(Buffer.from('\u0003?'), Buffer.alloc(0))],
  ['a wrong counter', /keys of its index/, (database) => void database.putSync(counterKey(testSpace, red), encodeCount(3))],
  ['a counter too few', /keys of its index/, (database) => void database.removeSync(counterKey(testSpace, red))],
  ['a counter too many', /keys of its index/, (database) => void database.putSync(counterKey(testSpace, blue), encodeCount(1))],
] as const satisfies readonly (readonly [string, RegExp, (database: Database) => void])[]) {
  test.serial(`found and mended: ${what}`, async (t) => {
    const of = what.replaceAll(' ', '-')
    await cp(folder('good'), folder(of), { recursive: true })
    const database = openDatabase(folder(of), 'rebuildable')
    plant(database)
    await database.close()
    t.not(differingKeys(good, await dumpReplica(folder(of))).length, 0)
    const said: string[] = []
    const { ledger, close } = open(of, said)
    await rounds(ledger, 2)
    t.true((ledger.counters().replica_differences_total as number) > 0)
    t.regex(said.join('\n'), where)
    t.notRegex(said.join('\n'), /forged|value 7/)
    t.regex(ledger.notices().join('\n'), /the replica differed from the cluster in/)
    t.is(ledger.problem(), undefined)
    await close()
    const head = headKey.toString('hex')
    t.deepEqual(
      differingKeys(good, await dumpReplica(folder(of))).filter((key) => key !== head),
      [],
    )
  })
}

test.serial('one place is mended when it is asked for, and only if it is wrong', async (t) => {
  await cp(folder('good'), folder('asked'), { recursive: true })
  const { ledger, writer, close } = open('asked', [], 600_000)
  t.teardown(close)
  await rounds(ledger, 1)
  t.false(await ledger.mend(seventh))
  const database = openDatabase(folder('asked'), 'rebuildable')
  changed(database, { value: Buffer.from('forged') })
  await database.close()
  const value = async () => {
    await ledger.barrier()
    return Buffer.from(writer.replica.read(seventh)?.value ?? []).toString()
  }
  t.is(await value(), 'forged')
  t.true(await ledger.mend(seventh))
  t.is(await value(), 'value 7')
})

test.serial('nothing is found while many write, remove and make', async (t) => {
  const said: string[] = []
  const { ledger, close } = open('busy', said)
  await ledger.barrier()
  let over = false
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let n = 0; !over; n++) {
      const id = `busy-${writer}-${n % 20}`
      await ledger.commit(objectChange(id, `${n}`))
      if (n % 3 === 0) await ledger.commit(changeSet([{ place: objectPlace(id), value: undefined }]))
    }
  })
  await rounds(ledger, 8)
  over = true
  await Promise.all(writers)
  t.is(ledger.counters().replica_differences_total, 0, said.join('\n'))
  t.deepEqual(ledger.notices(), [])
  await close()
})
