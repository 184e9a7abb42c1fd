import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Guard, Ledger, LocalReplica, Space, StoredObject } from '../store/index.ts'

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
  /** The new value of an object, undefined where it may stay as it is. @throws KmipError CryptographicFailure, UnsupportedCryptographicParameters, InvalidField for one that cannot be converted */
  readonly convert: (space: Space, object: StoredObject) => Promise<Uint8Array | undefined>
  /** Told after each page: objects seen and converted since the last time. */
  readonly progress: (position: WalkPosition, seen: number, converted: number) => Promise<void>
  /** Ends the walk between two pages. */
  readonly signal: AbortSignal
  /** Which part of the time the walk may work, over 0 to 1: the rest is for requests. */
  readonly share: number
}

export interface WalkOutcome {
  readonly converted: number
  /** Objects that cannot be converted, the first ones by name. */
  readonly damaged: number
  readonly examples: readonly string[]
}

/**
 * Converts every object of some spaces, page by page while requests are served: each object is a commit of its own, guarded by the revision that
 * was read, so a request that changes it meanwhile is never overwritten; who loses reads anew. Objects that are made meanwhile behind the
 * walk's position are not seen: a walk is over when one from the beginning to the end converts nothing.
 * @throws when a guard no longer holds, the ledger or the partition fails, or it was aborted; the position last told is where to go on.
 */
export async function walkRecords(options: WalkOptions): Promise<WalkOutcome> {
  const { ledger, replica, spaces, from, signal, share, progress } = options
  let converted = 0
  const damaged: string[] = []
  let damagedCount = 0
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
      for (const result of results) {
        if (typeof result !== 'object') continue
        damagedCount++
        if (damaged.length < mostExamples) damaged.push(result.damaged)
      }
      await progress({ space, id: after }, page.length, done)
      await sleep(((performance.now() - began) * (1 - share)) / share, undefined, { signal })
    }
  }
  return { converted, damaged: damagedCount, examples: damaged }
}

const pageLength = 64
const mostExamples = 3
/** Reasons that lie in the object itself, and not in the device. */
const ofTheKey: ReadonlySet<string> = new Set(['CryptographicFailure', 'UnsupportedCryptographicParameters', 'InvalidField'])

async function convertOne(options: WalkOptions, space: Space, object: StoredObject) {
  const { ledger, replica, guards, convert } = options
  for (let current: StoredObject | undefined = object; current !== undefined; ) {
    const { id, stored, order, terms } = current
    let value: Uint8Array | undefined
    try {
      value = await convert(space, current)
    } catch (error) {
      if (!(error instanceof KmipError && ofTheKey.has(error.reason))) throw error
      return { damaged: `${id} in ${space}: ${error.message}` }
    }
    if (value === undefined) return 'left'
    const place = { space, kind: 'object', id } as const
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
