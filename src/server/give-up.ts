import { randomBytes } from 'node:crypto'
import { enumerations } from '../../spec/enumerations.ts'
import { indexTerms, type ManagedObject, newObject, type ObjectType } from '../objects/index.ts'
import { decodeObject, encodeObject } from '../operations/object-codec.ts'
import type { Partition } from '../partitions/index.ts'
import { decodeRecord, formatOf, joinSeal, type Ledger, type LocalReplica, type StoredObject, splitSeal } from '../store/index.ts'
import { meansDamage, type TenantContext, wrappedKeyOf } from '../tenants/index.ts'

export interface GiveUpParts {
  readonly ledger: Ledger
  readonly replica: LocalReplica
  /** The tenant's, as the settings are now. */
  readonly context: () => TenantContext
  readonly now: () => Date
}

/** A stored object that cannot be opened. */
export interface DamagedObject {
  readonly id: string
  readonly problem: string
}

/**
 * Looks whether an object's record is damaged: not a record, not the one that the partition sealed for this place, or with a key that does not unwrap.
 * @throws Error when it is not there, or can be opened
 */
export async function damagedObject(parts: GiveUpParts, id: string): Promise<DamagedObject> {
  const { problem } = await look(parts, id)
  return { id, problem }
}

/**
 * Gives a damaged object up: from then on it is destroyed, for its clients too, and keeps no turn and no move from their end. Of an object whose
 * record is not what the partition sealed nothing is taken over but its identifier, its type and the time of its creation.
 * @throws Error when it is not there, or can be opened
 */
export async function giveUp(parts: GiveUpParts, id: string): Promise<DamagedObject> {
  const { ledger, replica, now } = parts
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { stored, problem, isSealed, context, partition } = await look(parts, id)
    const { tenant, space, guard } = context
    const object = tombstoneOf(stored, tenant.id, Math.floor(now().getTime() / 1000), isSealed)
    const record = encodeObject(tenant.id, object, formatOf(ledger))
    const value = joinSeal(record, await partition.sealRecord(record))
    const place = { space, kind: 'object', id } as const
    // Names are for other objects again.
    const names = [...replica.list(space, 'unique')].filter((name) => Buffer.from(name.stored.value).toString('utf8') === id)
    const outcome = await ledger.commit({
      nonce: randomBytes(16),
      guards: [{ place, revision: stored.stored.revision }, guard],
      writes: [
        { place, value, terms: indexTerms(object), order: object.order },
        ...names.map((name) => ({ place: { space, kind: 'unique', id: name.id } as const, value: undefined })),
      ],
    })
    if (outcome.outcome === 'committed') return { id, problem }
    if (outcome.outcome === 'unknown') throw new Error(`it is not known whether ${id} was given up: ${outcome.why}; look: tresor key show`)
  }
  throw new Error(`${id} kept changing meanwhile; try again`)
}

const attempts = 10

interface Looked extends DamagedObject, Damage {
  readonly stored: StoredObject
  readonly context: TenantContext
  readonly partition: Partition
}

async function look({ ledger, replica, context: contextOf }: GiveUpParts, id: string): Promise<Looked> {
  for (let isMended = false; ; ) {
    await ledger.barrier()
    const context = contextOf()
    const { tenant, space } = context
    const stored = replica.objectAt(space, id)
    if (stored === undefined) throw new Error(`tenant ${tenant.id} has no object ${id}`)
    const partition = await context.partition()
    const damage = await damageOf(stored, context, partition)
    if (damage === undefined)
      throw new Error(`the record of ${id} is whole: it can be destroyed by the tenant's clients, and is not given up`)
    // What this node alone has wrong must not be given up everywhere.
    if (isMended || (await ledger.mend?.({ space, kind: 'object', id })) !== true) return { id, ...damage, stored, context, partition }
    isMended = true
  }
}

interface Damage {
  readonly problem: string
  /** What its record says besides the key is what the partition sealed. */
  readonly isSealed: boolean
}

async function damageOf(
  { id, stored }: StoredObject,
  { tenant, wrapping }: TenantContext,
  partition: Partition,
): Promise<Damage | undefined> {
  let isSealed = false
  try {
    const { record: bytes, seal } = splitSeal(stored.value)
    const record = decodeRecord(bytes)
    if (record.tenant !== tenant.id || record.id !== id)
      return { problem: `its record is that of ${record.id} of tenant ${record.tenant}`, isSealed }
    isSealed = await partition.checkRecord(bytes, seal)
    if (!isSealed) return { problem: "its record does not bear its partition's seal", isSealed }
    // One of the current epoch is never tried: a process that has not heard of that epoch yet would call it damaged.
    const isCurrent = record.key?.epoch === wrapping.epoch && tenant.moving === undefined
    if (record.key !== undefined && !isCurrent) await partition.rewrap(wrappedKeyOf(record.key))
    return undefined
  } catch (error) {
    if (meansDamage(error)) return { problem: (error as Error).message, isSealed }
    throw error
  }
}

function tombstoneOf({ id, stored, order }: StoredObject, tenant: string, now: number, isSealed: boolean): ManagedObject {
  const { record } = isSealed ? splitSeal(stored.value) : { record: undefined }
  const object = record === undefined ? emptyObject(id, stored.value, order) : decodeObject(tenant, id, record)
  const { attributes } = object
  attributes.set('State', object.state === 'Compromised' || object.state === 'DestroyedCompromised' ? 'DestroyedCompromised' : 'Destroyed')
  attributes.set('DestroyDate', now)
  attributes.set('LastChangeDate', now)
  attributes.set('Comment', 'Given up by the operator: its stored record was damaged.')
  object.key = undefined
  return object.copy({ generation: object.generation + 1 })
}

/** @param order the microsecond of its creation */
function emptyObject(uniqueIdentifier: string, value: Uint8Array, order: number): ManagedObject {
  return newObject({
    uniqueIdentifier,
    objectType: typeIn(value),
    now: Math.floor(order / 1e6),
    given: [],
    form: {},
    key: undefined,
    digests: [],
    protectionStorageMask: 0,
    policy: { sensitive: true, extractable: false },
  }).copy({ order })
}

/** As far as it can be read. */
function typeIn(value: Uint8Array): ObjectType {
  try {
    const { objectType } = decodeRecord(splitSeal(value).record)
    if (Object.hasOwn(enumerations.ObjectType, objectType)) return objectType as ObjectType
  } catch {}
  return 'OpaqueObject'
}
