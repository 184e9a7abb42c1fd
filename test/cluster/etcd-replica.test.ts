import { join } from 'node:path'
import test from 'ava'
import { type EtcdLedger, openEtcdLedger } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { ReplicaWriter, type TermMatch } from '../../src/store/index.ts'
import { changeSet, objectPlace, testSpace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'

let cluster: EtcdCluster
test.before(async () => {
  cluster = await startEtcdCluster(1)
})
test.after.always(() => cluster?.close())

let opened = 0
function open(folder: string): { writer: ReplicaWriter; ledger: EtcdLedger; close(): Promise<void> } {
  const writer = new ReplicaWriter(join(cluster.folder, folder))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: `replica-${opened++}`, replica: writer })
  return {
    writer,
    ledger,
    async close() {
      await ledger.close()
      await writer.close()
    },
  }
}

const named = (name: string): TermMatch[] => [{ attribute: 'name', from: Buffer.from(name), to: Buffer.from(name) }]
const firstTen = { offset: 0, limit: 10 }

test.serial('what travels through etcd is found by its terms, in its order, on a node that watches and on one that copies', async (t) => {
  const watching = open('watching')
  await watching.ledger.barrier()
  for (let group = 0; group < 30; group++) {
    const writes = Array.from({ length: 100 }, (_, index) => ({
      place: objectPlace(`${group}-${index}`),
      value: Buffer.from(`value ${group}-${index}`),
      terms: [{ attribute: 'name', value: Buffer.from(index === 7 ? 'seven' : `${group}-${index}`) }],
      order: group,
    }))
    t.is((await watching.ledger.commit(changeSet(writes))).outcome, 'committed')
  }
  await watching.ledger.barrier()
  const copying = open('copying')
  while (copying.ledger.problem() !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  await copying.ledger.barrier()
  for (const { writer } of [watching, copying]) {
    writer.replica.renew()
    const found = writer.replica.find(testSpace, named('seven'), firstTen)
    t.is(found.total, 30)
    t.deepEqual(
      found.ids,
      Array.from({ length: 10 }, (_, index) => `${29 - index}-7`),
    )
    t.is(writer.replica.find(testSpace, [], firstTen).total, 3000)
    t.is(Buffer.from(writer.replica.read(objectPlace('4-2'))!.value).toString(), 'value 4-2')
  }
  t.is(copying.writer.replica.read(objectPlace('4-2'))!.revision, watching.writer.replica.read(objectPlace('4-2'))!.revision)
  t.is(copying.writer.revision(), watching.writer.revision())
  await copying.close()
  await watching.close()
})

test.serial('a replica goes on from the revision it has stored', async (t) => {
  const other = open('other')
  await other.ledger.barrier()
  const returning = open('watching')
  const before = returning.writer.revision()
  t.true(before > 0)
  t.is((await other.ledger.commit(changeSet([{ place: objectPlace('later'), value: Buffer.from('x') }]))).outcome, 'committed')
  await returning.ledger.barrier()
  returning.writer.replica.renew()
  t.truthy(returning.writer.replica.read(objectPlace('later')))
  t.true(returning.writer.revision() > before)
  await returning.close()
  await other.close()
})

test.serial(
  "while nothing changes the replica goes along with the nodes' clocks, and needs no snapshot when it comes back after a compaction",
  async (t) => {
    const keys = new Keys()
    const quiet = open('quiet')
    await quiet.ledger.barrier()
    const client = cluster.client()
    let revision = 0
    for (let stamp = 0; stamp < 3; stamp++)
      revision = Number((await client.put({ key: keys.time('other'), value: Buffer.from('{}') }, { deadline: 20_000 })).header.revision)
    for (const end = performance.now() + 60_000; quiet.ledger.reached < revision; await new Promise((resolve) => setTimeout(resolve, 20)))
      if (performance.now() > end) throw new Error(`in a minute the replica did not reach revision ${revision}`)
    await quiet.close()
    await client.compact(revision, { deadline: 20_000 })
    const returning = open('quiet')
    await returning.ledger.barrier()
    t.is(returning.ledger.counters().replica_snapshots_total, 0)
    await returning.close()
  },
)
