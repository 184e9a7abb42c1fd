import { AggregatorRegistry, collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import type { OperationName } from '../../spec/operations.ts'

/** The metrics of one process at one time, as plain data that travels between processes. */
export interface MetricsSnapshot {
  readonly process: string
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  readonly histograms: readonly HistogramSnapshot[]
  /** What prom-client knows of the process: CPU, memory, event loop. */
  readonly runtime: readonly MetricObjectWithValues<MetricValue<string>>[]
}

interface HistogramSnapshot {
  readonly name: string
  readonly labels: string
  readonly buckets: readonly number[]
  readonly sum: number
}

/** Upper bounds in seconds. */
const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Durations, counted by buckets: observing is a few comparisons and two additions. */
class Durations {
  readonly buckets: number[] = new Array<number>(bounds.length + 1).fill(0)
  sum = 0

  /** @param milliseconds as `performance.now()` differences are */
  observe(milliseconds: number): void {
    const seconds = milliseconds / 1000
    let at = 0
    while (at < bounds.length && seconds > (bounds[at] as number)) at++
    ;(this.buckets[at] as number)++
    this.sum += seconds
  }
}

/** What one operation did. */
class OperationCounters {
  readonly durations = new Durations()
  readonly results = new Map<string, number>()
}

/** The numbers of one process. */
export class Metrics {
  readonly barrier = new Durations()
  readonly commit = new Durations()
  conflicts = 0
  unknownOutcomes = 0
  internalErrors = 0
  readonly #process: string
  readonly #operations = new Map<string, OperationCounters>()
  readonly #sources: (() => Partial<Pick<MetricsSnapshot, 'counters' | 'gauges'>>)[] = []
  readonly #runtime = new Registry()

  /** @param process how it is called in labels: `node`, `worker-1` ... */
  constructor(process: string) {
    this.#process = process
    collectDefaultMetrics({ register: this.#runtime, labels: { process } })
  }

  /** Counts one Batch Item. @param result `Success` or the Result Reason */
  item(operation: OperationName | 'unknown', result: string, milliseconds: number): void {
    const counters = this.#operations.get(operation) ?? this.#newOperation(operation)
    counters.durations.observe(milliseconds)
    counters.results.set(result, (counters.results.get(result) ?? 0) + 1)
  }

  #newOperation(operation: string): OperationCounters {
    const counters = new OperationCounters()
    this.#operations.set(operation, counters)
    return counters
  }

  /** Adds numbers that others keep; asked at each snapshot. Names are without the prefix `tresor_`. */
  source(read: () => Partial<Pick<MetricsSnapshot, 'counters' | 'gauges'>>): void {
    this.#sources.push(read)
  }

  async snapshot(): Promise<MetricsSnapshot> {
    const counters: Record<string, number> = {
      commit_conflicts_total: this.conflicts,
      commit_unknown_outcomes_total: this.unknownOutcomes,
      internal_errors_total: this.internalErrors,
    }
    const gauges: Record<string, number> = {}
    const histograms: HistogramSnapshot[] = [
      { name: 'barrier_seconds', labels: '', buckets: this.barrier.buckets, sum: this.barrier.sum },
      { name: 'commit_seconds', labels: '', buckets: this.commit.buckets, sum: this.commit.sum },
    ]
    for (const [operation, { durations, results }] of this.#operations) {
      histograms.push({ name: 'operation_seconds', labels: `operation="${operation}"`, buckets: durations.buckets, sum: durations.sum })
      for (const [result, count] of results) counters[`operations_total{operation="${operation}",result="${result}"}`] = count
    }
    for (const read of this.#sources) {
      const found = read()
      Object.assign(counters, found.counters)
      Object.assign(gauges, found.gauges)
    }
    const runtime = (await this.#runtime.getMetricsAsJSON()) as MetricObjectWithValues<MetricValue<string>>[]
    return { process: this.#process, counters, gauges, histograms, runtime }
  }
}

/** All processes of a node as one page in Prometheus' text form: counters and histograms summed, gauges by process. */
export async function renderMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  const lines = new Map<string, { readonly kind: string; readonly lines: string[] }>()
  const add = (name: string, kind: string, line: string) => {
    const family = lines.get(name) ?? { kind, lines: [] }
    lines.set(name, family)
    family.lines.push(line)
  }
  for (const [series, value] of summed(snapshots.map((snapshot) => snapshot.counters))) {
    add(familyOf(series), 'counter', `tresor_${series} ${value}`)
  }
  for (const { process, gauges } of snapshots) {
    for (const [series, value] of Object.entries(gauges)) add(familyOf(series), 'gauge', `tresor_${withLabel(series, process)} ${value}`)
  }
  for (const histogram of mergedHistograms(snapshots)) {
    for (const line of histogramLines(histogram)) add(histogram.name, 'histogram', line)
  }
  const own = [...lines].map(
    ([name, { kind, lines: all }]) => `# HELP tresor_${name} ${help[name] ?? name}\n# TYPE tresor_${name} ${kind}\n${all.join('\n')}\n`,
  )
  const runtime = AggregatorRegistry.aggregate(snapshots.map((snapshot) => [...snapshot.runtime]))
  return `${own.join('')}${await runtime.metrics()}`
}

/** The texts behind the names. */
const help: Readonly<Record<string, string>> = {
  operations_total: 'Batch Items by operation and result.',
  operation_seconds: 'Time of a Batch Item in its handler.',
  barrier_seconds: 'Time until the replica held everything answered before.',
  commit_seconds: 'Time until a change set was durable.',
  commit_conflicts_total: 'Change sets that met another change and ran again.',
  commit_unknown_outcomes_total: 'Change sets whose outcome could not be settled in time.',
  internal_errors_total: 'Answers of General Failure that stand for a fault of the server.',
  connections: 'Open client connections.',
  streams: 'Cryptographic operations in parts that are open.',
  jobs_waiting: 'Asynchronous requests that wait to be carried out.',
  jobs_running: 'Asynchronous requests that are being carried out here.',
  stream_held_bytes: 'Plain text that waits until the tag of its decryption in parts is verified.',
  replica_revision: 'The revision that the local replica shows.',
  replica_lag_revisions: 'How far the replica is behind the latest change that the cluster has, as last looked at.',
  replica_snapshots_total: 'How often the replica was copied from the cluster as a whole.',
  replica_check_rounds_total: 'How often the whole replica was compared with the cluster.',
  replica_differences_total: 'Places and index keys of the replica that were found wrong, and mended.',
  cluster_revision: 'The revision of the latest change that the cluster has.',
  clock_offset_seconds: "This node's clock minus the median of all nodes' clocks.",
  etcd_up: 'Whether the etcd member answers.',
  etcd_has_leader: 'Whether the etcd member sees a leader.',
  etcd_is_leader: 'Whether the etcd member leads.',
  etcd_database_bytes: "Size of the etcd member's database file.",
  etcd_database_in_use_bytes: 'Bytes of it that are in use.',
  etcd_quota_bytes: 'Bytes at which etcd takes no more changes; 0 when it is not known.',
  etcd_no_space: 'Whether etcd has reached its quota and takes no changes.',
  etcd_transactions_total: 'Transactions sent to etcd.',
  etcd_change_sets_total: 'Change sets in them: divided by the transactions, the batch size.',
  etcd_defragmentations_total: 'Database files that this node had rewritten.',
}

function summed(all: readonly Readonly<Record<string, number>>[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const one of all) for (const [name, value] of Object.entries(one)) sums.set(name, (sums.get(name) ?? 0) + value)
  return sums
}

function mergedHistograms(snapshots: readonly MetricsSnapshot[]): readonly HistogramSnapshot[] {
  const merged = new Map<string, { name: string; labels: string; buckets: number[]; sum: number }>()
  for (const { name, labels, buckets, sum } of snapshots.flatMap((snapshot) => snapshot.histograms)) {
    const key = `${name}{${labels}}`
    const into = merged.get(key)
    if (into === undefined) merged.set(key, { name, labels, buckets: [...buckets], sum })
    else {
      into.sum += sum
      for (const [at, count] of buckets.entries()) into.buckets[at] = (into.buckets[at] ?? 0) + count
    }
  }
  return [...merged.values()]
}

function histogramLines({ name, labels, buckets, sum }: HistogramSnapshot): string[] {
  const before = labels === '' ? '' : `${labels},`
  const suffix = labels === '' ? '' : `{${labels}}`
  let count = 0
  const lines = buckets.map((inBucket, at) => {
    count += inBucket
    return `tresor_${name}_bucket{${before}le="${bounds[at] ?? '+Inf'}"} ${count}`
  })
  return [...lines, `tresor_${name}_sum${suffix} ${sum}`, `tresor_${name}_count${suffix} ${count}`]
}

function familyOf(series: string): string {
  const brace = series.indexOf('{')
  return brace < 0 ? series : series.slice(0, brace)
}

function withLabel(series: string, process: string): string {
  return series.endsWith('}') ? `${series.slice(0, -1)},process="${process}"}` : `${series}{process="${process}"}`
}
