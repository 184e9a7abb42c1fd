import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  backUp,
  backupSource,
  checkSeed,
  type EtcdClient,
  Keys,
  openBackup,
  openEtcdLedger,
  seed,
  storeSource,
} from '../../src/cluster/index.ts'
import { openEmbeddedLedger, openMovingStore, ReplicaWriter, type Write } from '../../src/store/index.ts'
import { changeSet, objectPlace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'

let folder: string
let cluster: EtcdCluster
let client: EtcdClient
const values = 700
const term = (value: string) => ({ attribute: 'name', value: Buffer.from(value) })

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-seed-'))
  cluster = await startEtcdCluster(1)
  client = cluster.client()
  const { ledger } = openEmbeddedLedger({ directory: join(folder, 'store') })
  const places = [...Array(values).keys()]
  // The later ones are first in the order of keys: what was written last of one order must stay the first that is found.
  await Promise.all(
    places.map((n) => {
      const write: Write = {
        place: objectPlace(`object-${9999 - n}`),
        value: randomBytes(3000),
        terms: [term('all')],
        order: n < 10 ? 7 : n,
      }
      return ledger.commit(changeSet([write]))
    }),
  )
  await ledger.close()
})
test.after.always(async () => {
  await cluster.close()
  await rm(folder, { recursive: true, force: true })
})

/** A client whose transactions reach etcd, but for one its answer is lost, and with a later one the process ends. */
function failing(ends: number): EtcdClient {
  let sent = 0
  return new Proxy(client, {
    get: (target, name) => {
      if (name !== 'txn') return Reflect.get(target, name).bind(target)
      return async (...call: Parameters<EtcdClient['txn']>) => {
        sent++
        if (sent === ends) throw new Error('killed')
        const answer = await target.txn(...call)
        if (sent === 1) throw Object.assign(new Error('lost'), { code: 4 })
        return answer
      }
    },
  })
}

test.serial('a store is brought into an etcd, over a lost answer and after a kill, and found there in its order', async (t) => {
  const keys = new Keys('seeded/')
  const store = openMovingStore(join(folder, 'store'))
  t.is(store.total, values)
  const source = storeSource(keys, 'one', store)
  t.true((await checkSeed(source)) > values * 3000)
  await t.throwsAsync(seed(failing(3), keys, source), { message: /killed/ })
  const { count } = await client.range({ key: keys.data, rangeEnd: keys.dataEnd, limit: 1 }, { deadline: 20_000 })
  t.true(Number(count) > 0 && Number(count) < values)
  await t.throwsAsync(seed(client, keys, { ...source, id: 'two' }), { message: /was being given other data/ })
  const told: number[] = []
  await seed(client, keys, source, (step, done) => step === 'bring' && told.push(done))
  t.is(told.at(-1), values)
  await seed(client, keys, source)

  const writer = new ReplicaWriter(join(folder, 'replica'))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: 'n1', replica: writer, prefix: 'seeded/' })
  await ledger.barrier()
  await store.close()
  t.throws(() => openEmbeddedLedger({ directory: join(folder, 'store') }), { message: /on their way into a cluster/ })
  const { space } = objectPlace('x')
  const match = [{ attribute: 'name', from: Buffer.from('all'), to: Buffer.from('all') }]
  const found = writer.replica.find(space, match, { offset: 0, limit: values })
  t.is(found.total, values)
  const byOrder = [...Array(values - 10).keys()].map((n) => values - 1 - n)
  t.deepEqual(
    found.ids,
    [...byOrder, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => `object-${9999 - n}`),
  )
  await ledger.close()
  await writer.close()
  t.throws(() => openEmbeddedLedger({ directory: join(folder, 'replica') }), { message: /have moved on/ })
})

test.serial('a replica is not made over a store that stood alone', async (t) => {
  const directory = join(folder, 'alone')
  const { ledger } = openEmbeddedLedger({ directory })
  await ledger.commit(changeSet([{ place: objectPlace('kept'), value: Buffer.from('v') }]))
  await ledger.close()
  t.throws(() => new ReplicaWriter(directory), { message: /holds the keys of a node that stands alone/ })
  const again = openEmbeddedLedger({ directory })
  t.is(Buffer.from(again.replica.read(objectPlace('kept'))!.value).toString(), 'v')
  await again.ledger.close()
})

test.serial('a backup is one revision, whole, for its owner alone, and gives another cluster the same', async (t) => {
  const keys = new Keys('seeded/')
  const path = join(folder, 'backup')
  const about = { node: 'n1', secrets: { 'root.key': 'aa' } }
  const { revision } = await backUp(client, keys, path, about)
  t.is((await stat(path)).mode & 0o777, 0o600)
  await t.throwsAsync(backUp(client, keys, path, about), { message: /there already, and a backup replaces nothing/ })
  const backup = openBackup(path)
  t.like(backup.header, { formatVersion: 1, node: 'n1', revision, secrets: { 'root.key': 'aa' } })
  t.is(backup.total, values)
  const others = new Keys('restored/')
  await seed(client, others, backupSource(others, backup))
  backup.close()
  const all = async ({ data, dataEnd }: Keys) => {
    const { kvs } = await client.range({ key: data, rangeEnd: dataEnd }, { deadline: 20_000 })
    return kvs.map(({ key, value }) => [key.subarray(data.length).toString('latin1'), value.toString('base64')])
  }
  t.deepEqual(await all(others), await all(keys))

  const bytes = await readFile(path)
  const damaged = join(folder, 'damaged')
  for (const [altered, problem] of [
    [bytes.subarray(0, -1), /ends too early/],
    [Buffer.concat([bytes, Buffer.of(0)]), /more or less than it says/],
    [flipped(bytes, bytes.length >> 1), /altered|too early|more or less/],
    [flipped(bytes, 0), /does not begin as a backup/],
    [Buffer.from(bytes.toString('latin1').replace('"formatVersion":1', '"formatVersion":2'), 'latin1'), /with a newer one/],
  ] as const) {
    await writeFile(damaged, altered)
    t.throws(() => openBackup(damaged), { message: problem })
  }
})

test.serial('a backup whose revision etcd forgets meanwhile is begun anew; one that never comes to its end says so', async (t) => {
  const keys = new Keys('seeded/')
  const about = { node: 'n1', secrets: {} }
  /** A client whose etcd forgets all but the newest revision before each of the first so many pages at an older one. */
  const forgetful = (times: number): EtcdClient =>
    new Proxy(client, {
      get: (target, name) => {
        if (name !== 'range') return Reflect.get(target, name).bind(target)
        return async (...call: Parameters<EtcdClient['range']>) => {
          if ((call[0].revision ?? 0) > 0 && times-- > 0) {
            const { header } = await target.put({ key: keys.head, value: Buffer.of(1) }, { deadline: 20_000 })
            await target.compact(Number(header.revision), { deadline: 20_000 })
          }
          return await target.range(...call)
        }
      },
    })
  const { kvs } = await client.range({ key: keys.head, limit: 1 }, { deadline: 20_000 })
  const { revision, values: written } = await backUp(forgetful(2), keys, join(folder, 'third'), about)
  t.is(written, values)
  t.true(revision > Number(kvs[0]!.modRevision))
  await t.throwsAsync(backUp(forgetful(9), keys, join(folder, 'never'), about), { message: /forgot the revision of the backup.*3 times/ })
  t.false(existsSync(join(folder, 'never')))
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
