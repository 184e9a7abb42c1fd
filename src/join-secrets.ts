import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { makeFolder, writeWhole } from '../certs/files.ts'
import { createDerCrl, issuePeer, loadAuthority } from '../certs/index.ts'
import type { CertifyPeer, JoinSecretsGiver, JoinSecretsTaker, SharedSecrets, SignCrl } from './cluster/index.ts'
import type { DataFolder } from './node-files.ts'
import type { NodeRoot } from './node-root.ts'
import { Secret } from './objects/secret.ts'
import {
  createRoot,
  credentialName,
  deliver,
  type EpochSecretFile,
  EpochSecretFiles,
  hasRoot,
  newDeliveryKey,
  parseSealedRoot,
  type RootSource,
  readRoot,
  readSealedRoot,
  receive,
  rootFingerprint,
  sealedRootText,
  writeSealedRoot,
} from './partitions/index.ts'

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

/** Signs the list of the certificates that the cluster's authority has revoked. */
export function crlSignerOf(folder: DataFolder): SignCrl {
  return async (serials) => await createDerCrl(await loadAuthority(clusterAuthority(folder)), serials)
}

/** Files that every node of a cluster has alike beside the root secret of software partitions: the clients' authority, the peers' authority. */
const shared = (folder: DataFolder) =>
  ({
    clientAuthority: join(folder.authority, 'ca.pem'),
    clientAuthorityKey: join(folder.authority, 'ca-key.pem'),
    peerAuthority: join(clusterAuthority(folder), 'ca.pem'),
    peerAuthorityKey: join(clusterAuthority(folder), 'ca-key.pem'),
  }) as const

/** Fingerprints of what every node has alike, where an operator runs etcd and no node lets another in. They reveal nothing. */
export async function fingerprintsOfShared(folder: DataFolder, root: NodeRoot): Promise<SharedSecrets> {
  const { clientAuthority } = shared(folder)
  const fingerprint = await root.fingerprint()
  return {
    ...(fingerprint === undefined ? {} : { [rootName]: fingerprint }),
    ...(existsSync(clientAuthority) && {
      [relative(folder.root, clientAuthority)]: createHmac('sha256', (await readFile(clientAuthority, 'utf8')).trim())
        .update('shared by the nodes of a cluster')
        .digest('hex'),
    }),
  }
}

/** For backups: also the names of the epoch secrets, without which software partitions do not open. */
export async function fingerprintsForBackup(folder: DataFolder, root: NodeRoot): Promise<SharedSecrets> {
  const files = new EpochSecretFiles(folder.epochSecrets)
  const named = files.list().map((file) => [relative(folder.root, files.path(file)), file.secretId])
  return { ...(await fingerprintsOfShared(folder, root)), ...Object.fromEntries(named) }
}

/** What the root secret is called wherever it comes from: its file's name, where it lies in one. */
const rootName = 'root.key'

/** What a joining node is told of the root secret. A secret that does not lie in a file is not given away: who joins must be able to have it. */
interface RootTold {
  readonly fingerprint: string
  /** How the node that tells has it. */
  readonly kind: RootSource['kind']
  /** Hexadecimal; from a key file alone. */
  readonly secret?: string
  /** The content of the file that a passphrase or a token opens. */
  readonly sealed?: string
}

interface JoinSecrets {
  readonly files: Readonly<Record<string, string>>
  readonly root: RootTold | undefined
  /** Hexadecimal; of every epoch that has keys under it. */
  readonly epochSecrets: readonly (EpochSecretFile & { readonly secret: string })[]
}

/** What a new node is given when it joins, encrypted to its delivery key: so it is nobody else's, whatever becomes of the TLS connection. */
export function joinSecretsOf(folder: DataFolder, root: NodeRoot): JoinSecretsGiver {
  return {
    pack: async ({ name, deliveryKey }) => {
      const files: Record<string, string> = {}
      for (const [file, path] of Object.entries(shared(folder))) if (existsSync(path)) files[file] = await readFile(path, 'utf8')
      const packed: JoinSecrets = { files, root: await tellRoot(root), epochSecrets: tellEpochSecrets(folder) }
      const plain = new Secret(Buffer.from(JSON.stringify(packed)))
      try {
        return deliver(deliveryKey, purpose(name), plain)
      } finally {
        plain.wipe()
      }
    },
    // Before its invitation is used up.
    refuse: async ({ rootFingerprint }) => {
      const own = rootFingerprint === undefined ? undefined : await root.fingerprint()
      return own === undefined || own === rootFingerprint ? undefined : otherRoot
    },
  }
}

function tellEpochSecrets(folder: DataFolder): JoinSecrets['epochSecrets'] {
  const files = new EpochSecretFiles(folder.epochSecrets)
  return files.list().flatMap((file) => {
    const secret = files.find(file)
    return secret === undefined ? [] : [{ ...file, secret: Buffer.from(secret.expose()).toString('hex') }]
  })
}

const otherRoot =
  "this node's root secret is another than the cluster's: its passphrase, command or file (root in tresor.yaml) must give the same secret as on the other nodes"

async function tellRoot(root: NodeRoot): Promise<RootTold | undefined> {
  const fingerprint = await root.fingerprint()
  if (fingerprint === undefined) return undefined
  const { source } = root
  const told = { fingerprint, kind: source.kind }
  if (source.kind === 'passphrase' || source.kind === 'pkcs11') return { ...told, sealed: sealedRootText(readSealedRoot(source.sealed)) }
  if (source.kind === 'command' || credentialName(source.path) !== undefined) return told
  const secret = await root.secret()
  try {
    return { ...told, secret: Buffer.from(secret.expose()).toString('hex') }
  } finally {
    secret.wipe()
  }
}

/**
 * Takes what a joining node is given: each file its owner's alone, the root secret where this node's configuration wants it.
 * @throws Error when this node's own root secret cannot be had; `take`, when the cluster's cannot be had here, or this node's is another one.
 */
export async function joinSecretsTaker(folder: DataFolder, root: RootSource, name: string): Promise<JoinSecretsTaker> {
  const key = newDeliveryKey()
  const rootFingerprint = hasRoot(root) ? await fingerprintOf(root) : undefined
  return {
    deliveryKey: key.publicKey,
    ...(rootFingerprint === undefined ? {} : { rootFingerprint }),
    take: async (packed) => {
      const plain = receive(key, purpose(name), packed)
      key.privateKey.wipe()
      const told = JSON.parse(Buffer.from(plain.expose()).toString('utf8')) as JoinSecrets
      plain.wipe()
      if (told.root !== undefined) await takeRoot(root, told.root)
      for (const [file, path] of Object.entries(shared(folder))) {
        const content = told.files[file]
        if (content === undefined) continue
        await makeFolder(dirname(path))
        await writeWhole(path, content, 0o600)
      }
      const files = new EpochSecretFiles(folder.epochSecrets)
      for (const { secret, ...file } of told.epochSecrets) files.keep(file, new Secret(Buffer.from(secret, 'hex')))
    },
  }
}

async function takeRoot(source: RootSource, { fingerprint, kind, secret, sealed }: RootTold): Promise<void> {
  if (!hasRoot(source)) {
    if (secret !== undefined) return (await createRoot(source, new Secret(Buffer.from(secret, 'hex')))).wipe()
    if (sealed === undefined || source.kind !== kind || !('sealed' in source))
      throw new Error(
        `the cluster's root secret comes from a ${kindNames[kind]}, and is not given away; say in the tresor.yaml of this node how it has the same: root (docs/security.md)`,
      )
    writeSealedRoot(source.sealed, parseSealedRoot('what the cluster gave', sealed))
  }
  if ((await fingerprintOf(source)) !== fingerprint) throw new Error(otherRoot)
}

const kindNames: Readonly<Record<RootSource['kind'], string>> = {
  keyFile: 'credential',
  passphrase: 'passphrase',
  command: 'command',
  pkcs11: 'token',
}

async function fingerprintOf(source: RootSource): Promise<string> {
  const own = await readRoot(source)
  const fingerprint = rootFingerprint(own)
  own.wipe()
  return fingerprint
}

function purpose(name: string): string {
  return `secrets of a cluster for node ${name}`
}
