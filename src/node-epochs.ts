import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config.ts'
import { type DataFolder, hsmSocket } from './node-files.ts'
import type { NodeRoot } from './node-root.ts'
import { openerOf } from './partition-opener.ts'
import { addEpoch, connectHsm, createSoftwarePartition, dropEpochs, EpochSecretFiles, hasRoot } from './partitions/index.ts'
import { Claims } from './server/claims.ts'
import type { Log } from './server/log.ts'
import { hasWaitingJobs } from './server/waiting-jobs.ts'
import { epochFormat, type Ledger, type LocalReplica, systemSpace, tenantSpace } from './store/index.ts'
import {
  AwaitedSecrets,
  DeliveryBoard,
  EpochSecrets,
  epochSecretsOf,
  GivenUpSecrets,
  neededDeliveries,
  OpenPartitions,
  type PartitionDefinition,
  type Registry,
  ResidentSweep,
  type RunOnce,
  type SoftwarePartitionDefinition,
  type TurnDevice,
  TurnProgressStore,
  TurnRunner,
  tenantId,
} from './tenants/index.ts'

export interface NodeEpochsOptions {
  readonly config: Config
  readonly folder: DataFolder
  readonly root: NodeRoot
  readonly ledger: Ledger
  readonly replica: LocalReplica
  readonly registry: Registry
  /** This node's name in its cluster; undefined for one that stands alone. */
  readonly node: string | undefined
  /** Resolves when all nodes read a format. @throws Error that names the others */
  readonly agree: (format: number) => Promise<void>
  readonly log: Log
}

/** A node's part in the epochs of its partitions. */
export interface NodeEpochs {
  readonly progress: TurnProgressStore
  /** Where secrets are sent to; an evicted node is taken off it. */
  readonly board: DeliveryBoard
  /** Makes the keys of a new software partition; it is not defined yet. */
  newPartition(name: string): Promise<SoftwarePartitionDefinition>
  /** Removes a partition; the epoch secrets of one in software are destroyed, here at once and on the other nodes when they hear of it. @throws when a tenant lives in it */
  removePartition(name: string): Promise<void>
  /** Begins to move a tenant to another partition, or finds that it was begun. */
  move(tenant: string, to: string): Promise<void>
  /** Begins a turn, or finds that one was begun. @returns the epoch that is turned to, unless its maker is lost: then it is a later one */
  turn(partition: string): Promise<number>
  close(): Promise<void>
}

/**
 * Goes on with epoch turns and keeps epoch secrets, from the node's start to its end. Resolves when the other nodes can know where to send
 * this one's, or after a while without an answer of the ledger.
 */
export async function startEpochs(options: NodeEpochsOptions): Promise<NodeEpochs> {
  const { config, folder, root, ledger, replica, registry, node, agree, log } = options
  const { settings } = registry
  const files = new EpochSecretFiles(folder.epochSecrets)
  const board = new DeliveryBoard(ledger, replica, systemSpace)
  const told = (message: string) => log.info(message)
  const rootSecret = async () => (hasRoot(root.source) ? await root.secret() : undefined)
  const secrets = new EpochSecrets({
    files,
    settings,
    board,
    givenUp: new GivenUpSecrets(ledger, replica, systemSpace),
    node,
    root: rootSecret,
    log: told,
  })
  // Modules and PINs are the hsm process's alone, where there is one.
  const hsm = config.workers === 0 ? undefined : connectHsm(hsmSocket(folder))
  const partitions = new OpenPartitions(settings, openerOf(config, folder, root, hsm), tenantSpace)
  const open = (name: string) => partitions.open(name)
  const progress = new TurnProgressStore(ledger, replica, systemSpace)

  const withRing = async (
    definition: SoftwarePartitionDefinition,
    change: (ring: Parameters<typeof dropEpochs>[0]) => Uint8Array,
  ): Promise<SoftwarePartitionDefinition> => {
    const secret = await root.secret()
    try {
      const { name, ring } = definition
      const epochSecretOf = epochSecretsOf(files, definition)
      const next = { ...definition, ring: text(change({ name, rootSecret: secret, ring: Buffer.from(ring, 'base64'), epochSecretOf })) }
      return { ...next, deliveries: neededDeliveries(next) }
    } finally {
      secret.wipe()
    }
  }
  const device: TurnDevice = {
    async make(definition, to): Promise<PartitionDefinition> {
      if (definition.kind === 'pkcs11') {
        await (await open(definition.name)).makeEpoch?.(to)
        return definition
      }
      const { secret, deliveries } = await secrets.make(definition.name, to)
      const { deliveries: earlier = [], ...turned } = await withRing(definition, (ring) => addEpoch(ring, to, secret))
      return { ...turned, deliveries: [...earlier, ...deliveries] }
    },
    async drop(definition): Promise<PartitionDefinition> {
      return definition.kind === 'pkcs11' ? definition : await withRing(definition, dropEpochs)
    },
    async destroy({ kind, name }) {
      if (kind === 'pkcs11') await (await open(name)).dropEarlierEpochs?.()
      else await secrets.look()
    },
  }
  const runOnce = node === undefined ? runAlone : runOnceOf(new Claims({ ledger, replica, space: systemSpace }))
  const runner = new TurnRunner({
    ledger,
    replica,
    settings,
    spaceOf: tenantSpace,
    progress,
    device,
    maker: randomUUID(),
    open,
    share: turnShare,
    moving: async (tenant) => await partitions.contextOf({ tenant: tenantId(tenant) }).partition(),
    isAwaited: (tenant, epoch) => hasWaitingJobs(replica, tenant, epoch),
    log: told,
    runOnce,
  })
  await Promise.race([secrets.look().catch(() => undefined), sleep(firstLook, undefined, { ref: false })])
  const tidied = new Map<string, number>()
  /** A node may have a token of its own, so each destroys what it has of epochs that are over: once for each epoch, when its token has the current one. */
  const tidyTokens = async () => {
    for (const [name, { value }] of settings.view().partitions) {
      const { kind, epoch = 1, turn } = value
      if (kind !== 'pkcs11' || epoch === 1 || (turn !== undefined && turn.phase !== 'destroying') || tidied.get(name) === epoch) continue
      await (await open(name)).dropEarlierEpochs?.()
      tidied.set(name, epoch)
    }
  }
  const look = async () => {
    await secrets.look()
    await tidyTokens()
  }
  const residents = new ResidentSweep({ ledger, replica, settings, spaceOf: tenantSpace, open, runOnce, log: told })
  const watching = watchEpochs(look, replica, log)

  return {
    progress,
    board,
    async newPartition(name) {
      await agree(epochFormat)
      const { secret: epochSecret, deliveries } = await secrets.make(name, 1)
      const secret = await root.secret()
      try {
        const { ring } = createSoftwarePartition({ name, rootSecret: secret, epochSecret })
        return { kind: 'software', name, ring: text(ring), epoch: 1, ...(deliveries.length === 0 ? {} : { deliveries }) }
      } finally {
        secret.wipe()
      }
    },
    async removePartition(name) {
      const definition = (await settings.current()).partitions.get(name)?.value
      if (definition?.kind === 'software') await secrets.giveUp(definition)
      await registry.removePartition(name)
      await secrets
        .look()
        .catch((error: Error) => told(`the secrets of partition ${name}, which was removed, are destroyed later: ${error.message}`))
    },
    async move(tenant, to) {
      // What cannot be opened is found out before anything is begun.
      if ((await settings.current()).partitions.has(to)) await open(to)
      await agree(epochFormat)
      await registry.beginMove(tenant, to)
      runner.look()
    },
    async turn(partition) {
      const { partitions: defined } = await settings.current()
      const known = defined.get(partition)?.value.epoch
      const current = known ?? (defined.has(partition) ? (await (await open(partition)).describe()).epoch : 0)
      await agree(epochFormat)
      const { to } = await registry.beginTurn(partition, current)
      runner.look()
      return to
    },
    async close() {
      clearInterval(watching)
      await runner.close()
      await residents.close()
      await secrets.settled()
      await partitions.close()
      await hsm?.close()
    },
  }
}

/** What this node is not sent yet, in a cluster; without a root secret it waits for nothing. */
export function awaitedSecretsOf(
  folder: DataFolder,
  root: NodeRoot,
  { settings }: Pick<Registry, 'settings'>,
): { problems(): readonly string[] } {
  if (!hasRoot(root.source)) return { problems: () => [] }
  return new AwaitedSecrets({ files: new EpochSecretFiles(folder.epochSecrets), settings })
}

/** Milliseconds. */
const firstLook = 2000

/** Of the time, for re-wrapping; the rest is for requests. */
const turnShare = 0.5

const runAlone: RunOnce = async (_task, work) => {
  await work(new AbortController().signal)
  return true
}

/** A claim saves work and promises nothing: what a turn does is guarded by what it relies on, and harmless when two nodes do it. */
function runOnceOf(claims: Claims): RunOnce {
  return async (task, work) => {
    const name = `claim/${task}`
    if (!(await claims.take(name))) return false
    const lost = new AbortController()
    const beat = setInterval(() => {
      claims
        .take(name)
        .then((isOwn) => (isOwn ? claims.renew([name]) : lost.abort()))
        .catch(() => lost.abort())
    }, beatEvery)
    try {
      await work(lost.signal)
    } finally {
      clearInterval(beat)
      await claims.end(name).catch(() => undefined)
    }
    return true
  }
}

/** Milliseconds. */
const beatEvery = 1000

/** Looks once a second, as long as anything was stored since the last look. */
function watchEpochs(lookOnce: () => Promise<void>, replica: LocalReplica, log: Log): NodeJS.Timeout {
  let seen = -1
  let looking = false
  /** Said once. */
  let told: string | undefined
  const look = () => {
    const revision = replica.revision()
    if (revision === seen) return
    if (looking) return
    looking = true
    lookOnce()
      .then(
        () => {
          seen = revision
          told = undefined
        },
        (error: Error) => {
          if (error.message !== told) log.warn('what is left of earlier epochs could not be looked after', { error })
          told = error.message
        },
      )
      .finally(() => {
        looking = false
      })
  }
  look()
  const timer = setInterval(look, lookEvery)
  timer.unref()
  return timer
}

/** Milliseconds. */
const lookEvery = 1000

function text(ring: Uint8Array): string {
  return Buffer.from(ring).toString('base64')
}
