import { once } from 'node:events'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { clusterBackup, clusterInit, clusterRestore } from '../../src/cli/commands/cluster.ts'
import { init } from '../../src/cli/commands/init.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import type { ServedNode } from '../../src/cli/run-node.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { clusterPaths, openBackup, type Seeding } from '../../src/cluster/index.ts'
import { temporaryFolder } from '../support/command-line.ts'
import { clusterOptions, runHere, settle } from '../support/quiet-node.ts'

const folder = temporaryFolder()
const data = join(folder.path, 'node')
const backup = join(folder.path, 'backup')
const paths = clusterPaths(join(data, 'cluster'))
const running = new Set<ServedNode>()
test.after.always(async () => {
  for (const node of running) await node.stop()
  folder.remove()
})

async function whileRunning<T>(work: (client: Client) => Promise<T>, where = data): Promise<T> {
  const node = await runHere(where)
  running.add(node)
  const credentials = await enrollAt(where, 'bank', 'app')
  const [host = '', port] = (node.kmip[0] ?? '').split(':')
  const client = new Client({ endpoints: [{ host, port: Number(port) }], ...credentials })
  try {
    return await work(client)
  } finally {
    client.close()
    running.delete(node)
    await node.stop()
  }
}

const listed = async () =>
  ((await callAdmin(data, 'key.list', { tenant: 'bank' })) as { readonly keys: readonly { id: string; state: string }[] }).keys
const create = async (client: Client, name: string) => {
  const attributes = [
    { name: 'CryptographicAlgorithm', value: 'AES' },
    { name: 'CryptographicLength', value: 256 },
    { name: 'CryptographicUsageMask', value: 12 },
    { name: 'Name', value: { value: name, type: 'UninterpretedTextString' } },
  ] as const
  await client.call('Create', { objectType: 'SymmetricKey', attributes })
}

let kept: Awaited<ReturnType<typeof listed>> = []
let last: typeof kept = []

test.serial('a node that stood alone becomes the first of a cluster with all its data, after a kill in between too', async (t) => {
  await runQuietly(init, data)
  await settle(data)
  const options = await clusterOptions('n1')
  const node = await runHere(data)
  running.add(node)
  await callAdmin(data, 'tenant.add', { tenant: 'bank' })
  await t.throwsAsync(runQuietly(clusterInit, data, [], options), { message: /has this ledger open; stop it first/ })
  running.delete(node)
  await node.stop()
  kept = await whileRunning(async (client) => {
    for (const name of ['first', 'second']) await create(client, name)
    return listed()
  })
  t.is(kept.length, 2)

  // As a kill leaves it: begun, and nothing brought yet.
  const port = Number(options.client.split(':')[1])
  const taken = createServer().listen(port, '127.0.0.1')
  await once(taken, 'listening')
  await t.throwsAsync(runQuietly(clusterInit, data, [], options), { message: /in use by another program/ })
  await new Promise((resolve) => taken.close(resolve))
  t.true(existsSync(paths.seeding))
  await t.throwsAsync(runHere(data), { message: /on their way into a cluster/ })
  const told = await runQuietly(clusterInit, data)
  t.true((told.find(({ event }) => event === 'data')?.values as number) > 4)
  t.false(existsSync(paths.seeding))
  await whileRunning(async (client) => {
    t.deepEqual(await listed(), kept)
    await t.throwsAsync(create(client, 'second'), undefined, 'a name that was taken stays taken')
    await runQuietly(clusterBackup, data, [backup])
    await t.throwsAsync(runQuietly(clusterBackup, data, [backup]), { message: /there already, and a backup replaces nothing/ })
    await client.call('Destroy', { uniqueIdentifier: kept[0]!.id })
    await create(client, 'late')
    last = await listed()
    t.notDeepEqual(last, kept)
    await t.throwsAsync(runQuietly(clusterRestore, data, [], { 'accept-loss': true }), { message: /in use by another program/ })
  })
})

test.serial('its folder, and a copy of it, do not serve alone again', async (t) => {
  const copy = join(folder.path, 'copy')
  cpSync(data, copy, { recursive: true })
  const file = join(copy, 'tresor.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^cluster:\n(?: .*\n)*/m, ''))
  await t.throwsAsync(runHere(copy), { message: /have moved on: it belongs to a node of a cluster.* does not serve alone again/ })
})

test.serial('a restore says what may be lost, and is begun only when that is accepted', async (t) => {
  await t.throwsAsync(runQuietly(clusterRestore, data, [backup]), { message: /made since are gone.*DESTROYED.*COME BACK.*--accept-loss/s })
  t.false(existsSync(paths.seeding))
})

for (const [source, args, expected] of [
  ["the node's own copy, with all that was done last", [], () => last],
  ['a backup, with what was destroyed since', [backup], () => kept],
] as const)
  test.serial(`restored from ${source}: a new cluster that trusts no certificate of the old one`, async (t) => {
    const about = () => [readFileSync(paths.tls.ca, 'utf8'), JSON.parse(readFileSync(paths.membership, 'utf8')).clusterToken]
    const [authority, clusterToken] = about()
    await runQuietly(clusterRestore, data, args, { 'accept-loss': true })
    t.not(about()[0], authority)
    t.not(about()[1], clusterToken)
    t.false(existsSync(join(data, 'cluster', 'etcd-replaced')))
    await whileRunning(async () => t.deepEqual(await listed(), expected()))
  })

test.serial('a node whose new cluster has not all its data does not start, and goes on when told again', async (t) => {
  const { clusterToken } = JSON.parse(readFileSync(paths.membership, 'utf8')) as Seeding
  const addresses = { name: 'n1', ...Object.fromEntries(['peer', 'client', 'join'].map((name) => [name, { host: '127.0.0.1', port: 1 }])) }
  writeFileSync(paths.seeding, JSON.stringify({ formatVersion: 1, clusterToken, from: backup, addresses, done: false }))
  await t.throwsAsync(runHere(data), { message: /the data of this new cluster are not all there yet/ })
  await t.throwsAsync(runQuietly(clusterInit, data), { message: /a restore was begun here/ })
  await t.throwsAsync(runQuietly(clusterRestore, data, [], { 'accept-loss': true }), { message: /a restore from .* was begun here/ })
})

test.serial('a backup is of no use without what its keys are wrapped with', async (t) => {
  const other = join(folder.path, 'other')
  await t.throwsAsync(runQuietly(clusterRestore, other, [backup], { 'accept-loss': true }), {
    message: /not there or empty.*Copy root.key, pki and epoch-secrets/,
  })
  await runQuietly(init, other)
  await t.throwsAsync(runQuietly(clusterRestore, other, [backup], { 'accept-loss': true }), {
    message: /root.key in .* is another than the one/,
  })
  const header = openBackup(backup).header
  const secret = Object.keys(header.secrets).find((name) => name.startsWith('epoch-secrets/'))
  t.truthy(secret)
  const without = join(folder.path, 'without-epoch-secrets')
  for (const kept of ['root.key', 'pki']) cpSync(join(data, kept), join(without, kept), { recursive: true })
  await runQuietly(init, without)
  await t.throwsAsync(runQuietly(clusterRestore, without, [backup], { 'accept-loss': true }), {
    message: new RegExp(`${secret} in .* is missing: copy root.key, pki/ca and epoch-secrets`),
  })
})
