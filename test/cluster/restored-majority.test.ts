import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { clusterJoin, clusterRestore } from '../../src/cli/commands/cluster.ts'
import { NodeProcess } from '../../src/cli/node-process.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { type ScratchClusterNode, writeSettings } from '../../src/cli/scratch-cluster.ts'
import { readMembership } from '../../src/cluster/index.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { clusterOptions } from '../support/quiet-node.ts'
import { aesKey } from '../support/requests.ts'

let cluster: ClusterNodes
let joined: NodeProcess | undefined
test.before(async () => {
  cluster = await startClusterNodes()
})
test.after.always(async () => {
  await joined?.kill()
  await cluster?.remove()
})

test('two of three are lost for good: the third begins anew with what it has; the old ones do not serve, and join with empty folders', async (t) => {
  const [first, ...lost] = cluster.nodes as [ScratchClusterNode, ...ScratchClusterNode[]]
  const { uniqueIdentifier } = await cluster.client(1).call('Create', aesKey)
  const seen = (index: number) => cluster.client(index).call('GetAttributes', { uniqueIdentifier, references: ['State'] })
  const last = (await cluster.client(1).call('Create', aesKey)).uniqueIdentifier
  await cluster.client(1).call('Revoke', { uniqueIdentifier: last, revocationReason: { code: 'CessationOfOperation' } })
  await cluster.client(1).call('Destroy', { uniqueIdentifier: last })
  // Once the survivor has seen them. etcd itself writes down that a change is decided with the next one.
  await t.throwsAsync(cluster.client(0).call('Get', { uniqueIdentifier: last }), { message: /destroyed/i })
  await Promise.all(cluster.nodes.map(({ process }) => process.kill()))

  await runQuietly(clusterRestore, first.data, [], { 'accept-loss': true })
  await first.process.start()
  await t.notThrowsAsync(seen(0))
  await t.throwsAsync(cluster.client(0).call('Get', { uniqueIdentifier: last }), { message: /destroyed/i })

  // Both at once: together they would be a majority of the old cluster.
  const refused = { message: /is of another cluster now.*tresor cluster join TOKEN/ }
  await Promise.all(lost.map(({ process }) => t.throwsAsync(process.start(), refused)))

  const old = lost[0] as ScratchClusterNode
  const { peer, client } = await addressesOf(old)
  const { join: joinAt } = await clusterOptions('unused')
  const { token } = (await callAdmin(first.data, 'cluster.invite', {})) as { readonly token: string }
  const data = join(cluster.folder, 'anew')
  await runQuietly(clusterJoin, data, [token], { name: old.name, peer, client, join: joinAt })
  const { host, port } = old.endpoint
  writeSettings(data, { listen: { kmip: [`${host}:${port}`] }, operator: { port: 0 }, workers: 0, log: { level: 'error' } })
  joined = new NodeProcess(data)
  await joined.start()
  // The secrets of its tenants' partitions are delivered to it in its first seconds.
  for (
    const end = Date.now() + 60_000;
    Date.now() < end &&
    !(await seen(1).then(
      () => true,
      () => false,
    ));
  )
    await sleep(100)
  await t.notThrowsAsync(seen(1))
})

async function addressesOf({ data }: ScratchClusterNode): Promise<{ readonly peer: string; readonly client: string }> {
  const membership = await readMembership(join(data, 'cluster'))
  return { peer: new URL(membership?.peerUrl ?? '').host, client: new URL(membership?.clientUrl ?? '').host }
}
