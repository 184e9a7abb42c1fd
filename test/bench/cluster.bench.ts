import { join } from 'node:path'
import { callAdmin } from '../../src/admin/index.ts'
import { type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import { startScratchNode } from '../../src/cli/scratch-node.ts'
import { Client, type Credentials, type Endpoint } from '../../src/client/index.ts'
import { clusterPaths, EtcdClient, readMembership } from '../../src/cluster/index.ts'
import { aesKey, frameOf, keyCells, success } from './cells.ts'
import type { LoadResult } from './load.ts'
import { runLoad } from './processes.ts'

/** Milliseconds, but for the rate. */
export interface ClusterRow {
  readonly what: string
  readonly where: 'one node, no cluster' | 'one of three' | 'one of three, one dead' | 'etcd itself' | 'etcd itself, one dead'
  readonly connections: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

export interface ClusterBenchOptions {
  readonly connections: readonly number[]
  /** Milliseconds of each measurement. */
  readonly duration: number
  readonly onRow: (row: ClusterRow) => void
}

/**
 * Create, Encrypt of 64 bytes and Destroy on a node that stands alone and on one of three, all up and one dead, each with one worker, beside
 * what the cluster's etcd takes for a put of a record's size and for a linearizable read, in the same run. All on one machine: three nodes
 * share the cores that one has for itself.
 */
export async function benchCluster(options: ClusterBenchOptions): Promise<readonly ClusterRow[]> {
  const rows: ClusterRow[] = []
  const note = (row: ClusterRow) => {
    rows.push(row)
    options.onRow(row)
  }
  const alone = await startScratchNode(1)
  try {
    await measureNode(alone.endpoint, await alone.addTenant('bench'), 'one node, no cluster', options, note)
  } finally {
    await alone.remove()
  }
  const cluster = await startScratchCluster({ settings: { workers: 1, log: { level: 'error' } } })
  try {
    await measureCluster(cluster, options, note)
  } finally {
    await cluster.remove()
  }
  return rows
}

async function measureCluster(cluster: ScratchCluster, options: ClusterBenchOptions, note: (row: ClusterRow) => void): Promise<void> {
  const [first, second, third] = cluster.nodes as readonly [ScratchClusterNode, ScratchClusterNode, ScratchClusterNode]
  await callAdmin(first.data, 'tenant.add', { tenant: 'bench' })
  const credentials = await cluster.enroll('bench', 'client')
  const etcd = await etcdOf(second)
  try {
    await measureEtcd(etcd, 'etcd itself', options, note)
    await measureNode(second.endpoint, credentials, 'one of three', options, note)
    await third.process.kill()
    await measureEtcd(etcd, 'etcd itself, one dead', options, note)
    await measureNode(second.endpoint, credentials, 'one of three, one dead', options, note)
  } finally {
    etcd.close()
  }
}

async function measureNode(
  endpoint: Endpoint,
  credentials: Credentials,
  where: ClusterRow['where'],
  { connections: counts, duration }: ClusterBenchOptions,
  note: (row: ClusterRow) => void,
): Promise<void> {
  const bundle = { authority: String(credentials.ca), certificate: String(credentials.cert), privateKey: String(credentials.key) }
  const run = async (what: string, connections: number, frames: readonly Uint8Array[], once?: true) => {
    const result = await runLoad({
      port: endpoint.port,
      bundle,
      frames: frames.map((frame) => Buffer.from(frame).toString('base64')),
      mark: success.toString('base64'),
      connections,
      warmUp,
      duration,
      ...(once === undefined ? {} : { once }),
    })
    if (result.failures > 0) throw new Error(`${what}, ${where}: ${result.failures} of ${result.requests} answers were no success`)
    note({ what, where, connections, ...figures(result) })
    return result
  }
  const encrypt = (await keyCells(endpoint, credentials)).find(({ name }) => name === 'Encrypt 64 B')
  const create = [frameOf('2.1', { operation: 'Create', payload: aesKey() })]
  for (const connections of counts) {
    await run('Encrypt 64 B', connections, encrypt?.frames ?? [])
    const { rate } = await run('Create', connections, create)
    // A Destroy costs about what a Create does; twice as many keys as that allows, so that they last.
    const wanted = Math.ceil(((warmUp + duration) / 1000) * rate * 2)
    await run('Destroy', connections, await destroysOf(endpoint, credentials, wanted), true)
  }
}

/** Makes keys, and for each the message that destroys it. */
async function destroysOf(endpoint: Endpoint, credentials: Credentials, count: number): Promise<Uint8Array[]> {
  const client = new Client({ endpoints: [endpoint], ...credentials })
  const payload = { ...aesKey(), attributes: aesKey().attributes.filter(({ name }) => name !== 'ActivationDate') }
  const frames: Uint8Array[] = []
  const makers = Array.from({ length: 8 }, async () => {
    while (frames.length < count) {
      const answers = await client.batch(Array.from({ length: keysAtOnce }, () => ({ operation: 'Create' as const, payload })))
      for (const answer of answers) {
        if (answer.status === 'OperationFailed') throw answer.error
        const { uniqueIdentifier } = answer.payload as { readonly uniqueIdentifier: string }
        frames.push(frameOf('2.1', { operation: 'Destroy', payload: { uniqueIdentifier } }))
      }
    }
  })
  try {
    await Promise.all(makers)
    return frames
  } finally {
    client.close()
  }
}

/** Puts and linearizable reads at the member of the node that is measured, without Tresor between. */
async function measureEtcd(
  etcd: EtcdClient,
  where: ClusterRow['where'],
  { connections: counts, duration }: ClusterBenchOptions,
  note: (row: ClusterRow) => void,
): Promise<void> {
  const value = Buffer.alloc(recordBytes, 7)
  let next = 0
  const calls = {
    put: () => etcd.put({ key: Buffer.from(`bench/${next++ % 10_000}`), value }, { deadline: 10_000, endpoint: 0 }),
    'linearizable read': () => etcd.range({ key: Buffer.from('bench/0'), limit: 1 }, { deadline: 10_000, endpoint: 0 }),
  }
  for (const connections of counts)
    for (const [what, call] of Object.entries(calls)) note({ what, where, connections, ...(await timed(connections, duration, call)) })
}

async function timed(inFlight: number, duration: number, call: () => Promise<unknown>): Promise<Pick<LoadResult, 'rate' | 'p50' | 'p99'>> {
  const times: number[] = []
  const began = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let now = performance.now(); now < began + duration; ) {
        await call()
        const after = performance.now()
        times.push(after - now)
        now = after
      }
    }),
  )
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0
  return { rate: times.length / ((performance.now() - began) / 1000), p50: at(0.5), p99: at(0.99) }
}

async function etcdOf({ data }: ScratchClusterNode): Promise<EtcdClient> {
  const folder = join(data, 'cluster')
  const membership = await readMembership(folder)
  if (membership === undefined) throw new Error(`${folder} is no cluster folder`)
  return new EtcdClient({ endpoints: [membership.clientUrl], tls: clusterPaths(folder).tls })
}

const figures = ({ rate, p50, p99 }: LoadResult) => ({ rate, p50, p99 })

const warmUp = 700
/** What a key's record has in the ledger, about. */
const recordBytes = 700
/** Of one batch: an etcd transaction takes it whole. */
const keysAtOnce = 40
