import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'
import { DamagedRecord, type Guard, type Ledger, type LocalReplica, type Space, type StoredObject } from '../store/index.ts'

/** Where a walk stands: behind this object, in the order of spaces and identifiers. */
export interface WalkPosition {
  readonly space: Space
  readonly id: string
}

export interface WalkOptions {
  readonly ledger: Ledger
  readonly replica: LocalReplica
  /** The spaces that are walked, in order. */
  readonly spaces: readonly Space[]
  /** Where to go on; from the beginning when left out. */
  readonly from?: WalkPosition | undefined
  /** Go with every commit: what must not have changed for the walk to make sense. */
  readonly guards: readonly Guard[]
  /**
   * The new value of an object, undefined where it may stay as it is.
   * @throws DamagedRecord, KmipError CryptographicFailure for a record that cannot be opened; KmipError UnsupportedCryptographicParameters, InvalidField
   *   for an object that cannot be converted
   */
  readonly convert: (space: Space, object: StoredObject) => Promise<Uint8Array | undefined>
  /** Told after each page: objects seen and converted since the last time, and those that could not be. */
  readonly progress: (position: WalkPosition, seen: number, converted: number, stuck: readonly StuckObject[]) => Promise<void>
  /** Ends the walk between two pages. */
  readonly signal: AbortSignal
  /** Which part of the time the walk may work, over 0 to 1: the rest is for requests. */
  readonly share: number
}

/** An object that cannot be converted. */
export interface StuckObject {
  readonly space: Space
  readonly id: string
  readonly problem: string
  /** Its record cannot be opened; otherwise it is whole, and of a sort that is not kept where it shall go. */
  readonly isDamaged: boolean
}

/**
 * Converts every object of some spaces, page by page while requests are served: each object is a commit of its own, guarded by the revision that
 * was read, so a request that changes it meanwhile is never overwritten; who loses reads anew. Objects that are made meanwhile behind the
 * walk's position are not seen: a walk is over when one from the beginning to the end converts nothing.
 * @returns how many were converted
 * @throws when a guard no longer holds, the ledger or the partition fails, or it was aborted; the position last told is where to go on.
 */
export async function walkRecords(options: WalkOptions): Promise<number> {
  const { ledger, replica, spaces, from, signal, share, progress } = options
  let converted = 0
  for (const space of spaces.slice(from === undefined ? 0 : Math.max(spaces.indexOf(from.space), 0))) {
    let after = from?.space === space ? from.id : ''
    for (;;) {
      signal.throwIfAborted()
      const began = performance.now()
      await ledger.barrier()
      const page = replica.objectsAfter(space, after, pageLength)
      const last = page.at(-1)
      if (last === undefined) break
      const results = await Promise.all(page.map((object) => convertOne(options, space, object)))
      after = last.id
      const done = results.filter((result) => result === 'converted').length
      converted += done
      const stuck = results.filter((result) => typeof result === 'object')
      await progress({ space, id: after }, page.length, done, stuck)
      await sleep(((performance.now() - began) * (1 - share)) / share, undefined, { signal })
    }
  }
  return converted
}

const pageLength = 64

async function convertOne(options: WalkOptions, space: Space, object: StoredObject): Promise<'converted' | 'left' | StuckObject> {
  const { ledger, replica, guards, convert } = options
  for (let current: StoredObject | undefined = object; current !== undefined; ) {
    const { id, stored, order, terms } = current
    const place = { space, kind: 'object', id } as const
    let value: Uint8Array | undefined
    try {
      value = await convert(space, current)
    } catch (error) {
      const isDamaged = meansDamage(error)
      if (!isDamaged && !meansNoPlace(error)) throw error
      if (!isDamaged || (await ledger.mend?.(place)) !== true) return { space, id, problem: (error as Error).message, isDamaged }
      await ledger.barrier()
      current = replica.objectAt(space, id)
      continue
    }
    if (value === undefined) return 'left'
    const outcome = await ledger.commit({
      nonce: randomBytes(16),
      guards: [{ place, revision: stored.revision }, ...guards],
      writes: [{ place, value, terms, order }],
    })
    if (outcome.outcome === 'committed') return 'converted'
    if (outcome.outcome === 'unknown') throw new Error(`it is not known whether ${id} was stored: ${outcome.why}`)
    if (outcome.place.id !== id || outcome.place.space !== space) throw new Error(`${outcome.place.id} was changed meanwhile`)
    await ledger.barrier()
    current = replica.objectAt(space, id)
  }
  return 'left'
}

/** Whether what was thrown lies in a record that cannot be opened, and not in the device. */
export function meansDamage(error: unknown): boolean {
  return error instanceof DamagedRecord || (error instanceof KmipError && error.reason === 'CryptographicFailure')
}

/** Whether a key is of a sort that its new place does not keep. */
function meansNoPlace(error: unknown): boolean {
  return error instanceof KmipError && (error.reason === 'UnsupportedCryptographicParameters' || error.reason === 'InvalidField')
}
