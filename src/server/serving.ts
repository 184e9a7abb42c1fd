import { type OperationName, operations } from '../../spec/operations.ts'
import { isWithin, servedVersions, type Version, versions } from '../../spec/versions.ts'
import type { RequestMessage } from '../messages/index.ts'
import { type Context, operationTable } from '../operations/index.ts'
import type { ObjectStore } from '../operations/object-store.ts'
import type { Partition } from '../partitions/index.ts'
import type { Ledger, Replica, Space } from '../store/index.ts'
import {
  Identities,
  type Identity,
  OpenPartitions,
  type PartitionOpener,
  Passwords,
  type Registry,
  type Settings,
  type TenantContext,
  type TenantId,
  type TrustFiles,
} from '../tenants/index.ts'
import type { Attempt } from './dispatch.ts'
import { HttpProtocol } from './http-connection.ts'
import type { AnswersKept } from './kept-answers.ts'
import type { ServerLimits } from './limits.ts'
import { type Listener, listen } from './listener.ts'
import type { Log, LogLevel } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { ChildService } from './process-messages.ts'
import { ProcessStreams, type ProcessStreamsOptions } from './process-streams.ts'
import { StreamRequests } from './request-streams.ts'
import { KmipService, type Peer } from './service.ts'
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

/** One request's objects, as the composition root joins them of store and partition. */
export type BeginUnit = (
  tenant: TenantContext,
  partition: Partition,
  milliseconds: number,
) => { readonly objects: ObjectStore; readonly records: RequestRecords }

/** A unit of work, as far as the store goes. */
type RequestRecords = Omit<Attempt, 'context' | 'kept' | 'rollback'> & {
  rollback(savepoint: number): void
  keptAt(milliseconds: number): AnswersKept
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
  const facts = factsByVersion(options)
  const reach = new Reach(settings, partitions)
  const streams = new ProcessStreams({ ...options.streams, limits, now })
  const requests = new StreamRequests(streams)
  const begin = (identity: Identity, message: RequestMessage, milliseconds: number) => {
    const { header } = message
    const reached = reach.of(identity)
    const enter = ({ tenant, partition, policy }: Reached): Attempt => {
      const { objects, records } = options.beginUnit(tenant, partition, milliseconds)
      const now = Math.floor(milliseconds / 1000)
      const { server, attributeInstances } = facts[header.version]
      const run = requests.run(message, identity, partition)
      const context: Context = { now, nowMilliseconds: milliseconds, objects, partition, streams: run, server, attributeInstances, policy }
      const marks: { readonly records: number; readonly parts: number }[] = []
      return {
        context,
        kept: records.keptAt(milliseconds),
        savepoint: () => marks.push({ records: records.savepoint(), parts: run.mark }) - 1,
        rollback: (to) => {
          const mark = marks[to]
          if (mark === undefined) return undefined
          records.rollback(mark.records)
          return run.rollback(mark.parts)
        },
        changes: () => {
          const lost = requests.finished(message, run)
          return lost === undefined ? records.changes() : lost.then(() => records.changes())
        },
      }
    }
    return reached instanceof Promise ? reached.then(enter) : enter(reached)
  }
  const service = new KmipService({
    ledger,
    settings,
    identities,
    passwords: new Passwords(),
    limits,
    log,
    metrics,
    begin,
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
      await Promise.all(listeners.map((listener) => listener.drain(milliseconds)))
      await streams.close()
      await partitions.close()
    },
  }
}

/** What a tenant's requests need, its partition open. */
interface Reached {
  readonly tenant: TenantContext
  readonly partition: Partition
  readonly policy: Context['policy']
}

/** What tenants' requests reach, kept as long as no setting changes. */
class Reach {
  readonly #settings: Settings
  readonly #partitions: OpenPartitions
  #generation = -1
  readonly #kept = new Map<TenantId, Reached>()

  constructor(settings: Settings, partitions: OpenPartitions) {
    this.#settings = settings
    this.#partitions = partitions
  }

  /** @throws KmipError when the tenant was removed or its partition cannot be opened */
  of(identity: Identity): Reached | Promise<Reached> {
    const { generation } = this.#settings.view()
    if (generation !== this.#generation) {
      this.#kept.clear()
      this.#generation = generation
    }
    return this.#kept.get(identity.tenant) ?? this.#open(identity, generation)
  }

  async #open(identity: Identity, generation: number): Promise<Reached> {
    const tenant = this.#partitions.contextOf(identity)
    const { defaultSensitive: sensitive, defaultExtractable: extractable } = tenant.tenant.policy
    const reached = { tenant, partition: await tenant.partition(), policy: { sensitive, extractable } }
    if (generation === this.#generation) this.#kept.set(identity.tenant, reached)
    return reached
  }
}

/** Milliseconds between two looks for changed tenants and rules; a request sees them at once by its barrier. */
const settingsEvery = 1000

type VersionFacts = Pick<Context, 'server' | 'attributeInstances'>

/** What handlers are told of the server and the protocol, by the client's version. */
function factsByVersion({ serverName, serverVersion }: ServingOptions): Readonly<Record<Version, VersionFacts>> {
  const all = Object.keys(operations) as OperationName[]
  const facts = (version: Version): VersionFacts => ({
    attributeInstances: isWithin(version, '1.0', '1.4') ? 'by-index' : 'by-value',
    server: {
      versions: servedVersions,
      operations: all.filter((name) => {
        const row: { readonly since: Version; readonly until?: Version } = operations[name]
        return operationTable[name] !== undefined && isWithin(version, row.since, row.until)
      }),
      vendorIdentification: `Tresor ${serverVersion}`,
      serverName,
      serverVersion,
      serverSerialNumber: '',
      profiles: [],
    },
  })
  return Object.fromEntries(versions.map((version) => [version, facts(version)])) as Record<Version, VersionFacts>
}

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
