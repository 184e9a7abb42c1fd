import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callAdmin } from '../../src/admin/index.ts'
import { type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import { Client, type Credentials } from '../../src/client/index.ts'
import type { Network } from '../support/network-faults.ts'
import { processesOf } from '../support/stopped.ts'

/** Bytes of the disk of the node that has a small one of its own. */
const smallDisk = 400 * 1024 * 1024

/** Whose keys are under load: one that wants every answer current, and one that has chosen some milliseconds of age for less waiting. */
export const tenants = [
  { name: 'chaos', freshness: 0, clientsEach: 3 },
  { name: 'relaxed', freshness: 400, clientsEach: 1 },
] as const

export type TenantName = (typeof tenants)[number]['name']

/** Real nodes on a network that can be made bad. */
export interface ChaosCluster {
  readonly network: Network
  readonly nodes: readonly ScratchClusterNode[]
  /** The node whose data lies on a small disk of its own; undefined where none can be had. */
  readonly smallDisk: number | undefined
  /** A file that holds the milliseconds by which a node's clock is off. */
  clockFile(index: number): string
  /** A tenant's client of one node, or of all of them, that fails over. */
  client(tenant: TenantName, index: number | undefined): Client
  /** Which node's etcd member leads now; undefined while nobody can tell. */
  leader(): Promise<number | undefined>
  processes(index: number): NodeProcesses
  remove(): Promise<void>
}

/** Process numbers. */
export interface NodeProcesses {
  readonly all: readonly number[]
  readonly etcd: number | undefined
  readonly worker: number | undefined
}

export interface ChaosClusterOptions {
  readonly network: Network
  /** Nodes: three, or five. */
  readonly size: number
  /** Added to each node's environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Modules that each process of a node loads first. */
  readonly preload?: readonly URL[]
  readonly onNode?: (name: string) => void
}

export async function startChaosCluster({
  network,
  size,
  environment = {},
  preload = [],
  onNode,
}: ChaosClusterOptions): Promise<ChaosCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tresor-chaos-'))
  const clockFile = (index: number) => join(folder, `clock-${index + 1}`)
  const disk = mountSmallDisk()
  if (disk !== undefined) symlinkSync(disk, join(folder, `node-${size}`))
  const imports = [new URL('./clock-preload.js', import.meta.url), ...preload].map((url) => `--import=${url.href}`).join(' ')
  const started: ScratchClusterNode[] = []
  const end = () => {
    for (const { process: node } of started) if (node.pid !== undefined) process.kill(-node.pid, 'SIGKILL')
    unmount(disk)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    void network.close().finally(() => process.exit(endedBySignal))
  }
  process.once('SIGINT', end).once('SIGTERM', end)
  let cluster: ScratchCluster
  try {
    cluster = await startScratchCluster({
      folder,
      size,
      settings: { workers: 1, log: { level: 'error' } },
      onNode: (node) => {
        started.push(node)
        onNode?.(node.name)
      },
      place: (index) => {
        const { host, launch = {} } = network.place(index)
        const own = { NODE_OPTIONS: imports, TRESOR_CHAOS_CLOCK: clockFile(index), ...environment }
        return { host, launch: { ...launch, environment: { ...launch.environment, ...own } } }
      },
    })
  } catch (error) {
    unmount(disk)
    throw error
  }
  const { nodes } = cluster
  const credentials = new Map<TenantName, Credentials>()
  const clients: Client[] = []
  const remove = async () => {
    process.off('SIGINT', end).off('SIGTERM', end)
    for (const client of clients) client.close()
    await Promise.all(nodes.map((node) => node.process.kill()))
    unmount(disk)
    await cluster.remove()
    await network.close()
  }
  try {
    for (const { name, freshness } of tenants) {
      await callAdmin((nodes[0] as ScratchClusterNode).data, 'tenant.add', { tenant: name, policy: { freshness } })
      credentials.set(name, await cluster.enroll(name, 'app'))
    }
  } catch (error) {
    await remove()
    throw error
  }
  return {
    network,
    nodes,
    smallDisk: disk === undefined ? undefined : size - 1,
    clockFile,
    client: (tenant, index) => {
      const endpoints = nodes.filter((_, at) => index === undefined || at === index).map(({ endpoint }) => endpoint)
      const connection = { connectTimeout: 1_000, answerTimeout: 6_000 }
      // What one node answers is wanted, once: a use that is asked for twice counts twice.
      const failover = index === undefined ? {} : { failover: { patience: 0 } }
      const client = new Client({ endpoints, ...(credentials.get(tenant) as Credentials), connectionsPerNode: 1, connection, ...failover })
      clients.push(client)
      return client
    },
    leader: () => leaderOf(nodes),
    processes: (index) => processesIn((nodes[index] as ScratchClusterNode).process.pid),
    remove,
  }
}

async function leaderOf(nodes: readonly ScratchClusterNode[]): Promise<number | undefined> {
  const answers = nodes.map(async ({ data }) => {
    const { members } = (await callAdmin(data, 'cluster.status')) as { readonly members: readonly { name: string; role: string }[] }
    const at = nodes.findIndex(({ name }) => members.some((member) => member.name === name && member.role === 'leader'))
    if (at < 0) throw new Error('it knows no leader')
    return at
  })
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, 2_000, undefined).unref())
  return await Promise.race([Promise.any(answers).catch(() => undefined), late])
}

function processesIn(group: number | undefined): NodeProcesses {
  if (group === undefined) return { all: [], etcd: undefined, worker: undefined }
  const all = processesOf(group)
  const read = (pid: number, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  return {
    all,
    etcd: all.find((pid) => read(pid, 'comm').trim() === 'etcd'),
    worker: all.find((pid) => read(pid, 'cmdline').includes(workerProgram)),
  }
}

const endedBySignal = 130

/** A worker's only argument. */
const workerProgram = '\0worker\0'

/** Its folder; undefined where none may be mounted. */
function mountSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return undefined
  const path = mkdtempSync(join(tmpdir(), 'tresor-chaos-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${smallDisk},mode=0700`, 'tresor-chaos', path], { stdio: 'ignore' })
    return path
  } catch {
    rmdirSync(path)
    return undefined
  }
}

function unmount(disk: string | undefined): void {
  if (disk === undefined) return
  execFileSync('umount', ['--lazy', disk], { stdio: 'ignore' })
  rmdirSync(disk)
}
