import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthority, saveAuthority } from '../../certs/index.ts'
import { findEtcd, initCluster, invite, joinCluster, newClusterToken, readMembership, readSeeding } from '../cluster/index.ts'
import { configFileName } from '../config.ts'
import { rootSource } from '../configured-root.ts'
import { certifierOf, clusterAuthority, joinSecretsTaker } from '../join-secrets.ts'
import { type DataFolder, dataFolder, renewServerCertificate } from '../node-files.ts'
import { holdsOwnData } from '../store/index.ts'
import { askPassphrase } from './ask-passphrase.ts'
import { type ClusterAddresses, clusterAddresses, nodeAddresses, writeClusterConfig } from './cluster-config.ts'
import { CommandError, type Invocation } from './command.ts'
import { folderState } from './data-format.ts'
import { makeData, makeDevelopmentSecrets } from './make-data-folder.ts'
import { addressOption, addressText, configOf, dataWords, shownPath } from './place.ts'
import { ownStore, seedCluster } from './seed-cluster.ts'

/** Makes a stopped node the first of a cluster, with all its data, and shows the token with which others join. */
export async function beginCluster(invocation: Invocation): Promise<void> {
  const { output } = invocation
  const config = await configOf(invocation)
  await findEtcd(config.cluster?.etcd.path)
  await makeData(config, { secrets: makeDevelopmentSecrets })
  const folder = dataFolder(config)
  const begun = await readSeeding(folder.cluster)
  if (begun !== undefined && begun.from !== ownStore)
    throw new CommandError(`${shownPath(folder.cluster)}: a restore was begun here; finish it with: tresor cluster restore`)
  const addresses = begun?.addresses ?? clusterAddresses(invocation)
  const membership = await readMembership(folder.cluster)
  if (begun !== undefined || (membership === undefined && holdsOwnData(folder.store))) {
    await seedCluster(
      config,
      begun ?? { formatVersion: 1, clusterToken: newClusterToken(), from: ownStore, addresses, done: false },
      output,
    )
  } else if (membership === undefined) {
    if (!existsSync(join(clusterAuthority(folder), 'ca.pem')))
      await saveAuthority(clusterAuthority(folder), await createAuthority({ name: 'Tresor cluster CA' }))
    await initCluster(folder.cluster, nodeAddresses(addresses), certifierOf(folder))
    writeClusterConfig(config.file ?? join(config.data, configFileName), addresses)
  } else if (config.cluster === undefined) {
    writeClusterConfig(config.file ?? join(config.data, configFileName), addresses)
  } else {
    throw new CommandError(`${shownPath(folder.cluster)}: this node is in a cluster already; see tresor cluster status`)
  }
  await showNext(invocation, folder, addresses)
}

/** The token for the next nodes, and what to type. */
export async function showNext(invocation: Invocation, folder: DataFolder, addresses: ClusterAddresses): Promise<void> {
  const { output } = invocation
  const token = await invite(folder.cluster, { endpoint: addressText(addresses.join), uses: firstUses, minutes: firstMinutes })
  output.step('cluster', `${addresses.name} is its first node`, { node: addresses.name, token })
  output.line()
  output.line('Next, here:')
  output.line(`  npx tresor ${dataWords(invocation)}serve`)
  output.line('and on each other node, within a day (tresor cluster invite makes another token):')
  output.line(`  npx tresor cluster join ${token}`)
}

/** Makes a data folder for a node that the cluster takes in. */
export async function takePlace(invocation: Invocation): Promise<void> {
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
      const root = rootSource(draft, folder, askPassphrase)
      await joinCluster(folder.cluster, token, nodeAddresses(addresses), { secrets: await joinSecretsTaker(folder, root, addresses.name) })
      await renewServerCertificate(draft, folder, new Date())
      writeClusterConfig(config.file ?? join(folder.root, configFileName), addresses)
    },
  })
  output.step('cluster', `${addresses.name} may take part`, { node: addresses.name, data: config.data })
  output.line()
  output.line(`Next: npx tresor ${dataWords(invocation)}serve`)
}

const firstUses = 2
const firstMinutes = 24 * 60
