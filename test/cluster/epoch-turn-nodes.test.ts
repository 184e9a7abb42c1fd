import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import { forgetNode } from '../../src/cluster/format-watch.ts'
import { clusterPaths, EtcdClient, Keys, readMembership } from '../../src/cluster/index.ts'
import { epochFormat, firstFormat } from '../../src/store/index.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { newKey, refusalOf, settle } from '../support/key-lives.ts'
import { Load } from '../support/load.ts'

let cluster: ClusterNodes
test.before(async () => {
  cluster = await startClusterNodes()
})
test.after.always(() => cluster?.remove())

/** An election that a busy machine brings about is waited for. */
const checker = (index: number) => cluster.client(index, { patience: 30_000 })
const nodeAt = (index: number) => cluster.nodes[index] as ScratchClusterNode
const secretsAt = (index: number) =>
  readdirSync(join(nodeAt(index).data, 'epoch-secrets'))
    .filter((name) => name.startsWith('demo.'))
    .sort()
const deliveryKeyAt = (index: number) => readFileSync(join(nodeAt(index).data, 'epoch-secrets', 'delivery.key'), 'utf8')
const turnAt = async (index: number) =>
  ((await callAdmin(nodeAt(index).data, 'partition.turn-state', { partition: 'demo' })) as { readonly turn: object | null }).turn

test.serial('a new partition is open on every node as soon as it is defined: its secret came with the definition', async (t) => {
  const refused = await Promise.all(
    [0, 1, 2].map((index) => refusalOf(cluster.client(index, { tenant: 'other' }).call('Create', newKey(`first-${index}`)))),
  )
  t.deepEqual(refused, [undefined, undefined, undefined])
  for (let waited = 0; secretsAt(1).length + secretsAt(2).length < 2 && waited < 600; waited++) await sleep(100)
  t.deepEqual([secretsAt(1), secretsAt(2)], [secretsAt(0), secretsAt(0)])
})

test.serial('beside a node that does not know epochs nothing is stored that it cannot read: it is named, and waited for', async (t) => {
  const paths = clusterPaths(join(nodeAt(0).data, 'cluster'))
  const membership = await readMembership(join(nodeAt(0).data, 'cluster'))
  const client = new EtcdClient({ endpoints: membership!.endpoints, tls: paths.tls })
  t.teardown(() => client.close())
  const keys = new Keys()
  const put = (key: Uint8Array, value: string) => client.put({ key, value: Buffer.from(value) }, { deadline: 5000 })
  // As in a cluster whose last node is not upgraded yet.
  await put(keys.node('last'), JSON.stringify({ format: firstFormat, version: '0.0.1' }))
  await put(keys.format, String(firstFormat))
  for (const [method, parameters] of [
    ['partition.turn', { partition: 'demo' }],
    ['tenant.add', { tenant: 'late' }],
  ] as const)
    await t.throwsAsync(
      callAdmin(nodeAt(1).data, method, parameters),
      { message: /node last \(Tresor 0\.0\.1\) does not: upgrade it first/ },
      method,
    )
  t.is(await turnAt(0), null)
  t.is(await refusalOf(cluster.client(1, { tenant: 'other' }).call('Create', newKey('meanwhile'))), undefined, 'what it reads is stored')
  await put(keys.node('last'), JSON.stringify({ format: epochFormat, version: '0.1.0' }))
  await callAdmin(nodeAt(1).data, 'tenant.add', { tenant: 'late' })
  await forgetNode(client, keys, 'last')
})

test.serial(
  'a turn while one node is away, and another is killed: it ends, the one that was away is given the new secret, and all destroy the old',
  async (t) => {
    const before = secretsAt(0)
    const keysBefore = [0, 1, 2].map(deliveryKeyAt)
    const load = new Load()
    load.start([0, 1, 0, 1, 0, 1].map((index) => cluster.client(index)))
    await sleep(1000)
    await load.stop()
    await nodeAt(2).process.kill()
    load.start([0, 0, 0].map((index) => cluster.client(index)))
    await callAdmin(nodeAt(1).data, 'partition.turn', { partition: 'demo' })
    await sleep(Math.random() * 300)
    // It may be the one that does the work; without a majority nothing goes on until it is back.
    await nodeAt(1).process.kill()
    await load.stop()
    await nodeAt(1).process.start()
    for (let waited = 0; (await turnAt(0)) !== null && waited < 600; waited++) await sleep(100)
    t.is(await turnAt(0), null)
    t.deepEqual(await settle([0, 1].map(checker), load.lives), [])
    await nodeAt(2).process.start()
    t.deepEqual(await settle([checker(2)], load.lives), [], 'at the node that was away')
    const over = () => [0, 1, 2].every((index) => secretsAt(index).length === 1 && secretsAt(index)[0] !== before[0])
    for (let waited = 0; !over() && waited < 600; waited++) await sleep(100)
    const after = secretsAt(0)
    t.deepEqual([0, 1, 2].map(secretsAt), [after, after, after])
    t.notDeepEqual(after, before)
    // What was delivered once cannot be opened again.
    const isRenewed = () => [0, 1, 2].every((index) => deliveryKeyAt(index) !== keysBefore[index])
    for (let waited = 0; !isRenewed() && waited < 600; waited++) await sleep(100)
    t.true(isRenewed())
  },
)

test.serial('a node that has not been sent the secret of an epoch yet is not ready and says so; once it has it, it serves', async (t) => {
  const folderAt = (index: number) => join(nodeAt(index).data, 'epoch-secrets')
  const secretAt = (index: number) => readdirSync(folderAt(index)).find((name) => name.startsWith('other.')) ?? ''
  const name = secretAt(0)
  const kept = readFileSync(join(folderAt(0), name))
  await nodeAt(2).process.kill()
  // As if it had just joined, and the others could not send it anything.
  rmSync(folderAt(2), { recursive: true })
  for (const index of [0, 1]) for (const file of [name, 'delivery.key']) rmSync(join(folderAt(index), file))
  await nodeAt(2).process.start()
  const readiness = async () => {
    const { operator } = (await callAdmin(nodeAt(2).data, 'node.status')) as { readonly operator: string }
    const answer = await fetch(`http://${operator}/readyz`)
    return { status: answer.status, text: await answer.text() }
  }
  const waiting =
    /^partition other cannot be opened yet: the secret of its epoch 1 has not come to this node; another node sends it within seconds$/m
  const until = async (condition: (seen: Awaited<ReturnType<typeof readiness>>) => boolean) => {
    for (let waited = 0; waited < 100; waited++) {
      const seen = await readiness()
      if (condition(seen)) return seen
      await sleep(200)
    }
    return await readiness()
  }
  const lacking = await until(({ text }) => waiting.test(text))
  t.is(lacking.status, 503)
  t.regex(lacking.text, waiting)
  const client = cluster.client(2, { tenant: 'other' })
  t.is(await refusalOf(client.call('Create', newKey('too-soon'))), 'GeneralFailure')
  writeFileSync(join(folderAt(0), name), kept, { mode: 0o600 })
  t.like(await until(({ status }) => status === 200), { status: 200 })
  t.is(await refusalOf(client.call('Create', newKey('in-time'))), undefined)
})
