import { setTimeout as sleep } from 'node:timers/promises'
import { operationTable } from '../operations/index.ts'
import { type Ledger, type Replica, type Space, workSpace } from '../store/index.ts'
import {
  Identities,
  OpenPartitions,
  type PartitionOpener,
  Passwords,
  type Registry,
  type Settings,
  type TenantId,
  type TrustFiles,
} from '../tenants/index.ts'
import { Attempts, type BeginUnit } from './attempts.ts'
import { Claims } from './claims.ts'
import type { DispatchDoors } from './dispatch.ts'
import { HttpProtocol } from './http-connection.ts'
import { JobRunner } from './job-runner.ts'
import { lapsedIn } from './lapsed.ts'
import type { ServerLimits } from './limits.ts'
import { type Listener, listen } from './listener.ts'
import type { Log, LogLevel } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { ChildService } from './process-messages.ts'
import { ProcessStreams, type ProcessStreamsOptions } from './process-streams.ts'
import { StreamRequests } from './request-streams.ts'
import { KmipService, type Peer } from './service.ts'
import { Sweep } from './sweep.ts'
import type { TlsSettings } from './tls-settings.ts'

interface Address {
  readonly host: string
  readonly port: number
}

/** What lies in files and may change while the server runs. */
export interface ServerFiles {
  readonly tls: Omit<TlsSettings, 'authorities'>
  readonly trust: TrustFiles
}

export interface ServingOptions {
  readonly ledger: Ledger
  readonly replica: Replica
  readonly registry: Registry
  readonly spaceOf: (tenant: TenantId) => Space
  readonly openPartition: PartitionOpener
  readonly beginUnit: BeginUnit
  readonly kmip: readonly Address[]
  readonly https: readonly Address[]
  readonly loadFiles: () => Promise<ServerFiles>
  readonly limits: ServerLimits
  /** Where this process stands among those of its node, for operations in parts. */
  readonly streams: Pick<ProcessStreamsOptions, 'node' | 'process' | 'socketOf'>
  readonly log: Log
  readonly metrics: Metrics
  /** Whether other nodes serve the same tenants. */
  readonly inCluster: boolean
  readonly serverName: string
  readonly serverVersion: string
}

/** What serves clients in one process, its listeners open. */
export interface Serving extends ChildService {
  readonly identities: Identities
  readonly settings: Settings
}

/**
 * Opens the listeners of this process and answers on them.
 * @throws when a file cannot be read or an address cannot be had; then nothing stays open.
 */
export async function startServing(options: ServingOptions): Promise<Serving> {
  const { ledger, replica, log, metrics, limits } = options
  const now = Date.now
  const { settings } = options.registry
  const identities = new Identities(() => settings.view(), now)
  const partitions = new OpenPartitions(settings, options.openPartition, options.spaceOf)
  const streams = new ProcessStreams({ ...options.streams, limits, now })
  const requests = new StreamRequests(streams)
  const claims = new Claims({ ledger, replica, space: workSpace })
  const attempts = new Attempts({ ...options, settings, partitions, streams: requests, claims })
  const entry: DispatchDoors['entry'] = (operation) => operationTable[operation]
  const jobs = new JobRunner({ ledger, settings, identities, attempts, claims, doors: { log, metrics, entry, now } })
  attempts.workWith(jobs)
  const sweep = new Sweep({
    ledger,
    settings,
    spaceOf: options.spaceOf,
    claims,
    lapsed: (space) => lapsedIn(replica, space, Math.floor(now() / 1000)),
    log,
  })
  const service = new KmipService({
    ledger,
    settings,
    identities,
    passwords: new Passwords(),
    limits,
    log,
    metrics,
    begin: (...request) => attempts.begin(...request),
    submitted: (names) => jobs.take(names),
    dropped: (message) => requests.dropped(message),
    now,
  })
  await ledger.barrier().catch((error: unknown) => log.warn('the ledger does not answer yet', { error }))
  const files = await options.loadFiles()
  identities.trust(files.trust)
  for (const problem of identities.problems()) log.warn(problem)

  const listeners: Listener[] = []
  const tlsOf = ({ tls }: ServerFiles): TlsSettings => ({ ...tls, authorities: identities.authorities() })
  const common = { limits, log, service, tls: tlsOf(files) }
  const ports: Record<string, number> = {}
  try {
    await streams.listen()
    for (const [index, address] of options.kmip.entries()) {
      const listener = await listen<Peer>({ ...common, ...address })
      listeners.push(listener)
      ports[index === 0 ? 'kmip' : `kmip${index + 1}`] = listener.port
    }
    for (const [index, address] of options.https.entries()) {
      const listener = await listen<Peer>({ ...common, ...address, converse: new HttpProtocol<Peer>(service).converse })
      listeners.push(listener)
      ports[index === 0 ? 'https' : `https${index + 1}`] = listener.port
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.drain(0)))
    await streams.close()
    throw error
  }

  partitions.openAll()
  sweep.start()
  jobs.start()
  let loaded = files
  let generation = settings.view().generation
  const refresh = () => {
    generation = settings.view().generation
    for (const listener of listeners) {
      listener.reload(tlsOf(loaded))
      listener.reconsider()
    }
  }
  const watch = setInterval(() => {
    void ledger
      .barrier()
      .then(() => settings.view().generation !== generation && refresh())
      .catch(() => undefined)
  }, settingsEvery)
  watch.unref()
  metrics.source(() => ({
    counters: listenerCounters(listeners),
    gauges: {
      connections: listeners.reduce((sum, one) => sum + one.connections(), 0),
      replica_revision: replica.revision(),
      streams: streams.table.size,
      stream_held_bytes: streams.table.held,
      jobs_waiting: jobs.counts.waiting,
      jobs_running: jobs.counts.running,
    },
  }))

  return {
    identities,
    settings,
    ports,
    problems: () => partitions.problems(),
    snapshot: () => metrics.snapshot(),
    setTicketKeys: (keys) => {
      for (const listener of listeners) listener.setTicketKeys(keys)
    },
    reload: async () => {
      const next = await options.loadFiles()
      identities.trust(next.trust)
      loaded = next
      refresh()
      for (const problem of identities.problems()) log.warn(problem)
      log.info('certificates, authorities and revocation lists were read again')
    },
    setLogLevel: (level: LogLevel) => log.setLevel(level),
    stop: async (milliseconds) => {
      clearInterval(watch)
      // A ledger that does not answer must not keep the listeners open.
      const swept = Promise.race([sweep.stop(), sleep(milliseconds, undefined, { ref: false })])
      await Promise.all([swept, ...listeners.map((listener) => listener.drain(milliseconds))])
      await jobs.stop(milliseconds)
      await streams.close()
      await partitions.close()
    },
  }
}

/** Milliseconds between two looks for changed tenants and rules; a request sees them at once by its barrier. */
const settingsEvery = 1000

function listenerCounters(listeners: readonly Listener[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { counters } of listeners) {
    for (const [name, value] of Object.entries(counters)) {
      const series = `connections_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`
      sums[series] = (sums[series] ?? 0) + value
    }
  }
  return sums
}
