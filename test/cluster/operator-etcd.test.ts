import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { init } from '../../src/cli/commands/init.ts'
import { NodeProcess } from '../../src/cli/node-process.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { enrollAt, freePorts, writeSettings } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { EtcdClient, findEtcd, type OperatorEtcdOptions, startMember, startOnEtcd } from '../../src/cluster/index.ts'
import { type EtcdCluster, makePeerTls, startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'
import { aesKey } from '../support/requests.ts'

let folder: string
let etcd: EtcdCluster
let other: EtcdCluster
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-operator-etcd-'))
  ;[etcd, other] = await Promise.all([startEtcdCluster(1), startEtcdCluster(1)])
})
test.after.always(async () => {
  await Promise.all([etcd?.close(), other?.close()])
  await rm(folder, { recursive: true, force: true })
})

/** A data folder on the test's etcd, made by hand as the documentation says. */
async function dataFolder(name: string, options: Readonly<Record<string, string | boolean>>, prefix = 'bank/'): Promise<string> {
  const data = join(folder, name)
  await runQuietly(init, data, [], options)
  const [kmip] = await freePorts(1)
  const { ca: authority, certificate, privateKey: key } = etcd.tls
  writeSettings(data, {
    listen: { kmip: [`127.0.0.1:${kmip}`] },
    operator: { port: 0 },
    workers: 0,
    cluster: { name, etcd: { endpoints: [...etcd.endpoints], prefix, certificate, key, authority } },
  })
  return data
}

test('two nodes on one etcd that an operator runs: made on one, used and destroyed on the other; a stranger is told what it lacks', async (t) => {
  const first = await dataFolder('first', {})
  const second = await dataFolder('second', { bare: true })
  for (const shared of ['root.key', 'pki/ca']) await cp(join(first, shared), join(second, shared), { recursive: true })
  const stranger = await dataFolder('stranger', {})
  const [one, two, three] = [first, second, stranger].map((data) => new NodeProcess(data)) as [NodeProcess, NodeProcess, NodeProcess]
  const clients: Client[] = []
  try {
    const at = [await one.start(), await two.start()].map((text) => {
      const [host = '', port] = text.split(':')
      return { host, port: Number(port) }
    })
    await callAdmin(first, 'tenant.add', { tenant: 'demo' })
    const credentials = await enrollAt(first, 'demo', 'app')
    const [here, there] = at.map((endpoint) => new Client({ endpoints: [endpoint], ...credentials })) as [Client, Client]
    clients.push(here, there)
    const { uniqueIdentifier } = await here.call('Create', aesKey)
    t.truthy(await there.call('Get', { uniqueIdentifier }))
    await there.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
    await there.call('Destroy', { uniqueIdentifier })
    await t.throwsAsync(here.call('Get', { uniqueIdentifier }), { message: /[Dd]estroyed/ })
    const { members } = (await callAdmin(second, 'cluster.status')) as { readonly members: readonly { readonly role: string }[] }
    t.deepEqual(
      members.map(({ role }) => role),
      ['leader'],
    )
    await t.throwsAsync(callAdmin(second, 'cluster.evict', { member: 'n1' }), { message: /an etcd that you run/ })
    await t.throwsAsync(three.start(), {
      message: /root\.key is another here: all nodes of a cluster need the one of first.*Copy root\.key and pki\/ca/s,
    })

    await one.kill()
    t.truthy((await there.call('Create', aesKey)).uniqueIdentifier)
    const again = new NodeProcess(first)
    await again.start()
    await again.kill()
  } finally {
    for (const client of clients) client.close()
    await Promise.all([one, two, three].map((node) => node.kill()))
  }
})

function start(options: Partial<OperatorEtcdOptions> & { readonly prefix: string }) {
  return startOnEtcd({
    endpoints: etcd.endpoints,
    tls: etcd.tls,
    node: 'n1',
    folder: join(folder, `origin-${options.prefix.replace('/', '')}`),
    replica: memoryReplica(),
    secrets: {},
    ...options,
  })
}

test('clusters share an etcd under prefixes of their own', async (t) => {
  const first = await start({ prefix: 'one/', secrets: { 'root.key': 'a' } })
  const second = await start({ prefix: 'two/', secrets: { 'root.key': 'b' } })
  t.teardown(() => Promise.all([first.close(), second.close()]))
  await Promise.all([first.ledger.barrier(), second.ledger.barrier()])
  for (let n = 0; n < 3000 && [first, second].some((node) => node.problems().length > 0); n++) await sleep(20)
  t.deepEqual([first.problems(), second.problems()], [[], []])
})

test('what is wrong with the etcd or with the node is said before it serves', async (t) => {
  const elsewhere = await makePeerTls(join(folder, 'elsewhere'))
  const { ca, certificate, privateKey } = etcd.tls
  const [free] = await freePorts(1)
  const nowhere = `https://127.0.0.1:${free}`
  for (const [name, options, problem] of [
    ['nothing answers', { endpoints: [nowhere] }, /^cluster\.etcd\.endpoints: https:\S+ cannot be reached .*is etcd running there/],
    [
      'another authority',
      { tls: { ca: elsewhere.ca, certificate, privateKey } },
      /shows a certificate that cluster\.etcd\.authority did not issue/,
    ],
    [
      'a certificate that etcd does not know',
      { tls: { ...elsewhere, ca } },
      /does not take cluster\.etcd\.certificate .*--trusted-ca-file/,
    ],
    [
      'members of two clusters',
      { endpoints: [...etcd.endpoints, ...other.endpoints], tls: { ca, certificate, privateKey } },
      /shows a certificate/,
    ],
    ['a missing file', { secrets: {} }, /^root\.key is missing here: all nodes of a cluster need the one of n1/],
  ] as const) {
    if (name === 'a missing file') await (await start({ prefix: 'wrong/', secrets: { 'root.key': 'a' } })).close()
    await t.throwsAsync(start({ prefix: 'wrong/', ...options }), { message: problem }, name)
  }
  const used = memoryReplica()
  await used.apply([{ revision: 7, writes: [] }])
  await t.throwsAsync(start({ prefix: 'used/', replica: used }), { message: /holds what was not copied from .*use a new data folder/ })
  await (await start({ prefix: 'moved/' })).close()
  await t.throwsAsync(start({ prefix: 'other/', folder: join(folder, 'origin-moved') }), {
    message: /a copy of the cluster at prefix "moved\/"/,
  })
})

test('an endpoint that is down is gone without as long as another answers', async (t) => {
  const [free] = await freePorts(1)
  const lines: string[] = []
  const node = await start({
    prefix: 'down/',
    endpoints: [`https://127.0.0.1:${free}`, ...etcd.endpoints],
    log: (_, message) => lines.push(message),
  })
  t.teardown(() => node.close())
  await node.ledger.barrier()
  t.true(lines.some((line) => /cannot be reached .*the others are used/.test(line)))
})

test('a learner is no endpoint', async (t) => {
  const client = new EtcdClient({ endpoints: other.endpoints, tls: other.tls })
  const [peer, clients] = await freePorts(2)
  const [peerUrl, clientUrl] = [`https://127.0.0.1:${peer}`, `https://127.0.0.1:${clients}`]
  const { members } = await client.memberAdd(peerUrl, { deadline: 20_000 })
  const first = members.find(({ name }) => name === 'n1')!.peerURLs[0]!
  const learner = await startMember({
    binary: (await findEtcd()).path,
    name: 'n2',
    dataDir: join(other.folder, 'n2'),
    peerUrl,
    clientUrl,
    initialCluster: { n1: first, n2: peerUrl },
    state: 'existing',
    clusterToken: other.folder,
    tls: other.tls,
  })
  t.teardown(async () => {
    client.close()
    await learner.stop()
  })
  for (let n = 0; n < 3000 && !/learner/.test((await learner.problem()) ?? ''); n++) await sleep(20)
  const options = { endpoints: [...other.endpoints, clientUrl], tls: other.tls }
  await t.throwsAsync(start({ prefix: 'learner/', ...options }), {
    message: new RegExp(`${clientUrl} is a learner, .*name voting members`),
  })
})
