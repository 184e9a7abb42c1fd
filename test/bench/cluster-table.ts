import type { ClusterRow } from './cluster.bench.ts'

/** One aim of the cluster, as a ratio within one run. */
export interface Aim {
  readonly what: string
  readonly measured: number
  readonly wanted: string
}

const headings = ['what', 'where', 'connections', 'ops/s', 'p50 ms', 'p99 ms']
const rate = (value: number) => Math.round(value).toLocaleString('en-US')
const cellsOf = (row: ClusterRow) => [row.what, row.where, String(row.connections), rate(row.rate), row.p50.toFixed(2), row.p99.toFixed(2)]

export function plainClusterRow(row: ClusterRow | 'headings'): string {
  const [what = '', where = '', ...figures] = row === 'headings' ? headings : cellsOf(row)
  return `${what.padEnd(20)}${where.padEnd(26)}${figures.map((figure) => figure.padStart(12)).join('')}`
}

export function clusterMarkdown(rows: readonly ClusterRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map((_, index) => (index < 2 ? '---' : '---:'))), ...rows.map((row) => line(cellsOf(row)))].join(
    '\n',
  )
}

/** What is asked of a cluster, computed from the rows; an aim whose rows were not measured is left out. */
export function aimsOf(rows: readonly ClusterRow[]): readonly Aim[] {
  const of = (what: string, where: ClusterRow['where'], connections: number) =>
    rows.find((row) => row.what === what && row.where === where && row.connections === connections)
  const aims: Aim[] = []
  const add = (what: string, wanted: string, top: number | undefined, bottom: number | undefined) => {
    if (top !== undefined && bottom !== undefined) aims.push({ what, wanted, measured: top / bottom })
  }
  const encrypt = of('Encrypt 64 B', 'one of three', 64)
  add(
    'Encrypt rate at 64 connections, of a node without a cluster',
    'at least 0.85',
    encrypt?.rate,
    of('Encrypt 64 B', 'one node, no cluster', 64)?.rate,
  )
  const [inCluster, alone] = [of('Encrypt 64 B', 'one of three', 1), of('Encrypt 64 B', 'one node, no cluster', 1)]
  const added = inCluster === undefined || alone === undefined ? undefined : inCluster.p50 - alone.p50
  add(
    "Encrypt p50 at 1 connection: what the cluster adds, in etcd's linearizable reads",
    'at most 1',
    added,
    of('linearizable read', 'etcd itself', 1)?.p50,
  )
  for (const connections of [1, 16, 64])
    for (const [there, etcd] of [
      ['one of three', 'etcd itself'],
      ['one of three, one dead', 'etcd itself, one dead'],
    ] as const)
      add(
        `Destroy p99 at ${connections}, ${there}, of etcd's put p99`,
        'at most 2',
        of('Destroy', there, connections)?.p99,
        of('put', etcd, connections)?.p99,
      )
  const create = of('Create', 'one of three', 64)
  add('Create rate at 64 connections, of one change at a time', 'at least 4', create?.rate, of('Create', 'one of three', 1)?.rate)
  add("Create rate at 64 connections, of etcd's puts of one each at 64", 'no aim', create?.rate, of('put', 'etcd itself', 64)?.rate)
  return aims
}
