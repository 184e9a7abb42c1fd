import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { bringForward, type EtcdClient, Keys, openEtcdLedger } from '../../src/cluster/index.ts'
import { openStoppedReplica, ReplicaWriter, type StoppedReplica } from '../../src/store/index.ts'
import { changeSet, objectChange, objectPlace, testSpace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster, untilHealthy } from '../support/etcd-cluster.ts'

const keys = new Keys()
const unique = { space: testSpace, kind: 'unique', id: 'taken' } as const
const order = (place: { readonly id: string }) => ({
  place: objectPlace(place.id),
  terms: [{ attribute: 'name', value: Buffer.from('x') }],
  order: 5,
})

let cluster: EtcdCluster
let client: EtcdClient
let folder: string
let old: string

/** The etcd data as they were: the copy of a member that did not note the last decisions. */
async function setBack(): Promise<void> {
  await cluster.kill(0)
  await rm(join(cluster.folder, 'n1'), { recursive: true })
  await cp(old, join(cluster.folder, 'n1'), { recursive: true })
  await cluster.revive(0)
  await untilHealthy(cluster.members[0]!)
}

test.before(async () => {
  cluster = await startEtcdCluster(1)
  client = cluster.client()
  folder = await mkdtemp(join(tmpdir(), 'tresor-forward-'))
  old = join(folder, 'old')
  const writer = new ReplicaWriter(join(folder, 'store'))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: 'n1', replica: writer })
  await ledger.commit(objectChange('kept', 'v', 0))
  await ledger.commit(objectChange('changed', 'before', 0))
  await ledger.commit(changeSet([{ place: unique, value: Buffer.from('v') }]))
  await ledger.barrier()
  await cluster.kill(0)
  await cp(join(cluster.folder, 'n1'), old, { recursive: true })
  await cluster.revive(0)
  await untilHealthy(cluster.members[0]!)
  await ledger.commit(objectChange('changed', 'after'))
  await ledger.commit(changeSet([{ place: unique, value: undefined }]))
  await ledger.commit(
    changeSet([
      { ...order({ id: 'new' }), value: Buffer.from('v') },
      { ...order({ id: 'beside' }), value: Buffer.from('v') },
    ]),
  )
  await ledger.barrier()
  await ledger.close()
  await writer.close()
})
test.after.always(async () => {
  await cluster?.close()
  await rm(folder, { recursive: true, force: true })
})

async function withReplica<T>(t: ExecutionContext, work: (replica: StoppedReplica) => Promise<T>, store = 'store'): Promise<T> {
  const replica = openStoppedReplica(join(folder, store))
  if (replica === undefined) return t.fail('there is no replica') as never
  try {
    return await work(replica)
  } finally {
    await replica.close()
  }
}

test.serial('what a replica shows beyond the etcd beside it comes into it: written, changed and removed', async (t) => {
  await setBack()
  const brought = await withReplica(t, (replica) => bringForward(client, keys, replica, (why) => t.fail(why)))
  t.like(brought, { written: 3, removed: 1 })
  t.true(brought!.from < brought!.to)

  const writer = new ReplicaWriter(join(folder, 'again'))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: 'n1', replica: writer })
  await ledger.barrier()
  const text = (id: string) => writer.replica.read(objectPlace(id))?.value.toString()
  t.deepEqual(['kept', 'changed', 'new', 'beside'].map(text), ['v', 'after', 'v', 'v'])
  t.is(writer.replica.read(unique), undefined)
  const match = [{ attribute: 'name', from: Buffer.from('x'), to: Buffer.from('x') }]
  t.is(writer.replica.find(testSpace, match, { offset: 0, limit: 9 }).total, 2)
  await ledger.close()
  await writer.close()
})

test.serial('a replica that is not ahead, or does not continue this history, changes nothing, and it is said why', async (t) => {
  await setBack()
  const put = (id: string, value = 'other') =>
    client.put({ key: keys.of(objectPlace(id)), value: Buffer.from(value.padEnd(40)) }, { deadline: 20_000 })
  const said: string[] = []
  const attempt = (store?: string) => withReplica(t, (replica) => bringForward(client, keys, replica, (why) => said.push(why)), store)
  await put('kept')
  t.is(await attempt(), undefined)
  t.regex(said.pop() ?? '', /differs from etcd's copy in what both should have: its object "(kept|changed)"/)
  await setBack()
  await cp(join(folder, 'store'), join(folder, 'stray'), { recursive: true })
  const writer = new ReplicaWriter(join(folder, 'stray'))
  const stray = { place: objectPlace('stray'), value: Buffer.from('v') }
  await writer.apply([
    { revision: 1, writes: [stray] },
    { revision: writer.revision(), writes: [] },
  ])
  await writer.close()
  t.is(await attempt('stray'), undefined)
  t.regex(said.pop() ?? '', /values from before etcd's copy that etcd does not have/)
  for (let revision = 0; revision < 10; revision++) await put('further')
  t.is(await attempt(), undefined)
  t.deepEqual(said, [], 'an etcd that is not behind needs no replica')

  const other = await startEtcdCluster(1)
  t.teardown(() => other.close())
  t.is(await withReplica(t, (replica) => bringForward(other.client(), keys, replica, (why) => said.push(why))), undefined)
  t.deepEqual(said, ['it is of another cluster'])
})
