import { KmipError } from '../../spec/kmip-error.ts'
import type { Partition } from '../partitions/index.ts'
import { decodeRecord, encodeRecord, formatOf, joinSeal, type StoredObject, splitSeal } from '../store/index.ts'
import { type TurnParts, wrappedKeyOf } from './epoch-turn.ts'
import { isOfSoftware } from './moving-partition.ts'
import { walkRecords } from './record-walk.ts'
import { moreStuck, noStuckObjects, stuckWords } from './turn-progress.ts'

export type MoveParts = Pick<TurnParts, 'ledger' | 'replica' | 'settings' | 'spaceOf' | 'progress' | 'share' | 'log'> & {
  /** A defined partition, open. */
  readonly open: (name: string) => Promise<Partition>
  /** The tenant's partition while it is moved. */
  readonly moving: (tenant: string) => Promise<Partition>
}

/**
 * Brings a move that was begun (`Registry.beginMove`) to its end: every record of the tenant is re-wrapped in the target partition and sealed by
 * it, also those of destroyed objects; then the tenant lives there. May be stopped at any point, and goes on when it is called again.
 * @throws when something fails, or a key cannot be kept in the target; what was moved stays moved
 */
export async function runMove(parts: MoveParts, tenantName: string, signal: AbortSignal): Promise<void> {
  const { ledger, replica, settings, spaceOf, progress, share } = parts
  for (;;) {
    signal.throwIfAborted()
    const view = await settings.current()
    const entry = [...view.tenants.values()].find(({ value }) => value.id === tenantName)
    const to = entry?.value.moving?.to
    if (entry === undefined || to === undefined) return
    const { value: tenant, revision } = entry
    const partition = await parts.moving(tenantName)
    const target = await parts.open(to)
    const space = spaceOf(tenant.id)
    const { total } = replica.find(space, [], { offset: 0, limit: 0 })
    const name = `move/${tenantName}`
    let seenNow = 0
    let stuck = noStuckObjects
    let rewrapped = progress.read(name)?.rewrapped ?? 0
    const converted = await walkRecords({
      ledger,
      replica,
      spaces: [space],
      guards: [settings.guard('tenant', tenant.id, revision)],
      convert: (_space, object) => moved(partition, target, object, formatOf(ledger)),
      progress: async (_position, seen, now, more) => {
        seenNow += seen
        rewrapped += now
        stuck = moreStuck(stuck, more)
        await progress.write(name, { to: 0, seen: seenNow, total, rewrapped, changed: rewrapped > 0, stuck })
      },
      signal,
      share,
    })
    if (stuck.count > 0) throw new Error(`${stuckWords(stuck, `cannot be moved to partition ${to}`)}. The move goes on by itself then`)
    if (converted > 0) continue
    const { moving: _, ...settled } = tenant
    const change = { kind: 'tenant', id: tenant.id, value: { ...settled, partition: to }, revision } as const
    if ((await settings.commit(view, [change])) === 'conflict') continue
    await progress.write(name, undefined)
    parts.log(`tenant ${tenantName} lives in partition ${to}`)
    return
  }
}

/** The record as the target keeps it; undefined where it is so already. */
async function moved(
  partition: Partition,
  target: Partition,
  { id, stored }: StoredObject,
  format: number,
): Promise<Uint8Array | undefined> {
  const { record: bytes, seal } = splitSeal(stored.value)
  const record = decodeRecord(bytes)
  const stays = record.key === undefined || !isOfSoftware(record.key)
  if (stays && (await target.checkRecord(bytes, seal))) return undefined
  // A record that was altered must not be sealed anew.
  if (!(await partition.checkRecord(bytes, seal)))
    throw new KmipError('CryptographicFailure', `the record of ${id} does not bear its partition's seal.`)
  const key = stays || record.key === undefined ? undefined : await partition.rewrap(wrappedKeyOf(record.key))
  const anew = { ...record, generation: record.generation + 1 }
  const next =
    key === undefined || record.key === undefined
      ? anew
      : { ...anew, key: { ...record.key, bytes: key.bytes, mechanism: key.mechanism, epoch: key.epoch } }
  const text = encodeRecord(next, format)
  return joinSeal(text, await target.sealRecord(text))
}
