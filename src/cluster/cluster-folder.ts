import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TlsFiles } from './etcd-client.ts'

/** What a node remembers of its cluster: `cluster.json` in its cluster folder. No secrets. */
export interface ClusterMembership {
  readonly formatVersion: 1
  /** The node's name, unique in the cluster. */
  readonly node: string
  /** Keeps the etcd members of different clusters apart. */
  readonly clusterToken: string
  readonly peerUrl: string
  readonly clientUrl: string
  readonly state: 'new' | 'existing'
  /** Of the first node: whether its member took part yet. */
  readonly begun?: boolean
  /** Names and peer URLs when this node's member was made. */
  readonly initialCluster: Readonly<Record<string, string>>
  /** Client URLs of the members as last seen, the own one first. */
  readonly endpoints: readonly string[]
  /** Of the node's own etcd member, hexadecimal; once it is known. */
  readonly memberId?: string
  /** Removed for good: this folder takes no part in anything any more. */
  readonly evicted?: boolean
}

/** Written while a new cluster is given its first data: until all of them are there, its first node must not start. */
export interface Seeding {
  readonly formatVersion: 1
  /** Of the cluster that begins. */
  readonly clusterToken: string
  /** Where the data come from: `store` for the node's own, or a backup's path. */
  readonly from: string
  readonly addresses: Readonly<Record<'peer' | 'client' | 'join', { readonly host: string; readonly port: number }>> & {
    readonly name: string
  }
  /** All of them are in the cluster and were compared; what is left is to put the old ones away. */
  readonly done: boolean
}

/** Where things lie in a node's cluster folder. */
export function clusterPaths(folder: string) {
  const tls: TlsFiles = { ca: join(folder, 'ca.pem'), certificate: join(folder, 'cert.pem'), privateKey: join(folder, 'key.pem') }
  return {
    tls,
    membership: join(folder, 'cluster.json'),
    seeding: join(folder, 'seeding.json'),
    etcd: join(folder, 'etcd'),
    invitations: join(folder, 'invitations.json'),
    revoked: join(folder, 'revoked.crl'),
  }
}

/** Undefined when no data are on their way. */
export function readSeeding(folder: string): Promise<Seeding | undefined> {
  return readJson<Seeding>(clusterPaths(folder).seeding)
}

export async function writeSeeding(folder: string, seeding: Seeding): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFileWhole(clusterPaths(folder).seeding, `${JSON.stringify(seeding, undefined, 2)}\n`, 0o600)
}

/** Undefined when the folder belongs to no cluster. */
export async function readMembership(folder: string): Promise<ClusterMembership | undefined> {
  const path = clusterPaths(folder).membership
  const membership = await readJson<ClusterMembership>(path)
  if (membership !== undefined && membership.formatVersion !== 1)
    throw new Error(`${path} has format ${membership.formatVersion}; this Tresor knows format 1: upgrade this node`)
  return membership
}

export async function writeMembership(folder: string, membership: ClusterMembership): Promise<void> {
  await writeFileWhole(clusterPaths(folder).membership, `${JSON.stringify(membership, undefined, 2)}\n`, 0o644)
}

/** Writes a peer's certificate and key, the membership last: a folder without it belongs to no cluster. */
export async function writeClusterFolder(
  folder: string,
  peer: { readonly certificate: string; readonly privateKey: string; readonly authority: string },
  membership: ClusterMembership,
): Promise<void> {
  const { tls } = clusterPaths(folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  await writeFileWhole(tls.privateKey, peer.privateKey, 0o600)
  await writeFileWhole(tls.certificate, peer.certificate, 0o644)
  await writeFileWhole(tls.ca, peer.authority, 0o644)
  await writeMembership(folder, membership)
}

/** A reader, or a crash, meets the old content or the new. */
export async function writeFileWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Undefined when there is no such file. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
