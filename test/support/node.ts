import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleFiles, issueClient, writeBundle } from '../../certs/index.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { type RunningNode, startNode } from '../../src/main.ts'
import { dataFolder, ownAuthority } from '../../src/node-files.ts'
import { createKeyFile, createSoftwarePartition } from '../../src/partitions/index.ts'
import type { ServerLimits } from '../../src/server/limits.ts'
import { type Log, silentLog } from '../../src/server/log.ts'
import type { ClientBundle } from './tls-client.ts'

export interface TestNodeOptions {
  /** 0, the default: all in this process. */
  readonly workers?: number
  readonly limits?: Partial<ServerLimits>
  readonly log?: Log
  /** Keeps an earlier node's folder; a new one is made when left out, and removed with the node. */
  readonly data?: string
  readonly https?: boolean
  /** Settings of the configuration's section `tls`. */
  readonly tls?: Partial<Config['tls']>
}

/** A node for tests: a folder of its own, a development PKI, the tenant `demo` in a software partition, the client `app`. */
export interface TestNode {
  readonly node: RunningNode
  readonly data: string
  readonly port: number
  readonly httpsPort: number | undefined
  readonly operatorPort: number
  /** The client `app` of the tenant `demo`. */
  readonly client: ClientBundle
  /** Where that client's bundle lies: `ca.pem`, `cert.pem`, `key.pem`. */
  readonly bundleFolder: string
  /** Enrolls a user, of a tenant that is made where it is missing, and issues its certificate. */
  enroll(tenant: string, user: string, role?: string): Promise<ClientBundle>
  /** Stops the node; its folder stays. */
  stop(milliseconds?: number): Promise<void>
  /** Stops the node and removes its folder. */
  remove(): Promise<void>
}

export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'tresor-node-')))
  const defaults = await loadConfig({ data })
  const config: Config = {
    ...defaults,
    workers: options.workers ?? 0,
    listen: { kmip: [anyPort], https: options.https === true ? [anyPort] : [] },
    operator: anyPort,
    limits: { ...defaults.limits, ...options.limits },
    tls: { ...defaults.tls, ...options.tls },
    log: { ...defaults.log, level: 'error' },
  }
  const folder = dataFolder(config)
  const authority = await ownAuthority(folder)
  const node = await startNode(config, { log: options.log ?? silentLog() })
  const enroll = async (tenant: string, user: string, role?: string) => {
    const { registry } = node
    if (!(await registry.listTenants()).some(({ id }) => id === tenant)) await addTenant(node, tenant)
    await registry.enroll(tenant, user, role)
    const issued = await issueClient(authority, { tenant, user })
    await writeBundle(join(folder.clients, tenant, user), issued)
    return readBundle(join(folder.clients, tenant, user))
  }
  const bundleFolder = join(folder.clients, 'demo', 'app')
  const client = options.data === undefined ? await enroll('demo', 'app') : await readBundle(bundleFolder)
  return {
    node,
    data,
    port: node.processes.ports.kmip ?? 0,
    httpsPort: node.processes.ports.https,
    operatorPort: node.processes.operatorPort ?? 0,
    client,
    bundleFolder,
    enroll,
    stop: (milliseconds = 1000) => node.stop(milliseconds),
    remove: async () => {
      await node.stop(500)
      await rm(data, { recursive: true, force: true })
    },
  }
}

export async function readBundle(folder: string): Promise<ClientBundle> {
  const [authority, certificate, privateKey] = await Promise.all(
    [bundleFiles.authority, bundleFiles.certificate, bundleFiles.privateKey].map((name) => readFile(join(folder, name), 'utf8')),
  )
  return { authority: authority ?? '', certificate: certificate ?? '', privateKey: privateKey ?? '' }
}

async function addTenant({ registry, folder }: RunningNode, tenant: string): Promise<void> {
  const name = 'software'
  if (!(await registry.listPartitions()).some((partition) => partition.name === name)) {
    const { ring } = createSoftwarePartition({ name, rootSecret: createKeyFile(folder.keyFile) })
    await registry.addPartition({ kind: 'software', name, ring: Buffer.from(ring).toString('base64') })
  }
  await registry.addTenant(tenant, name)
}

const anyPort = { host: '127.0.0.1', port: 0 }
