import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthority, saveAuthority } from '../../certs/index.ts'
import { findEtcd, initCluster, invite, joinCluster, readMembership } from '../cluster/index.ts'
import { configFileName } from '../config.ts'
import { certifierOf, clusterAuthority, unpackJoinSecrets } from '../join-secrets.ts'
import { dataFolder, renewServerCertificate } from '../node-files.ts'
import { openEmbeddedLedger } from '../store/index.ts'
import { clusterAddresses, nodeAddresses, writeClusterConfig } from './cluster-config.ts'
import { CommandError, type Invocation } from './command.ts'
import { folderState } from './data-format.ts'
import { makeData, makeDevelopmentSecrets } from './make-data-folder.ts'
import { addressOption, addressText, configOf, dataWords, shownPath } from './place.ts'

/** Makes a stopped node with an empty store the first of a cluster, and shows the token with which others join. */
export async function beginCluster(invocation: Invocation): Promise<void> {
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
