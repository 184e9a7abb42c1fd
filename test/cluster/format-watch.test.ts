import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { FormatWatch, nodeRecords, refuseNewerFormat } from '../../src/cluster/format-watch.ts'
import { type EtcdClient, type EtcdLedger, Keys, openEtcdLedger } from '../../src/cluster/index.ts'
import { encodeStored } from '../../src/cluster/stored-value.ts'
import { connectLedger, encodeRecord, formatOf, newestFormat, ReplicaWriter, serveLedger } from '../../src/store/index.ts'
import { objectChange, objectPlace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

let cluster: EtcdCluster
let client: EtcdClient
test.before(async () => {
  cluster = await startEtcdCluster(1)
  client = cluster.client()
})
test.after.always(() => cluster?.close())

const newer = newestFormat + 1
const deadline = { deadline: 20_000 }
const plant = (key: Uint8Array, value: string | Uint8Array) => client.put({ key, value: Buffer.from(value as string) }, deadline)
const tells = (keys: Keys, node: string, format: number) => plant(keys.node(node), JSON.stringify({ format, version: '9.9.9' }))

/** A node that reads up to a format, and what it was told. */
function watching(keys: Keys, newest: number) {
  const told: { written: number; left: string | undefined } = { written: 0, left: undefined }
  const ledger = { mayWrite: (format: number) => (told.written = format), leave: (why: string) => (told.left = why) }
  const watch = new FormatWatch({ client, keys, node: 'here', version: '1.2.3', quota: 5, ledger, newest, interval: 10 })
  return { told, close: () => watch.close() }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come about in a minute')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function open(prefix: string, node: string, words: string[] = []): EtcdLedger {
  const log = (_level: string, message: string) => words.push(message)
  return openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node, replica: memoryReplica(), prefix, log })
}

test('beside an older node the older format is written, and the newer one once that was upgraded', async (t) => {
  const keys = new Keys('older/')
  await tells(keys, 'other', newestFormat)
  const { told, close } = watching(keys, newer)
  await until(() => told.written > 0)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.is(told.written, newestFormat)
  t.deepEqual((await nodeRecords(client, keys)).get('here'), { version: '1.2.3', format: newer, quota: 5 })
  await tells(keys, 'other', newer)
  await until(() => told.written === newer)
  // A node of the older format that comes now cannot make it sink.
  await tells(keys, 'other', newestFormat)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.is(told.written, newer)
  await close()
})

test('beside a newer node the own format is written, and none that is not known here', async (t) => {
  const keys = new Keys('newer/')
  await tells(keys, 'other', newer)
  const { told, close } = watching(keys, newestFormat)
  await until(() => told.written === newestFormat)
  t.is(told.left, undefined)
  await refuseNewerFormat(client, keys)
  await plant(keys.format, String(newer))
  await until(() => told.left !== undefined)
  t.regex(told.left ?? '', /upgrade this node first/)
  t.is(told.written, newestFormat)
  await close()
  await t.throwsAsync(refuseNewerFormat(client, keys), {
    message: new RegExp(`format ${newer}.* reads up to format ${newestFormat}: upgrade this node first`),
  })
})

test('what older nodes cannot read waits until every node is upgraded: the refusal names who is behind, and afterwards nothing waits', async (t) => {
  const keys = new Keys('agreed/')
  await tells(keys, 'old', newestFormat)
  await tells(keys, 'new', newer)
  const told: number[] = []
  const ledger = { mayWrite: (format: number) => void told.push(format), leave: () => {} }
  // It looks by itself once, and then when it is asked.
  const watch = new FormatWatch({ client, keys, node: 'here', ledger, newest: newer, interval: 600_000 })
  t.teardown(() => watch.close())
  await watch.agree(newestFormat)
  await t.throwsAsync(watch.agree(newer), {
    message: /until every node of the cluster reads what it stores, and node old \(Tresor 9\.9\.9\) does not: upgrade it first/,
  })
  t.true(Math.max(...told) < newer)
  await tells(keys, 'old', newer)
  await watch.agree(newer)
  t.is(told.at(-1), newer)
})

test('workers write records in the format that all nodes of a mixed cluster read, and in the newer one once the last is upgraded', async (t) => {
  const keys = new Keys('mixed/')
  await tells(keys, 'other', newestFormat)
  const directory = await mkdtemp(join(tmpdir(), 'tresor-mixed-'))
  const replica = new ReplicaWriter(join(directory, 'store'))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: 'here', replica, prefix: 'mixed/' })
  const served = await serveLedger(ledger, join(directory, 'ledger'), 'asked')
  const worker = connectLedger({ directory: join(directory, 'store'), socketPath: join(directory, 'ledger') })
  const watch = new FormatWatch({ client, keys, node: 'here', ledger, newest: newer, interval: 10 })
  const write = () => encodeRecord(record, formatOf(worker))
  await worker.barrier()
  await until(async () => (await nodeRecords(client, keys)).has('here'))
  await new Promise((resolve) => setTimeout(resolve, 600))
  t.is(write()[0], newestFormat)
  await tells(keys, 'other', newer)
  await until(() => formatOf(worker) === newer)
  t.throws(
    write,
    { message: `format ${newer} cannot be written here` },
    'it is this format that is asked for, and this program has none such',
  )
  await watch.close()
  await worker.close()
  await served.close()
  await ledger.close()
  await replica.close()
  await rm(directory, { recursive: true })
})

const nothing = new Uint8Array(0)
const record = {
  tenant: 't',
  id: 'i',
  generation: 1,
  objectType: 'SymmetricKey',
  order: 0,
  attributes: nothing,
  form: nothing,
  key: undefined,
}

const newerValue = () => {
  const bytes = encodeStored({ nonce: new Uint8Array(16), order: undefined, terms: undefined, value: Buffer.from('v') }, newestFormat)
  bytes[0] = newer
  return bytes
}

for (const [what, prefix, isThereBefore] of [
  ['while it follows the watch', 'met/', false],
  ['while it copies what it missed', 'copied/', true],
] as const)
  test(`a node that meets a newer value ${what} answers nothing any more, once and for all, and says why`, async (t) => {
    const keys = new Keys(prefix)
    const words: string[] = []
    const planting = async () => {
      await plant(keys.of(objectPlace('newer')), newerValue())
      await plant(keys.head, 'x')
    }
    if (isThereBefore) await planting()
    const ledger = open(prefix, 'here', words)
    if (!isThereBefore) {
      t.is((await ledger.commit(objectChange('known', 'v', 0))).outcome, 'committed')
      await ledger.barrier()
      await planting()
    }
    await until(() => ledger.problem()?.includes('upgrade this node first') === true)
    const refused = { message: new RegExp(`Nothing was done: .*format ${newer}.*upgrade this node first`) }
    const error = await t.throwsAsync(ledger.barrier(), refused)
    t.like(error, { retry: 'another-node' })
    await t.throwsAsync(ledger.commit(objectChange('late', 'v', 0)), refused)
    const said = words.length
    await new Promise((resolve) => setTimeout(resolve, 500))
    t.is(words.length, said, 'it does not try again')
    t.is(words.filter((line) => line.includes('upgrade this node')).length, 1)
    await ledger.close()
  })
