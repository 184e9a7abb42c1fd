import { resolve } from 'node:path'
import type { ClusterMember } from '../../admin/index.ts'
import { addressOptions } from '../cluster-config.ts'
import { type Command, numberOption } from '../command.ts'
import { askNode, shownPath } from '../place.ts'

export const clusterInit: Command = {
  name: 'cluster init',
  usage: '[--name N] [--peer HOST:PORT] [--client HOST:PORT] [--join HOST:PORT]',
  summary: 'Begin a cluster: this node becomes its first member.',
  details: `The node must be stopped. Its tenants and keys come with it, compared value by value; should it be interrupted, run it again. Afterwards
the node does not serve alone any more. Each node runs an etcd member of its own (apt-get install etcd-server). Nodes on several machines
need addresses that the others reach. Next: tresor serve here, and tresor cluster join TOKEN on the next node; three nodes stand the loss of one.`,
  arity: [0, 0],
  options: addressOptions,
  async run(invocation) {
    const { beginCluster } = await import('../form-cluster.ts')
    await beginCluster(invocation)
  },
}

export const clusterJoin: Command = {
  name: 'cluster join',
  usage: 'TOKEN [--listen HOST:PORT] [--name N] [--peer HOST:PORT] [--client HOST:PORT] [--join HOST:PORT]',
  summary: 'Make a data folder for a new node of the cluster that gave the token.',
  details: `The folder must be new: it gets its certificates and secrets from the cluster. Next: tresor serve, which copies the cluster's data and
takes part.`,
  arity: [1, 1],
  options: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'address of KMIP, for tresor.yaml; 127.0.0.1:5696 unless said' },
    ...addressOptions,
  },
  async run(invocation) {
    const { takePlace } = await import('../form-cluster.ts')
    await takePlace(invocation)
  },
}

export const clusterInvite: Command = {
  name: 'cluster invite',
  usage: '[--uses N] [--minutes N]',
  summary: 'Make a token with which nodes may join.',
  arity: [0, 0],
  options: {
    uses: { type: 'string', value: 'N', help: 'how many nodes may join with it; 1 unless said' },
    minutes: { type: 'string', value: 'N', help: 'how long it is good; 60 unless said' },
  },
  async run(invocation) {
    const uses = numberOption(invocation, 'uses')
    const minutes = numberOption(invocation, 'minutes')
    const { token } = await askNode<{ readonly token: string }>(invocation, 'cluster.invite', {
      ...(uses === undefined ? {} : { uses }),
      ...(minutes === undefined ? {} : { minutes }),
    })
    invocation.output.line('On the new node:')
    invocation.output.line(`  npx tresor cluster join ${token}`)
    invocation.output.json({ token })
  },
}

export const clusterStatus: Command = {
  name: 'cluster status',
  usage: '',
  summary: 'Show the members of the cluster and how they are.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const { output } = invocation
    const { node, members, majority } = await askNode<{
      readonly node: string
      readonly members: readonly ClusterMember[]
      readonly majority: boolean
    }>(invocation, 'cluster.status')
    output.table(
      ['node', 'role', 'tresor', 'etcd', 'revision', 'database', 'state'],
      members
        .toSorted((one, other) => (one.name < other.name ? -1 : 1))
        .map((member) => [
          member.name === node ? `${member.name} (here)` : member.name || `at ${member.peerUrl}`,
          member.role,
          member.tresor ?? '-',
          member.version ?? '-',
          member.revision ?? '-',
          databaseOf(member),
          member.problem ?? 'healthy',
        ]),
      { node, members, majority },
    )
    if (!majority) output.line('There is no majority: no request is answered until enough of the nodes run.')
  },
}

function databaseOf({ databaseSize, databaseQuota }: ClusterMember): string {
  if (databaseSize === undefined) return '-'
  return databaseQuota === undefined ? sizeText(databaseSize) : `${sizeText(databaseSize)} of ${sizeText(databaseQuota)}`
}

function sizeText(bytes: number): string {
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(1)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}

export const clusterBackup: Command = {
  name: 'cluster backup',
  usage: 'FILE',
  summary: 'Write all that the cluster holds, as it is at one moment, into a new file.',
  details: `Any node writes it, while all of them serve. It holds attributes and wrapped keys; to use them a restore needs what wrapped them as well:
root.key, pki and epoch-secrets of any node, kept apart from the backups, or the HSM. A key that is destroyed later is still in the backup,
until its partition's epoch turns: from then on the backup cannot be used, so make a new one. Delete backups that are no longer needed. A lost node needs no restore: evict it, and let another join.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const file = resolve(invocation.arguments[0] as string)
    const { revision, values } = await askNode<{ readonly revision: number; readonly values: number }>(invocation, 'cluster.backup', {
      file,
    })
    invocation.output.step('backup', `${shownPath(file)}: ${values} values as of revision ${revision}`, { file, revision, values })
  },
}

export const clusterRestore: Command = {
  name: 'cluster restore',
  usage: '[FILE] --accept-loss [--name N] [--peer HOST:PORT] [--client HOST:PORT] [--join HOST:PORT]',
  summary: 'Begin a new cluster with a backup, when the majority of the old one is lost.',
  details: `The node must be stopped. Without FILE it takes the node's own copy of the lost cluster, which is newer than any backup. What was answered
after the copy was taken is lost, and keys that were destroyed since come back. The new cluster has a certificate authority of its own: old
nodes are refused by it, and join anew with an empty folder. Should it be interrupted, run it again.`,
  arity: [0, 1],
  options: {
    'accept-loss': { type: 'boolean', help: 'later changes are lost, and keys destroyed later come back: accepted' },
    ...addressOptions,
  },
  async run(invocation) {
    const { restoreCluster } = await import('../restore-cluster.ts')
    await restoreCluster(invocation)
  },
}

export const clusterEvict: Command = {
  name: 'cluster evict',
  usage: 'NODE',
  summary: 'Remove a node for good, for example one that is lost.',
  details: `Refused when the others would have no majority without it. The node answers nothing any more and cannot come back with its old data
folder. To replace it: evict it, then tresor cluster invite here, and tresor cluster join TOKEN with an empty folder, under the same name
if you like.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const { member } = await askNode<{ readonly member: string }>(invocation, 'cluster.evict', { member: invocation.arguments[0] })
    invocation.output.step('evicted', `node ${member}; in its place another may join: tresor cluster invite`, { member })
  },
}
