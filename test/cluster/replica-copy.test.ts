import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type EtcdLedger, openEtcdLedger } from '../../src/cluster/index.ts'
import { type Place, ReplicaWriter, type Space, systemSpace, type Write } from '../../src/store/index.ts'
import { changeSet, objectPlace, testSpace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'
import { differingKeys, dumpReplica } from '../support/replica-dump.ts'

let cluster: EtcdCluster
/** A replica that has followed the whole history. */
let current: Node
/** A folder with the replica as it was before all that was compacted. */
let absent: string

test.before(async () => {
  cluster = await startEtcdCluster(1)
  current = open('current')
  await current.ledger.barrier()
  await commitAll(before())
  await current.ledger.barrier()
  await current.close()
  absent = folder('current')
  await cp(absent, folder('absent'), { recursive: true })
  absent = folder('absent')
  current = open('current')
  await current.ledger.barrier()
  await commitAll(after())
  await current.ledger.barrier()
  await cluster.client().compact(current.writer.revision(), { deadline: 20_000 })
})
test.after.always(async () => {
  await current?.close()
  await cluster?.close()
})

interface Node {
  readonly writer: ReplicaWriter
  readonly ledger: EtcdLedger
  close(): Promise<void>
}

const folder = (name: string) => join(cluster.folder, 'replicas', name)

function open(name: string, node = name): Node {
  const writer = new ReplicaWriter(folder(name))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node, replica: writer })
  return {
    writer,
    ledger,
    async close() {
      await ledger.close()
      await writer.close()
    },
  }
}

async function commitAll(writes: readonly Write[]): Promise<void> {
  for (let at = 0; at < writes.length; at += 100) await current.ledger.commit(changeSet(writes.slice(at, at + 100)))
}

const objects = 1800
const other = 't/other-tenant' as Space
const gone = 't/gone' as Space
const term = (attribute: string, value: string) => ({ attribute, value: Buffer.from(value) })
const unique = (id: string): Place => ({ space: testSpace, kind: 'unique', id })
const setting = (id: string): Place => ({ space: systemSpace, kind: 'setting', id })

/** Objects of which every third will stay as it is, every third be changed, every third be removed; names, settings, a second and a third space. */
function before(): Write[] {
  const writes: Write[] = []
  for (let n = 0; n < objects; n++)
    writes.push({
      place: objectPlace(`object-${n}`),
      value: Buffer.from(`before ${n}`),
      terms: [term('third', `${n % 3}`), term('all', 'x')],
      order: n,
    })
  for (let n = 0; n < 50; n++) writes.push({ place: unique(`name-${n}`), value: Buffer.from(`object-${n}`) })
  for (let n = 0; n < 50; n++) writes.push({ place: setting(`rule/${n}`), value: Buffer.from('before') })
  for (let n = 0; n < 20; n++)
    for (const space of [other, gone])
      writes.push({ place: { space, kind: 'object', id: `${n}` }, value: Buffer.from('v'), terms: [term('all', 'x')] })
  return writes
}

function after(): Write[] {
  const writes: Write[] = []
  for (let n = 0; n < objects; n++) {
    const place = objectPlace(`object-${n}`)
    // A tombstone is of another term than the living.
    if (n % 3 === 1) writes.push({ place, value: Buffer.from(`after ${n}`), terms: [term('destroyed', 'x')], order: n })
    if (n % 3 === 2) writes.push({ place, value: undefined })
  }
  for (let n = 0; n < 50; n++)
    writes.push(
      n % 2 === 0 ? { place: unique(`name-${n}`), value: undefined } : { place: unique(`name-${n}`), value: Buffer.from('another') },
    )
  for (let n = 0; n < 50; n++) writes.push({ place: setting(`rule/${n}`), value: n % 2 === 0 ? Buffer.from('after') : undefined })
  for (let n = 0; n < 20; n++) writes.push({ place: { space: gone, kind: 'object', id: `${n}` }, value: undefined })
  for (let n = 0; n < 700; n++)
    writes.push({ place: { space: 't/new' as Space, kind: 'object', id: `${n}` }, value: Buffer.from('v'), terms: [term('all', 'x')] })
  return writes
}

async function isExact(t: ExecutionContext, name: string): Promise<void> {
  const fresh = open(`fresh-${name}`)
  await untilPassed(fresh)
  await fresh.close()
  t.deepEqual(differingKeys(await dumpReplica(folder(name)), await dumpReplica(folder(`fresh-${name}`))), [])
}

async function untilPassed({ ledger }: Node): Promise<void> {
  while (
    !(await ledger.barrier().then(
      () => true,
      () => false,
    ))
  );
}

test.serial('while a snapshot is copied over a replica, no place is missing that was there and is there; then it is exact', async (t) => {
  await cp(absent, folder('read'), { recursive: true })
  const returning = open('read')
  const stays = Array.from({ length: objects }, (_, n) => n).filter((n) => n % 3 !== 2)
  let copied = false
  let looks = 0
  const missing: number[] = []
  const odd: string[] = []
  const seen = new Set<string>()
  const reading = (async () => {
    while (!copied) {
      await new Promise((resolve) => setImmediate(resolve))
      returning.writer.replica.renew()
      for (let n = looks % 7; n < stays.length; n += 7) {
        const number = stays[n] as number
        const value = returning.writer.replica.read(objectPlace(`object-${number}`))?.value
        const text = value === undefined ? undefined : Buffer.from(value).toString()
        if (text === undefined) missing.push(number)
        else if (text !== `before ${number}` && (text !== `after ${number}` || number % 3 !== 1)) odd.push(text)
        else seen.add(text.split(' ')[0] as string)
      }
      looks++
    }
  })()
  await untilPassed(returning)
  copied = true
  await reading
  t.deepEqual([missing, odd], [[], []])
  t.deepEqual([...seen].sort(), ['after', 'before'], 'it was read before and after')
  t.true(looks > 7)
  const count = (space: Space, attribute: string, text: string) => {
    const value = Buffer.from(text)
    return returning.writer.replica.find(space, [{ attribute, from: value, to: value }], { offset: 0, limit: 1 }).total
  }
  const third = objects / 3
  t.deepEqual([count(testSpace, 'third', '0'), count(testSpace, 'third', '1'), count(testSpace, 'destroyed', 'x')], [third, 0, third])
  t.deepEqual([count(gone, 'all', 'x'), count(other, 'all', 'x')], [0, 20])
  await returning.close()
  await isExact(t, 'read')
})

test.serial('a copy that was killed is begun anew, and no barrier passes before it is whole', async (t) => {
  await cp(absent, folder('killed'), { recursive: true })
  const script = fileURLToPath(new URL('../support/copying-child.js', import.meta.url))
  const child = fork(script, [JSON.stringify({ endpoints: cluster.endpoints, tls: cluster.tls, directory: folder('killed') })])
  for (let page = 0; page < 2; page++) await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = open('killed')
  const replica = () => again.writer.replica.read(objectPlace('object-1798'))?.value
  t.is(Buffer.from(replica() ?? []).toString(), 'before 1798', 'it was killed in the middle')
  await untilPassed(again)
  t.is(Buffer.from(replica() ?? []).toString(), 'after 1798')
  await again.close()
  await isExact(t, 'killed')
})

test.serial('a replica of another cluster takes this one’s history, though it is behind it', async (t) => {
  await cp(folder('read'), folder('foreign'), { recursive: true })
  const writer = new ReplicaWriter(folder('foreign'))
  const place: Place = { space: systemSpace, kind: 'setting', id: 'replica-is-of-cluster' }
  const writes = [
    { place, value: Buffer.from('another') },
    { place: objectPlace('of another history'), value: Buffer.from('v'), terms: [term('all', 'x')] },
  ]
  await writer.apply([{ revision: writer.revision(), writes }])
  await writer.close()
  const returning = open('foreign')
  await untilPassed(returning)
  t.is(returning.writer.replica.read(objectPlace('of another history')), undefined)
  await returning.close()
  await isExact(t, 'foreign')
})

test.serial('a replica that is ahead of the cluster takes the cluster’s history, places of its own removed', async (t) => {
  await cp(absent, folder('ahead'), { recursive: true })
  const writer = new ReplicaWriter(folder('ahead'))
  const writes = [{ place: objectPlace('of another history'), value: Buffer.from('v'), terms: [term('all', 'x')] }]
  await writer.apply([{ revision: 1_000_000_000, writes }])
  await writer.close()
  const returning = open('ahead')
  await untilPassed(returning)
  t.is(returning.writer.replica.read(objectPlace('of another history')), undefined)
  await returning.close()
  await isExact(t, 'ahead')
})
