import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { clusterJoin } from '../../src/cli/commands/cluster.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { freePorts, type ScratchCluster, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { readRoot } from '../../src/partitions/index.ts'
import { newKey } from '../support/key-lives.ts'
import { rootPlaces } from '../support/root-places.ts'

const places = rootPlaces()
const { folder, file, words, module, token, pinFile } = places
test.after.always(() => places.remove())

const ofToken = `{ pkcs11: { module: ${module}, token: ${token}, pinFile: ${pinFile} } }`

/** Puts a configuration where a node is to be made. */
function prepare(data: string, root: string | undefined): void {
  mkdirSync(data, { recursive: true })
  if (root !== undefined) writeFileSync(join(data, 'tresor.yaml'), `root: ${root}\n`)
}

/** A cluster whose nodes have these sections `root`, in their order. A section may depend on the first node's folder. */
function cluster(name: string, roots: readonly ((first: string) => Promise<string | undefined>)[]): Promise<ScratchCluster> {
  const where = join(folder.path, name)
  return startScratchCluster({
    size: roots.length,
    folder: where,
    settings: { workers: 1, log: { level: 'error' } },
    prepare: async (data, index) => prepare(data, await roots[index]?.(join(where, 'node-1'))),
  })
}

/** A key that is made at the first node can be had at every node. */
async function sharesKeys(nodes: ScratchCluster): Promise<boolean> {
  const [first] = nodes.nodes
  await callAdmin(first!.data, 'tenant.add', { tenant: 'bank' })
  const credentials = await nodes.enroll('bank', 'app')
  const clients = nodes.nodes.map(({ endpoint }) => new Client({ endpoints: [endpoint], ...credentials, failover: { patience: 0 } }))
  const { uniqueIdentifier } = await clients[0]!.call('Create', newKey('shared'))
  // The secret of the partition's first epoch reaches the other nodes within seconds.
  const get = async (client: Client, patience = 600): Promise<unknown> =>
    client.call('Get', { uniqueIdentifier }).catch((error: Error) => {
      if (patience === 0 || !error.message.includes('The secret of epoch')) throw error
      return sleep(100).then(() => get(client, patience - 1))
    })
  const got = await Promise.all(clients.map((client) => get(client)))
  for (const client of clients) client.close()
  return new Set(got.map((answer) => JSON.stringify(answer))).size === 1
}

const rootFiles = (data: string) => readdirSync(data).filter((name) => name.startsWith('root'))

test.serial('a passphrase: nodes have it themselves, and one whose secret is another is not let in', async (t) => {
  const byPassphrase = async () => `{ passphraseFile: ${words} }`
  const byCommand = async (first: string) => {
    const secret = await readRoot({ kind: 'passphrase', passphrase: words, sealed: join(first, 'root.sealed') })
    return `{ command: [/bin/cat, ${file('behind-the-command', Buffer.from(secret.expose()).toString('hex'))}] }`
  }
  const nodes = await cluster('by-passphrase', [byPassphrase, byPassphrase, byCommand])
  t.teardown(() => nodes.remove())
  const [first, second, third] = nodes.nodes.map(({ data }) => data) as [string, string, string]
  t.deepEqual([first, second, third].map(rootFiles), [['root.sealed'], ['root.sealed'], []])
  t.true(await sharesKeys(nodes))
  t.deepEqual(
    (await shownAt(second)).map(([node, how]) => [node, how?.replaceAll(folder.path, '')]),
    [
      ['node-1', 'passphrase in /words, with /by-passphrase/node-1/root.sealed'],
      ['node-2', 'passphrase in /words, with /by-passphrase/node-2/root.sealed'],
      ['node-3', 'command /bin/cat'],
    ],
  )

  for (const [name, root, problem] of [
    ['wrong-command', `{ command: [/bin/echo, "${'ab'.repeat(32)}"] }`, /this node's root secret is another than the cluster's/],
    [
      'wrong-passphrase',
      `{ passphraseFile: ${file('others', 'some other six words here\n')} }`,
      /this is not the passphrase of .*root\.sealed/,
    ],
    [
      'no-source',
      undefined,
      /the cluster's root secret comes from a passphrase, and is not given away; say in the tresor\.yaml of this node/,
    ],
    ['other-kind', ofToken, /the cluster's root secret comes from a passphrase, and is not given away/],
  ] as const) {
    const data = join(folder.path, name)
    prepare(data, root)
    const { token: invitation } = (await callAdmin(first, 'cluster.invite', {})) as { token: string }
    await t.throwsAsync(joinAs(data, name, invitation), { message: problem }, name)
    t.is(await members(first), 3, 'it takes no place')
  }
})

test.serial('a key file: the secret is given to who joins, and kept as its configuration says', async (t) => {
  const nodes = await cluster('by-key-file', [async () => undefined, async () => ofToken])
  t.teardown(() => nodes.remove())
  const [first, second] = nodes.nodes.map(({ data }) => data) as [string, string]
  t.deepEqual([first, second].map(rootFiles), [['root.key'], ['root.sealed']])
  t.true(await sharesKeys(nodes))
  const secret = readFileSync(join(first, 'root.key'), 'utf8').trim()
  t.false(readFileSync(join(second, 'root.sealed'), 'utf8').includes(secret))
})

/** How each node has the tenant's partition, once all have told. */
async function shownAt(data: string): Promise<(readonly [node: string, root: string | undefined])[]> {
  const { partition } = (await callAdmin(data, 'tenant.show', { tenant: 'bank' })) as { partition: string }
  for (let patience = 600; ; patience--) {
    const { nodes } = (await callAdmin(data, 'partition.show', { partition })) as { nodes: { node: string; root?: string }[] }
    if (patience === 0 || nodes.every(({ root }) => root !== undefined)) return nodes.map(({ node, root }) => [node, root] as const).sort()
    await sleep(100)
  }
}

async function members(data: string): Promise<number> {
  return ((await callAdmin(data, 'cluster.status')) as { members: readonly unknown[] }).members.length
}

async function joinAs(data: string, name: string, invitation: string): Promise<unknown> {
  const [peer, client, joinAt] = await freePorts(3)
  return await runQuietly(clusterJoin, data, [invitation], {
    name,
    peer: `127.0.0.1:${peer}`,
    client: `127.0.0.1:${client}`,
    join: `127.0.0.1:${joinAt}`,
  })
}
