import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthority, saveAuthority } from '../../../certs/index.ts'
import type { ClusterMember } from '../../admin/index.ts'
import { findEtcd, initCluster, invite, joinCluster, readMembership } from '../../cluster/index.ts'
import { configFileName } from '../../config.ts'
import { certifierOf, clusterAuthority, unpackJoinSecrets } from '../../join-secrets.ts'
import { dataFolder, renewServerCertificate } from '../../node-files.ts'
import { openEmbeddedLedger } from '../../store/index.ts'
import { addressOptions, clusterAddresses, nodeAddresses, writeClusterConfig } from '../cluster-config.ts'
import { type Command, CommandError, numberOption } from '../command.ts'
import { folderState } from '../data-format.ts'
import { makeData, makeDevelopmentSecrets } from '../make-data-folder.ts'
import { addressOption, addressText, askNode, configOf, dataWords, shownPath } from '../place.ts'

export const clusterInit: Command = {
  name: 'cluster init',
  usage: '[--name N] [--peer HOST:PORT] [--client HOST:PORT] [--join HOST:PORT]',
  summary: 'Begin a cluster: this node becomes its first member.',
  details: `The node must be stopped and its store empty. Each node runs an etcd member of its own (apt-get install etcd-server). Nodes on several
machines need addresses that the others reach. Next: tresor serve here, and tresor cluster join TOKEN on the next node; three nodes stand
the loss of one.`,
  arity: [0, 0],
  options: addressOptions,
  async run(invocation) {
    const { output } = invocation
    const config = await configOf(invocation)
    const addresses = clusterAddresses(invocation)
    await findEtcd(config.cluster?.etcd.path)
    await makeData(config, { secrets: makeDevelopmentSecrets })
    const folder = dataFolder(config)
    await refuseUsedStore(folder.store)
    if ((await readMembership(folder.cluster)) === undefined) {
      if (!existsSync(join(clusterAuthority(folder), 'ca.pem')))
        await saveAuthority(clusterAuthority(folder), await createAuthority({ name: 'Tresor cluster CA' }))
      await initCluster(folder.cluster, nodeAddresses(addresses), certifierOf(folder))
    } else if (config.cluster !== undefined) {
      throw new CommandError(`${shownPath(folder.cluster)}: this node is in a cluster already; see tresor cluster status`)
    }
    writeClusterConfig(config.file ?? join(config.data, configFileName), addresses)
    const token = await invite(folder.cluster, { endpoint: addressText(addresses.join), uses: firstUses, minutes: firstMinutes })
    output.step('cluster', `${addresses.name} is its first node`, { node: addresses.name, token })
    output.line()
    output.line('Next, here:')
    output.line(`  npx tresor ${dataWords(invocation)}serve`)
    output.line('and on each other node, within a day (tresor cluster invite makes another token):')
    output.line(`  npx tresor cluster join ${token}`)
  },
}

const firstUses = 2
const firstMinutes = 24 * 60

async function refuseUsedStore(directory: string): Promise<void> {
  const { ledger, replica } = openEmbeddedLedger({ directory })
  const revision = replica.revision()
  await ledger.close()
  if (revision > 0)
    throw new CommandError(
      `${shownPath(directory)} holds tenants or keys of a node that stands alone, and a cluster begins empty; use a new folder: tresor --data DIR cluster init`,
    )
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
    const { output } = invocation
    const [token = ''] = invocation.arguments
    const config = await configOf(invocation)
    const addresses = clusterAddresses(invocation)
    const listen = addressOption(invocation, 'listen')
    await findEtcd(config.cluster?.etcd.path)
    if (folderState(config.data) === 'made')
      throw new CommandError(
        `${shownPath(config.data)} has certificates and keys of its own; join with a new folder: tresor --data DIR cluster join TOKEN`,
      )
    await makeData(config, {
      listen: listen && addressText(listen),
      secrets: async (draft, folder) => {
        const { secrets } = await joinCluster(folder.cluster, token, nodeAddresses(addresses))
        if (secrets !== undefined) {
          await unpackJoinSecrets(folder, secrets)
          secrets.fill(0)
        }
        await renewServerCertificate(draft, folder, new Date())
        writeClusterConfig(config.file ?? join(folder.root, configFileName), addresses)
      },
    })
    output.step('cluster', `${addresses.name} may take part`, { node: addresses.name, data: config.data })
    output.line()
    output.line(`Next: npx tresor ${dataWords(invocation)}serve`)
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
      ['node', 'role', 'etcd peer', 'state'],
      members.map(({ name, role, peerUrl, problem }) => [name === node ? `${name} (here)` : name, role, peerUrl, problem ?? 'healthy']),
      { node, members, majority },
    )
    if (!majority) output.line('There is no majority: no request is answered until enough of the nodes run.')
  },
}

export const clusterRemove: Command = {
  name: 'cluster remove',
  usage: 'NODE',
  summary: 'Remove a node for good, for example one that is lost.',
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [member] = invocation.arguments
    await askNode(invocation, 'cluster.remove', { member })
    invocation.output.step('removed', `node ${member}`, { member })
  },
}
