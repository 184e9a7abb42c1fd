import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { makeFolder, writeWhole } from '../certs/files.ts'
import { issuePeer, loadAuthority } from '../certs/index.ts'
import type { CertifyPeer, SharedSecrets } from './cluster/index.ts'
import type { DataFolder } from './node-files.ts'

/** Where the authority of the cluster's peers lies, apart from that of the clients. */
export function clusterAuthority({ cluster }: DataFolder): string {
  return join(cluster, 'authority')
}

/** Certifies the nodes that join. */
export function certifierOf(folder: DataFolder): CertifyPeer {
  return async (request) => {
    const { certificate, authority } = await issuePeer(await loadAuthority(clusterAuthority(folder)), request)
    return { certificate, authority }
  }
}

/** Files that every node of a cluster has alike: the root secret of software partitions, the clients' authority, the peers' authority. */
const shared = (folder: DataFolder) =>
  ({
    rootSecret: folder.keyFile,
    clientAuthority: join(folder.authority, 'ca.pem'),
    clientAuthorityKey: join(folder.authority, 'ca-key.pem'),
    peerAuthority: join(clusterAuthority(folder), 'ca.pem'),
    peerAuthorityKey: join(clusterAuthority(folder), 'ca-key.pem'),
  }) as const

/** Fingerprints of what every node has alike, where an operator runs etcd and no node lets another in. Those of secrets reveal nothing. */
export async function fingerprintsOfShared(folder: DataFolder): Promise<SharedSecrets> {
  const { rootSecret, clientAuthority } = shared(folder)
  const found: Record<string, string> = {}
  for (const path of [rootSecret, clientAuthority]) {
    if (existsSync(path))
      found[relative(folder.root, path)] = createHmac('sha256', (await readFile(path, 'utf8')).trim())
        .update('shared by the nodes of a cluster')
        .digest('hex')
  }
  return found
}

/** What a new node is given when it joins; travels under TLS to a node with an invitation. */
export async function packJoinSecrets(folder: DataFolder): Promise<Uint8Array> {
  const files: Record<string, string> = {}
  for (const [name, path] of Object.entries(shared(folder))) if (existsSync(path)) files[name] = await readFile(path, 'utf8')
  return Buffer.from(JSON.stringify(files))
}

/** Writes what a joining node was given; each file its owner's alone. */
export async function unpackJoinSecrets(folder: DataFolder, packed: Uint8Array): Promise<void> {
  const files = JSON.parse(Buffer.from(packed).toString('utf8')) as Readonly<Record<string, string>>
  for (const [name, path] of Object.entries(shared(folder))) {
    const content = files[name]
    if (content === undefined) continue
    await makeFolder(dirname(path))
    await writeWhole(path, content, 0o600)
  }
}
