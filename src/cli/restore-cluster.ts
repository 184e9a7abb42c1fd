import { existsSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type BroughtForward,
  backUp,
  bringForward,
  clusterPaths,
  type EtcdClient,
  findEtcd,
  Keys,
  newClusterToken,
  openBackup,
  readMembership,
  readSeeding,
  type Seeding,
  withLoneMember,
} from '../cluster/index.ts'
import type { Config, HostPort } from '../config.ts'
import { rootSource } from '../configured-root.ts'
import { fingerprintsForBackup } from '../join-secrets.ts'
import { type DataFolder, dataFolder } from '../node-files.ts'
import { NodeRoot } from '../node-root.ts'
import { holdsOwnData, openStoppedReplica, withFolderTaken } from '../store/index.ts'
import { askPassphrase } from './ask-passphrase.ts'
import { type ClusterAddresses, clusterAddresses } from './cluster-config.ts'
import { CommandError, flagOption, type Invocation } from './command.ts'
import { folderState } from './data-format.ts'
import { showNext } from './form-cluster.ts'
import { makeData, makeDevelopmentSecrets } from './make-data-folder.ts'
import type { Output } from './output.ts'
import { configOf, shownPath } from './place.ts'
import { checkFree } from './run-node.ts'
import { ownCopy, ownStore, seedCluster } from './seed-cluster.ts'

/** Makes a stopped node the first of a new cluster that has what a backup, or the node's own copy of the lost cluster, holds. */
export async function restoreCluster(invocation: Invocation): Promise<void> {
  const { output } = invocation
  const config = await configOf(invocation)
  const [given] = invocation.arguments
  const file = given === undefined ? undefined : resolve(given)
  const folder = dataFolder(config)
  const begun = await readSeeding(folder.cluster)
  if (begun !== undefined) checkSame(begun, file ?? ownCopy(folder))
  if (!flagOption(invocation, acceptLoss)) throw new CommandError(whatMayBeLost(file))
  await findEtcd(config.cluster?.etcd.path)
  if (begun === undefined && holdsOwnData(folder.store))
    throw new CommandError(
      `${shownPath(folder.store)} holds the keys of a node that stands alone, which a restore would replace; use another data folder: tresor --data DIR cluster restore`,
    )
  const seeding = begun ?? (await begin(config, folder, invocation, file))
  await seedCluster(config, seeding, output)
  output.line()
  output.line(
    'This is a new cluster. The other nodes of the old one are refused here: move their data folders away, and let each join anew.',
  )
  await showNext(invocation, folder, seeding.addresses)
}

const acceptLoss = 'accept-loss'

function checkSame({ from }: Seeding, wanted: string): void {
  if (from === ownStore)
    throw new CommandError('this node is being made the first of a cluster with its own store; finish with: tresor cluster init')
  if (from !== wanted)
    throw new CommandError(`a restore from ${from} was begun here and is not finished; finish it first: tresor cluster restore ${from}`)
}

function whatMayBeLost(file: string | undefined): string {
  const source = file === undefined ? "this node's own copy of the cluster" : `the backup ${shownPath(file)}`
  return (
    `a restore goes back to ${source}. Lost is everything that was answered after it was taken: keys made since are gone for good, with whatever they protect. ` +
    'And keys DESTROYED, revoked or changed since COME BACK as they were then: destroy and revoke them again. ' +
    'Restore only when no majority of the nodes can be started any more' +
    (file === undefined ? '' : "; a surviving node's own copy is newer than any backup (leave FILE out)") +
    ` If you accept that, say so: --${acceptLoss}`
  )
}

async function begin(config: Config, folder: DataFolder, invocation: Invocation, file: string | undefined): Promise<Seeding> {
  const addresses = await addressesOf(config, folder, invocation)
  if (folderState(config.data) === 'new')
    throw new CommandError(
      `${shownPath(config.data)} is not there or empty: a backup holds keys that only root.key (or your HSM) can open. Copy root.key, pki and epoch-secrets of a node of the old cluster to it first`,
    )
  const from = file ?? (await copyOwn(config, folder, invocation.output))
  const backup = openBackup(from)
  const { header } = backup
  backup.close()
  await checkSecrets(config, folder, header.secrets)
  await makeData(config, { secrets: makeDevelopmentSecrets })
  invocation.output.step('from', `${shownPath(from)}: revision ${header.revision}, written by ${header.node} at ${header.made}`, {
    from,
    ...header,
  })
  return { formatVersion: 1, clusterToken: newClusterToken(), from, addresses, done: false }
}

/**
 * What the node's own etcd member has, which is on disk even when the machine stopped, with what its replica shows beyond that; as a backup.
 */
async function copyOwn(config: Config, folder: DataFolder, output: Output): Promise<string> {
  const { etcd } = clusterPaths(folder.cluster)
  const membership = await readMembership(folder.cluster)
  if (membership === undefined || !existsSync(etcd))
    throw new CommandError(`${shownPath(etcd)}: this node has no copy of a cluster; name a backup: tresor cluster restore FILE`)
  for (const url of [membership.peerUrl, membership.clientUrl]) await checkFree(addressOf(url))
  const path = ownCopy(folder)
  const scratch = `${path}.etcd`
  const secrets = await fingerprintsForBackup(folder, await NodeRoot.open(rootSource(config, folder, askPassphrase), config))
  // One that an earlier try left may be older than what the node took part in since.
  await rm(path, { force: true })
  try {
    // The member itself stays as it is: the others might come back after all.
    await rm(scratch, { recursive: true, force: true })
    await cp(etcd, scratch, { recursive: true })
    await withFolderTaken(folder.store, () =>
      withLoneMember(
        { folder: folder.cluster, dataDir: scratch, company: 'alone', etcd: config.cluster?.etcd.path, quota: config.cluster?.etcd.quota },
        async (client) => {
          const keys = new Keys()
          await useReplica(client, keys, folder, output)
          return await backUp(client, keys, path, { node: membership.node, secrets })
        },
      ),
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return path
}

async function useReplica(client: EtcdClient, keys: Keys, folder: DataFolder, output: Output): Promise<void> {
  const replica = openStoppedReplica(folder.store)
  if (replica === undefined) return
  const telling = (words: string, facts: object = {}) => output.step('replica', words, { ...facts })
  try {
    const brought = await bringForward(client, keys, replica, (why) => telling(`is ahead of etcd's copy, and is left out: ${why}`, { why }))
    if (brought !== undefined) telling(forwardWords(brought), brought)
  } finally {
    await replica.close()
  }
}

function forwardWords({ from, to, written, removed }: BroughtForward): string {
  return `shows revision ${to}, etcd's copy ${from}: ${written} values written and ${removed} removed in between are taken from it`
}

function addressOf(url: string): HostPort {
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** A member keeps its name and addresses, unless others are given. */
async function addressesOf(config: Config, folder: DataFolder, invocation: Invocation): Promise<ClusterAddresses> {
  const given = clusterAddresses(invocation)
  const membership = await readMembership(folder.cluster)
  const { peer, client, join } = config.cluster ?? {}
  const kept = { name: membership?.node, peer, client, join }
  const said = ([name, value]: [string, unknown]) => value !== undefined && invocation.options[name] === undefined
  return { ...given, ...Object.fromEntries(Object.entries(kept).filter(said)) }
}

async function checkSecrets(config: Config, folder: DataFolder, wanted: Readonly<Record<string, string>>): Promise<void> {
  const here = await fingerprintsForBackup(folder, await NodeRoot.open(rootSource(config, folder, askPassphrase), config))
  for (const [name, fingerprint] of Object.entries(wanted)) {
    if (here[name] === fingerprint) continue
    const path = shownPath(folder.root)
    const what = here[name] === undefined ? 'is missing' : 'is another than the one that the keys of the backup were made under'
    throw new CommandError(`${name} in ${path} ${what}: copy root.key, pki/ca and epoch-secrets from a node of the old cluster`)
  }
}
