import { X509Certificate } from 'node:crypto'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  type Authority,
  bundleFiles,
  createAuthority,
  issueServer,
  loadAuthority,
  needsRenewal,
  saveAuthority,
  writeBundle,
} from '../certs/index.ts'
import type { Config } from './config.ts'
import type { ServerFiles } from './server/serving.ts'
import type { TrustFile } from './tenants/index.ts'

/** Where things lie in the data folder. */
export interface DataFolder {
  readonly root: string
  /** The embedded store, or the replica of a cluster node. */
  readonly store: string
  /** The authority that issues the clients' bundles: `ca.pem`, `ca-key.pem`. */
  readonly authority: string
  /** The server's own certificate, where Tresor issues it. */
  readonly server: string
  /** Revocation lists of the own authority: every `.pem` and `.crl` in it is read. */
  readonly crls: string
  /** Client bundles, as `<tenant>/<user>`. */
  readonly clients: string
  /** The root secret of software partitions, hexadecimal, mode 0600. */
  readonly keyFile: string
  /** The same, sealed by a passphrase or a token, where the configuration says so. */
  readonly sealedRoot: string
  /** There while the root secret is being changed: `tresor root change`. */
  readonly rootChange: string
  /** Secrets of the epochs of software partitions, and this node's delivery key; each a file of mode 0600. */
  readonly epochSecrets: string
  readonly cluster: string
  /** Sockets of the node's processes and of the administrator's commands. */
  readonly run: string
}

export function dataFolder({ data, cluster }: Pick<Config, 'data' | 'cluster'>): DataFolder {
  return {
    root: data,
    store: join(data, 'store'),
    authority: join(data, 'pki', 'ca'),
    server: join(data, 'pki', 'server'),
    crls: join(data, 'pki', 'crls'),
    clients: join(data, 'clients'),
    keyFile: join(data, 'root.key'),
    sealedRoot: join(data, 'root.sealed'),
    rootChange: join(data, 'root.change'),
    epochSecrets: join(data, 'epoch-secrets'),
    cluster: cluster?.folder ?? join(data, 'cluster'),
    run: join(data, 'run'),
  }
}

/** The authority in the data folder; made, with the development mark, when there is none yet. */
export async function ownAuthority(folder: DataFolder): Promise<Authority> {
  if (await isThere(join(folder.authority, 'ca.pem'))) return loadAuthority(folder.authority)
  const authority = await createAuthority({ name: 'Tresor development CA', development: true })
  await saveAuthority(folder.authority, authority)
  return authority
}

/** Issues the server's certificate anew when it is missing, ends soon, is another authority's, or lacks one of `tls.hosts`. Nothing is done where the configuration names one. */
export async function renewServerCertificate(config: Config, folder: DataFolder, now: Date): Promise<void> {
  if (config.tls.certificate !== undefined) return
  const authority = await ownAuthority(folder)
  const [current, issuer] = await Promise.all([
    text(join(folder.server, bundleFiles.certificate)),
    text(join(folder.server, bundleFiles.authority)),
  ])
  if (
    current !== undefined &&
    issuer?.trim() === authority.certificate.trim() &&
    !needsRenewal(current, now) &&
    names(current, config.tls.hosts)
  )
    return
  await writeBundle(folder.server, await issueServer(authority, { hosts: config.tls.hosts, now }), { withoutPkcs12: true })
}

function names(certificate: string, hosts: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate)
  return hosts.every((host) => (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined)
}

/** Everything that TLS and the identities need, read anew. @throws Error that names the file. */
export async function loadServerFiles(config: Config, folder: DataFolder): Promise<ServerFiles> {
  const { tls } = config
  const certificate = await readFile(tls.certificate ?? join(folder.server, bundleFiles.certificate), 'utf8')
  const privateKey = await readFile(tls.key ?? join(folder.server, bundleFiles.privateKey), 'utf8')
  const own = join(folder.authority, 'ca.pem')
  const authorities = [...((await isThere(own)) ? [own] : []), ...tls.clientAuthorities]
  return {
    tls: { certificate, privateKey, ciphers: tls.ciphers, minimumVersion: tls.minimumVersion },
    trust: {
      authorities: await Promise.all(authorities.map(trustFile)),
      crls: await Promise.all([...tls.crls, ...(await ownCrls(folder))].map(trustFile)),
      overdueCrl: tls.overdueCrl,
    },
  }
}

/** A text that changes when one of the files that `loadServerFiles` reads does: their names, sizes and times. */
export async function serverFilesMark(config: Config, folder: DataFolder): Promise<string> {
  const { tls } = config
  const named = [tls.certificate, tls.key, ...tls.clientAuthorities, ...tls.crls].filter((path) => path !== undefined)
  const server = [bundleFiles.certificate, bundleFiles.privateKey].map((name) => join(folder.server, name))
  const own = [...server, join(folder.authority, 'ca.pem'), ...(await ownCrls(folder))]
  const marks = await Promise.all(
    [...named, ...own].map(async (path) => {
      const found = await stat(path).catch(() => undefined)
      return `${path} ${found?.size} ${found?.mtimeMs} ${found?.ino}`
    }),
  )
  return marks.join('\n')
}

async function ownCrls(folder: DataFolder): Promise<string[]> {
  const names = await readdir(folder.crls).catch(() => [])
  return names.filter((name) => /\.(pem|crl)$/.test(name)).map((name) => join(folder.crls, name))
}

async function trustFile(path: string): Promise<TrustFile> {
  return { name: path, content: await readFile(path) }
}

async function text(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Makes the folders that a node writes to, its owner's alone. */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  for (const path of [folder.root, folder.store, folder.run, folder.crls]) await mkdir(path, { recursive: true, mode: 0o700 })
}

/** Where workers reach the ledger process. */
export function ledgerSocket(folder: DataFolder): string {
  return join(folder.run, 'ledger.sock')
}

/** Where workers reach the hsm process. */
export function hsmSocket(folder: DataFolder): string {
  return join(folder.run, 'hsm.sock')
}

/** Where a worker, counted from 1, lets its siblings reach its streams; undefined for one that this node has not. */
export function workerSocket({ workers }: Pick<Config, 'workers'>, folder: DataFolder, number: number): string | undefined {
  return number >= 1 && number <= workers ? join(folder.run, `worker-${number}.sock`) : undefined
}
