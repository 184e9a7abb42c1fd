import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type EtcdClient, openEtcdLedger } from '../../src/cluster/index.ts'
import { ReplicaWriter } from '../../src/store/index.ts'
import { objectChange } from '../support/change-sets.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'

export interface EtcdBenchRow {
  readonly name: string
  readonly inFlight: number
  readonly opsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Commits and barriers of the etcd ledger on three members, each beside the etcd call that it is made of, in the same run. */
export async function benchEtcd(secondsPerRow = 3): Promise<EtcdBenchRow[]> {
  const cluster = await startEtcdCluster(3)
  const replica = new ReplicaWriter(join(cluster.folder, 'replica'))
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: 'bench', replica })
  const client = cluster.client()
  const rows: EtcdBenchRow[] = []
  const value = 'v'.repeat(valueLength)
  let next = 0
  try {
    await ledger.barrier()
    const put = () => client.put({ key: Buffer.from(`bench/${next++}`), value: Buffer.from(value) }, { deadline: 10_000 })
    const commit = async () => {
      const { outcome } = await ledger.commit(objectChange(`bench-${next++}`, value, 0))
      if (outcome !== 'committed') throw new Error(`a commit of the bench ended as ${outcome}`)
    }
    for (const inFlight of [1, 16, 64]) {
      rows.push(await measure(`etcd put, ${valueLength} bytes`, inFlight, secondsPerRow, put))
      rows.push(await measure(`ledger commit, ${valueLength} bytes`, inFlight, secondsPerRow, commit))
      rows.push(await measure('etcd linearizable read', inFlight, secondsPerRow, () => read(client)))
      rows.push(await measure('ledger barrier', inFlight, secondsPerRow, () => ledger.barrier()))
    }
    let writing = true
    const writers = Array.from({ length: 16 }, async () => {
      while (writing) await commit()
    })
    rows.push(await measure('etcd linearizable read, beside 16 committing', 1, secondsPerRow, () => read(client)))
    rows.push(await measure('ledger barrier, beside 16 committing', 1, secondsPerRow, () => ledger.barrier()))
    writing = false
    await Promise.all(writers)
  } finally {
    await ledger.close()
    await replica.close()
    await cluster.close()
  }
  return rows
}

const valueLength = 700

function read(client: EtcdClient): Promise<unknown> {
  return client.range({ key: Buffer.from('tresor/head'), limit: 1 }, { deadline: 10_000 })
}

async function measure(name: string, inFlight: number, seconds: number, run: () => Promise<unknown>): Promise<EtcdBenchRow> {
  const times: number[] = []
  const start = performance.now()
  const requester = async () => {
    while (performance.now() - start < seconds * 1000) {
      const began = performance.now()
      await run()
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, requester))
  const elapsed = (performance.now() - start) / 1000
  times.sort((a, b) => a - b)
  const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)]! * 100) / 100
  return { name, inFlight, opsPerSecond: Math.round(times.length / elapsed), p50: at(0.5), p99: at(0.99) }
}
