import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, saveAuthority } from '../../certs/index.ts'
import {
  backupSource,
  checkSeed,
  clusterPaths,
  dropUnbegun,
  initCluster,
  Keys,
  markBegun,
  openBackup,
  readMembership,
  readSeeding,
  type Seeding,
  type SeedProgress,
  seed,
  storeSource,
  withLoneMember,
  writeSeeding,
} from '../cluster/index.ts'
import { defaultQuota } from '../cluster/quota.ts'
import { type Config, configFileName } from '../config.ts'
import { certifierOf, clusterAuthority } from '../join-secrets.ts'
import { type DataFolder, dataFolder } from '../node-files.ts'
import { forgetStore, openMovingStore } from '../store/index.ts'
import { nodeAddresses, writeClusterConfig } from './cluster-config.ts'
import { CommandError } from './command.ts'
import type { Output } from './output.ts'
import { checkFree } from './run-node.ts'

/**
 * Makes a stopped node the first of a new cluster that has the given data. It may be killed at any point: run again with what
 * `readSeeding` tells, it goes on where it was; until it is done neither the node that was nor the one that is to be can start.
 */
export async function seedCluster(config: Config, seeding: Seeding, output: Output): Promise<void> {
  const folder = dataFolder(config)
  const paths = clusterPaths(folder.cluster)
  if (!seeding.done) {
    await bring(config, folder, seeding, output)
    await writeSeeding(folder.cluster, { ...seeding, done: true })
  }
  writeClusterConfig(config.file ?? join(config.data, configFileName), seeding.addresses)
  forgetStore(folder.store)
  for (const path of [oldEtcd(folder), ownCopy(folder)]) await rm(path, { recursive: true, force: true })
  await rm(paths.seeding)
}

/** Where the etcd data lie of a cluster that is replaced, until the new one has everything. */
function oldEtcd({ cluster }: DataFolder): string {
  return join(cluster, 'etcd-replaced')
}

/** A backup made of the node's own etcd data. */
export function ownCopy({ cluster }: DataFolder): string {
  return join(cluster, 'own-copy.backup')
}

async function bring(config: Config, folder: DataFolder, seeding: Seeding, output: Output): Promise<void> {
  const keys = new Keys()
  const { source, close } = openSource(keys, folder, seeding)
  try {
    const progress = told(output)
    const bytes = await checkSeed(source, progress)
    const quota = config.cluster?.etcd.quota ?? defaultQuota
    if (bytes * roomFactor > quota)
      throw new CommandError(
        `the data need about ${Math.ceil(bytes * roomFactor)} bytes in etcd, more than its quota of ${quota}: set cluster.etcd.quota, or spread the tenants over several clusters`,
      )
    if ((await readSeeding(folder.cluster)) === undefined) await writeSeeding(folder.cluster, seeding)
    await beginMember(folder, seeding)
    const membership = await readMembership(folder.cluster)
    if (membership !== undefined) await dropUnbegun(folder.cluster, membership)
    for (const name of ['peer', 'client'] as const) await checkFree(seeding.addresses[name])
    await withLoneMember({ folder: folder.cluster, etcd: config.cluster?.etcd.path, quota }, async (client) => {
      await markBegun(folder.cluster)
      await seed(client, keys, source, progress)
    })
    output.step('data', `${source.total} values brought into the cluster and compared`, { values: source.total })
  } finally {
    await close()
  }
}

function openSource(keys: Keys, folder: DataFolder, { from, clusterToken }: Seeding) {
  if (from === ownStore) {
    const store = openMovingStore(folder.store)
    return { source: storeSource(keys, clusterToken, store), close: () => store.close() }
  }
  const backup = openBackup(from)
  return { source: backupSource(keys, backup), close: async () => backup.close() }
}

/** A member of a new cluster, with an authority of its own: certificates of the one it replaces are worth nothing any more. */
async function beginMember(folder: DataFolder, { clusterToken, addresses }: Seeding): Promise<void> {
  const paths = clusterPaths(folder.cluster)
  const membership = await readMembership(folder.cluster)
  if (membership?.clusterToken === clusterToken) return
  await rm(paths.membership, { force: true })
  await rm(paths.invitations, { force: true })
  if (existsSync(paths.etcd)) {
    if (existsSync(oldEtcd(folder))) await rm(paths.etcd, { recursive: true })
    else await rename(paths.etcd, oldEtcd(folder))
  }
  await saveAuthority(clusterAuthority(folder), await createAuthority({ name: 'Tresor cluster CA' }))
  await initCluster(folder.cluster, nodeAddresses(addresses), certifierOf(folder), clusterToken)
}

/** Long work is told of now and then. */
function told(output: Output): SeedProgress {
  let last = performance.now()
  return (step, done, total) => {
    if (performance.now() - last < progressMilliseconds) return
    last = performance.now()
    output.step(words[step], `${done} of ${total} values`, { step, done, total })
  }
}

const words = { check: 'looking', bring: 'bringing', compare: 'comparing' } as const

/** `Seeding.from` of the store that lies in the node's own data folder. */
export const ownStore = 'store'
const progressMilliseconds = 2000
/** What etcd's file takes more than the values in it. */
const roomFactor = 1.5
