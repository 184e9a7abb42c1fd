import { randomBytes } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ClusterNode, startClusterNode, startOnEtcd } from './cluster/index.ts'
import type { Config } from './config.ts'
import { rootSource } from './configured-root.ts'
import { certifierOf, crlSignerOf, fingerprintsOfShared, joinSecretsOf } from './join-secrets.ts'
import { awaitedSecretsOf, type NodeEpochs, startEpochs } from './node-epochs.ts'
import {
  type DataFolder,
  dataFolder,
  hsmSocket,
  ledgerSocket,
  loadServerFiles,
  makeDataFolder,
  renewServerCertificate,
  serverFilesMark,
  workerSocket,
} from './node-files.ts'
import { NodeRoot } from './node-root.ts'
import { ObjectStore } from './operations/object-store.ts'
import { openerOf, placed } from './partition-opener.ts'
import { type AskPassphrase, connectHsm, RefusedPins, ReopeningPartition, serveHsm } from './partitions/index.ts'
import { nodeBytes } from './server/correlation-value.ts'
import { createLog, type Log } from './server/log.ts'
import { Metrics } from './server/metrics.ts'
import { ObjectCache } from './server/object-cache.ts'
import { Records } from './server/object-records.ts'
import { type ChildService, serveAsChild } from './server/process-messages.ts'
import { type Processes, startProcesses } from './server/processes.ts'
import { type Serving, type ServingOptions, startServing } from './server/serving.ts'
import {
  connectLedger,
  formatOf,
  type Ledger,
  type LedgerServer,
  type LocalReplica,
  openEmbeddedLedger,
  ReplicaWriter,
  serveLedger,
  systemSpace,
  tenantSpace,
} from './store/index.ts'
import { type PartitionOpener, type Pkcs11PartitionDefinition, Registry } from './tenants/index.ts'
import { watchChanges } from './watch-changes.ts'

/*
 * The composition root: the one place that names implementations. A node is this process, which has the ledger, and the processes it
 * starts from this same file.
 */

/** A node, running. */
export interface RunningNode {
  readonly config: Config
  readonly folder: DataFolder
  readonly log: Log
  readonly ledger: Ledger
  readonly replica: LocalReplica
  /** Tenants, partitions, users and rules. */
  readonly registry: Registry
  /** This node's part of the cluster, where there is one. */
  readonly cluster: ClusterNode | undefined
  readonly processes: Processes
  /** The root secret of software partitions. */
  readonly root: NodeRoot
  /** Epochs of its partitions: their turns, and the secrets of software partitions. */
  readonly epochs: NodeEpochs
  /** Sentences about what keeps its ledger from serving. */
  problems(): readonly string[]
  /** Opens a partition in this process, for administration. */
  readonly openPartition: PartitionOpener
  /** Lets requests in progress end, for at most so many milliseconds (10,000 when left out), then closes everything. */
  stop(milliseconds?: number): Promise<void>
}

export interface NodeChoices {
  /** In place of the log that the configuration describes. */
  readonly log?: Log
  /** Where the configuration wants a person to be asked for a passphrase. */
  readonly askPassphrase?: AskPassphrase | undefined
}

/**
 * Starts a node: opens the ledger, starts what serves clients, watches for new certificates, lists and partitions.
 * @throws Error that names what is missing and the cure; nothing stays open then.
 */
export async function startNode(config: Config, choices: NodeChoices = {}): Promise<RunningNode> {
  const log = choices.log ?? logOf(config)
  const folder = dataFolder(config)
  await makeDataFolder(folder)
  await renewServerCertificate(config, folder, new Date())
  const root = await NodeRoot.open(rootSource(config, folder, choices.askPassphrase), config)
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one()
  }
  try {
    const store = await openStore(config, folder, root, log)
    closing.push(() => store.close())
    const { ledger, replica, cluster } = store
    const registry = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
    const openPartition = openerOf(config, folder, root, undefined)
    const sockets = await serveLedgerWhereNeeded(config, folder, ledger, cluster)
    if (sockets !== undefined) closing.push(() => sockets.close())
    const metrics = new Metrics(config.workers === 0 ? 'node' : 'ledger')
    if (cluster !== undefined) metrics.source(() => ({ gauges: cluster.gauges(), counters: cluster.counters() }))
    const awaited = awaitedSecretsOf(folder, root, registry)
    const problems = () =>
      cluster === undefined ? [ledger.problem()].filter((problem) => problem !== undefined) : [...cluster.problems(), ...awaited.problems()]
    // Taken before the files are read for the first time: what changes from here on is a change.
    const files = await serverFilesMark(config, folder)
    // Streams that were begun at a node before are gone, and are known for such.
    const run = randomBytes(nodeBytes)
    const choice = { config, folder, log, metrics, ledger, replica, registry, openPartition }
    const processes = await startProcesses({
      log,
      workers: config.workers,
      local: () => serve({ ...choice, streams: { node: run, process: 0, socketOf: undefined } }),
      entry: fileURLToPath(import.meta.url),
      setup: { config, run: run.toString('hex') },
      workerSetup: { root: root.toChild() },
      hsm: hsmPartitions(registry),
      operator: config.operator,
      own: () => metrics.snapshot(),
      problems,
      notices: () => cluster?.notices() ?? [],
    })
    const epochs = await startEpochs({
      config,
      folder,
      root,
      ledger,
      replica,
      registry,
      node: cluster?.name,
      agree: async (format) => await cluster?.agree(format),
      log,
    })
    closing.push(() => epochs.close())
    const takeOver = () => processes.setHsm(hsmPartitions(registry))
    const watching = watchChanges(config, folder, files, { settings: registry.settings, ledger, processes, log, takeOver })
    return {
      config,
      folder,
      log,
      ledger,
      replica,
      registry,
      cluster,
      processes,
      root,
      epochs,
      problems,
      openPartition,
      stop: async (milliseconds = drainMilliseconds) => {
        clearInterval(watching)
        log.info('the node stops')
        await processes.stop(milliseconds)
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Milliseconds that requests in progress have when a node stops. */
const drainMilliseconds = 10_000

interface OpenStore {
  readonly ledger: Ledger
  readonly replica: LocalReplica
  readonly cluster: ClusterNode | undefined
  close(): Promise<void>
}

async function openStore(config: Config, folder: DataFolder, root: NodeRoot, log: Log): Promise<OpenStore> {
  if (config.cluster === undefined) {
    const { ledger, replica } = openEmbeddedLedger({ directory: folder.store })
    return { ledger, replica, cluster: undefined, close: () => ledger.close() }
  }
  const writer = new ReplicaWriter(folder.store)
  try {
    const cluster = await startPartOfCluster(config.cluster, folder, root, writer, log)
    const close = async () => {
      await cluster.close()
      await writer.close()
    }
    return { ledger: cluster.ledger, replica: writer.replica, cluster, close }
  } catch (error) {
    await writer.close()
    throw error
  }
}

async function startPartOfCluster(
  { etcd, name, join: joinAt }: NonNullable<Config['cluster']>,
  folder: DataFolder,
  root: NodeRoot,
  replica: ReplicaWriter,
  log: Log,
): Promise<ClusterNode> {
  const common = {
    folder: folder.cluster,
    replica,
    version: serverVersion,
    log: (level: 'info' | 'warn' | 'error', message: string) => log[level](message),
  }
  const { endpoints, prefix, quota, authority: ca, certificate, key: privateKey } = etcd
  if (name !== undefined && ca !== undefined && certificate !== undefined && privateKey !== undefined) {
    const secrets = await fingerprintsOfShared(folder, root)
    return await startOnEtcd({ ...common, endpoints, tls: { ca, certificate, privateKey }, prefix, node: name, secrets })
  }
  return await startClusterNode({
    ...common,
    quota,
    renewal: { certify: certifierOf(folder) },
    signCrl: crlSignerOf(folder),
    ...(etcd.path === undefined ? {} : { etcd: etcd.path }),
    ...(joinAt === undefined ? {} : { join: { ...joinAt, certify: certifierOf(folder), secrets: joinSecretsOf(folder, root) } }),
  })
}

async function serveLedgerWhereNeeded(
  config: Config,
  folder: DataFolder,
  ledger: Ledger,
  cluster: ClusterNode | undefined,
): Promise<LedgerServer | undefined> {
  if (config.workers === 0) return undefined
  return serveLedger(ledger, ledgerSocket(folder), cluster === undefined ? 'local' : 'asked')
}

function hsmPartitions(registry: Registry): readonly Pkcs11PartitionDefinition[] {
  const all = [...registry.settings.view().partitions.values()].map(({ value }) => value)
  return all.filter((one): one is Pkcs11PartitionDefinition => one.kind === 'pkcs11')
}

interface ServingChoice {
  readonly config: Config
  readonly folder: DataFolder
  readonly log: Log
  readonly metrics: Metrics
  readonly ledger: Ledger
  readonly replica: LocalReplica
  readonly registry: Registry
  readonly openPartition: PartitionOpener
  readonly streams: ServingOptions['streams']
}

/** Serves clients in this process. */
function serve({ config, folder, log, metrics, ledger, replica, registry, openPartition, streams }: ServingChoice): Promise<Serving> {
  const cache = new ObjectCache()
  return startServing({
    ledger,
    replica,
    registry,
    openPartition,
    spaceOf: tenantSpace,
    beginUnit: ({ tenant, space, guard, wrapping }, partition, milliseconds) => {
      const records = new Records({ tenant: tenant.id, space, guard, wrapping, partition, replica, cache, format: formatOf(ledger) })
      return { records, objects: new ObjectStore(records, milliseconds) }
    },
    kmip: config.listen.kmip,
    https: config.listen.https,
    loadFiles: () => loadServerFiles(config, folder),
    limits: config.limits,
    streams,
    log,
    metrics,
    inCluster: config.cluster !== undefined,
    serverName: 'Tresor',
    serverVersion,
  })
}

const serverVersion = (JSON.parse(readFileSync(packageFile(), 'utf8')) as { readonly version: string }).version

/** Compiled, this file lies two folders below the package's own. */
function packageFile(): URL {
  return new URL('../../package.json', import.meta.url)
}

function logOf(config: Config): Log {
  const { level, format, file } = config.log
  return createLog({ level, form: format, ...(file === undefined ? {} : { to: createWriteStream(file, { flags: 'a', mode: 0o600 }) }) })
}

interface ChildSetup {
  readonly config: Config
  readonly name: string
  /** What tells this run of the node from all others, in hexadecimal. */
  readonly run: string
  /** Base64. */
  readonly ticketKeys?: string
  /** The root secret, where it is not in a key file; workers alone. Base64. */
  readonly root?: string
  readonly partitions?: readonly Pkcs11PartitionDefinition[]
  /** Base64; the hsm process's alone. It stays the same as long as the node runs. */
  readonly pinKey?: string
}

/** A worker process: TLS, messages, operations and software partitions; commits go to the ledger process, HSM calls to the hsm process. */
async function beginWorker(given: unknown): Promise<ChildService> {
  const { config, name, run, ticketKeys, root } = given as ChildSetup
  const folder = dataFolder(config)
  const log = logOf(config).with({ process: name })
  const ledger = connectLedger({ socketPath: ledgerSocket(folder), directory: folder.store })
  await ledger.ready()
  const hsm = connectHsm(hsmSocket(folder))
  const registry = new Registry({ ledger, replica: ledger.replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
  const openPartition = openerOf(config, folder, NodeRoot.inChild(rootSource(config, folder), root), hsm)
  const streams = {
    node: Buffer.from(run, 'hex'),
    process: Number(name.slice('worker-'.length)),
    socketOf: (number: number) => workerSocket(config, folder, number),
  }
  const metrics = new Metrics(name)
  const serving = await serve({ config, folder, log, metrics, ledger, replica: ledger.replica, registry, openPartition, streams })
  if (ticketKeys !== undefined) serving.setTicketKeys(Buffer.from(ticketKeys, 'base64'))
  return {
    ...serving,
    stop: async (milliseconds) => {
      await serving.stop(milliseconds)
      await hsm.close()
      await ledger.close()
    },
  }
}

/** The hsm process: modules, PINs, and the partitions on their tokens. One that is lost, or could not be opened, is opened when it is needed. */
async function beginHsm(given: unknown): Promise<ChildService> {
  const { config, name, partitions, pinKey } = given as ChildSetup
  const folder = dataFolder(config)
  const log = logOf(config).with({ process: name })
  const metrics = new Metrics(name)
  const refusedPins = new RefusedPins(Buffer.from(pinKey ?? '', 'base64'), join(folder.run, 'refused-pins'))
  const open = new Map<string, ReopeningPartition>()
  const known = new Map<string, string>()
  const take = async (definitions: readonly Pkcs11PartitionDefinition[]) => {
    for (const definition of definitions) {
      const partition = definition.name
      const text = JSON.stringify(definition)
      if (known.get(partition) === text) continue
      known.set(partition, text)
      const options = placed(config, definition)
      const before = open.get(partition)
      if (before?.isOf(options)) {
        // Its epoch may be another; what is wrong has been told, and requests are told it again.
        if (options.epoch !== undefined) await before.atEpoch(options.epoch).catch(() => undefined)
        continue
      }
      const told = (problem: string | undefined) =>
        problem === undefined ? log.info('partition open', { partition }) : log.error('a partition cannot be used', { partition, problem })
      const next = new ReopeningPartition({ ...options, refusedPins }, told)
      open.set(partition, next)
      await before?.close()
      // What is wrong has been told, and requests are told it again.
      await next.open().catch(() => undefined)
    }
  }
  await take(partitions ?? [])
  const server = await serveHsm(hsmSocket(folder), open)
  return {
    ports: {},
    snapshot: () => metrics.snapshot(),
    problems: () =>
      Object.fromEntries([...open].flatMap(([partition, { problem }]) => (problem === undefined ? [] : [[partition, problem]]))),
    setTicketKeys: () => undefined,
    reload: async () => undefined,
    update: (value) => take(value as readonly Pkcs11PartitionDefinition[]),
    setLogLevel: (level) => log.setLevel(level),
    stop: async () => {
      await server.close()
      await Promise.all([...open.values()].map((partition) => partition.close()))
    },
  }
}

const roles: Readonly<Record<string, (setup: unknown) => Promise<ChildService>>> = { worker: beginWorker, hsm: beginHsm }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const begin = roles[process.argv[2] ?? '']
  if (begin === undefined) throw new Error("This file is the program of a node's child processes; start the node itself: tresor serve")
  serveAsChild(begin)
}
