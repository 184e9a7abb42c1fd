import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Partition, WrappedKey } from '../partitions/partition.ts'
import type { Ledger, LocalReplica, Space, StoredObject } from '../store/index.ts'
import { decodeRecord, encodeRecord, formatOf, joinSeal, type RecordKey, splitSeal } from '../store/index.ts'
import type { TenantId } from './names.ts'
import { walkRecords } from './record-walk.ts'
import type { EpochTurn, PartitionDefinition, Settings } from './settings.ts'
import { moreStuck, noProgress, noStuckObjects, stuckWords, type TurnProgress, type TurnProgressStore } from './turn-progress.ts'

/** What a turn needs of the partition's device, which is not the same for every kind. */
export interface TurnDevice {
  /** Makes the KEK of epoch `to`, unless it is there. @returns the definition by which every process has both KEKs */
  make(definition: PartitionDefinition, to: number): Promise<PartitionDefinition>
  /** @returns the definition by which processes have the current KEK alone */
  drop(definition: PartitionDefinition): Promise<PartitionDefinition>
  /** Destroys what this node has of earlier epochs. Harmless when repeated. */
  destroy(definition: PartitionDefinition): Promise<void>
}

export interface TurnParts {
  readonly ledger: Ledger
  readonly replica: LocalReplica
  readonly settings: Settings
  readonly spaceOf: (tenant: TenantId) => Space
  readonly progress: TurnProgressStore
  readonly device: TurnDevice
  /** Tells this process from all others, its own earlier runs too. */
  readonly maker: string
  /** The partition as it is defined now. */
  readonly open: (name: string) => Promise<Partition>
  /** Whether a tenant has something under an earlier epoch than this one that is not re-wrapped, but needed once more in a short while. */
  readonly isAwaited?: (tenant: TenantId, epoch: number) => boolean
  /** As in `WalkOptions`. */
  readonly share: number
  readonly log: (message: string) => void
}

/**
 * Brings a turn that was begun (`Registry.beginTurn`) to its end: new KEK, every stored key re-wrapped under it, old KEK destroyed. May be
 * stopped at any point, killed too, and goes on when it is called again, on this node or another.
 * @throws when something fails; what was done stays done
 */
export async function runTurn(parts: TurnParts, partition: string, signal: AbortSignal): Promise<void> {
  let isLate = false
  for (;;) {
    signal.throwIfAborted()
    const view = await parts.settings.current()
    const entry = view.partitions.get(partition)
    const turn = entry?.value.turn
    if (entry === undefined || turn === undefined) {
      // What was made after another had taken over, and came to its end.
      if (entry !== undefined && isLate) await parts.device.destroy(entry.value)
      return
    }
    const next = await steps[turn.phase](parts, { definition: entry.value, turn, revision: entry.revision, signal })
    if (next === undefined) continue
    const change = { kind: 'partition', id: partition, value: next, revision: entry.revision } as const
    // A conflict means that another setting was changed meanwhile: the phase is looked at anew.
    if ((await parts.settings.commit(view, [change])) === 'conflict') {
      isLate ||= turn.phase === 'making'
      continue
    }
    parts.log(said(next))
  }
}

interface Step {
  readonly definition: PartitionDefinition
  readonly turn: EpochTurn
  readonly revision: number
  readonly signal: AbortSignal
}

/** What each phase does: the definition to go on with, undefined when it must be looked at anew. */
const steps: Readonly<Record<EpochTurn['phase'], (parts: TurnParts, step: Step) => Promise<PartitionDefinition | undefined>>> = {
  async making({ device, maker, open }, { definition, turn }) {
    if (turn.maker !== maker) {
      // Not by who cannot: a token that lacks the KEK of this epoch.
      await open(definition.name)
      return { ...definition, turn: { ...turn, maker, to: turn.maker === undefined ? turn.to : turn.to + 1 } }
    }
    return { ...(await device.make(definition, turn.to)), epoch: turn.to, turn: { ...turn, phase: 'rewrapping' } }
  },
  async rewrapping(parts, step) {
    if (!(await rewrapAll(parts, step))) return undefined
    return { ...(await parts.device.drop(step.definition)), turn: { ...step.turn, phase: 'destroying' } }
  },
  async destroying({ device, progress }, { definition }) {
    await device.destroy(definition)
    await progress.write(definition.name, undefined)
    const { turn: _, ...after } = definition
    return after
  },
}

/** One pass, or the rest of one that was stopped. @returns whether the whole pass found nothing to do */
async function rewrapAll(parts: TurnParts, { definition, turn, revision, signal }: Step): Promise<boolean> {
  const { ledger, replica, settings, spaceOf, progress, share } = parts
  const { name } = definition
  const partition = await parts.open(name)
  const tenants = [...settings.view().tenants.values()].filter(({ value }) => value.partition === name)
  const spaces = tenants.map(({ value }) => spaceOf(value.id)).sort()
  const total = spaces.reduce((sum, space) => sum + replica.find(space, [], { offset: 0, limit: 0 }).total, 0)
  const known = progress.read(name)
  let state: TurnProgress = known?.to === turn.to ? known : noProgress(turn.to)
  const { problem: _, stuck: found = noStuckObjects, ...before } = state
  // A pass that was stopped goes on with what it had found: a pass without that would end the turn.
  state = { ...before, total, stuck: before.position === undefined ? noStuckObjects : found }
  await walkRecords({
    ledger,
    replica,
    spaces,
    from: state.position,
    guards: [settings.guard('partition', name, revision)],
    convert: (_space, object) => rewrapped(partition, object, turn.to, formatOf(ledger)),
    progress: async (position, seen, converted, stuck) => {
      state = {
        ...state,
        position,
        seen: state.seen + seen,
        rewrapped: state.rewrapped + converted,
        changed: state.changed || converted > 0,
        stuck: moreStuck(state.stuck ?? noStuckObjects, stuck),
      }
      await progress.write(name, state)
    },
    signal,
    share,
  })
  const { position: __, ...rest } = state
  await progress.write(name, { ...rest, seen: 0, changed: false })
  if (rest.stuck !== undefined && rest.stuck.count > 0)
    throw new Error(`${stuckWords(rest.stuck, 'cannot be re-wrapped')}. The turn goes on by itself then`)
  if (state.changed) return false
  const isAwaited = tenants.some(({ value }) => parts.isAwaited?.(value.id, turn.to) === true)
  if (isAwaited) await sleep(awaitedPause, undefined, { signal })
  return !isAwaited
}

/** Milliseconds. */
const awaitedPause = 500

/** The record under the new KEK and a new seal; undefined where nothing lies under an older one. */
async function rewrapped(
  partition: Partition,
  { id, stored }: StoredObject,
  epoch: number,
  format: number,
): Promise<Uint8Array | undefined> {
  const { record: bytes, seal } = splitSeal(stored.value)
  const record = decodeRecord(bytes)
  if (record.key === undefined || record.key.epoch === epoch) return undefined
  // A record that was altered must not be sealed anew.
  if (!(await partition.checkRecord(bytes, seal)))
    throw new KmipError('CryptographicFailure', `the record of ${id} does not bear its partition's seal.`)
  const key = await partition.rewrap(wrappedKeyOf(record.key))
  if (key.epoch !== epoch)
    throw new KmipError('GeneralFailure', `its partition is at epoch ${key.epoch}, not ${epoch}.`, { retry: 'newer-view' })
  const { bytes: wrapped, mechanism } = key
  const anew = { ...record, generation: record.generation + 1, key: { ...record.key, bytes: wrapped, mechanism, epoch } }
  const next = encodeRecord(anew, format)
  return joinSeal(next, await partition.sealRecord(next))
}

export function wrappedKeyOf({ kind, algorithm, length, curve, sensitive, extractable, mechanism, epoch, bytes }: RecordKey): WrappedKey {
  const type =
    algorithm === undefined
      ? undefined
      : ({ algorithm, length: length ?? 0, ...(curve === undefined ? {} : { curve }) } as NonNullable<WrappedKey['type']>)
  return { kind, type, policy: { sensitive, extractable }, bytes, mechanism, epoch }
}

function said({ name, epoch, turn }: PartitionDefinition): string {
  if (turn === undefined) return `partition ${name} is at epoch ${epoch}; the keys of earlier epochs are destroyed`
  if (turn.phase === 'making') return `partition ${name}: the KEK of epoch ${turn.to} is made here`
  if (turn.phase === 'rewrapping') return `partition ${name}: new keys are wrapped under epoch ${epoch}, and stored ones are re-wrapped`
  return `partition ${name}: no stored key lies under an earlier epoch than ${epoch}`
}
