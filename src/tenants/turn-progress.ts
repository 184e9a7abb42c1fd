import type { Ledger, Replica, Space } from '../store/index.ts'
import { tenantOf } from '../store/index.ts'
import { Notes } from './notes.ts'
import type { StuckObject, WalkPosition } from './record-walk.ts'

/** How far a turn has come, on whichever node it runs. */
export interface TurnProgress {
  /** The epoch that is turned to. */
  readonly to: number
  /** Objects seen so far in the pass that is under way, and those there are; a pass that re-wrapped something is followed by one more. */
  readonly seen: number
  readonly total: number
  /** Keys that were re-wrapped, in all passes. */
  readonly rewrapped: number
  /** Where the pass goes on. */
  readonly position?: WalkPosition
  /** The pass re-wrapped something already. */
  readonly changed: boolean
  /** What keeps the turn from going on, with the cure. */
  readonly problem?: string
  /** What was found in this pass, or in the one that ended last. */
  readonly stuck?: StuckObjects
}

/** Objects that keep a turn or a move from its end. */
export interface StuckObjects {
  readonly count: number
  /** The first of them. */
  readonly first: readonly StuckObject[]
}

/** Nothing is done yet. */
export function noProgress(to: number): TurnProgress {
  return { to, seen: 0, total: 0, rewrapped: 0, changed: false }
}

export const noStuckObjects: StuckObjects = { count: 0, first: [] }

export function moreStuck({ count, first }: StuckObjects, more: readonly StuckObject[]): StuckObjects {
  return { count: count + more.length, first: [...first, ...more].slice(0, mostNamed) }
}

/** In a sentence, with the cure. */
export function stuckWords({ count, first }: StuckObjects, what: string): string {
  const examples = first.slice(0, mostExamples).map(({ id, space, problem }) => `${id} of tenant ${tenantOf(space)}: ${problem}`)
  const more = count > mostExamples ? `; ${count - mostExamples} more` : ''
  const cures = [
    ...(first.some(({ isDamaged }) => isDamaged)
      ? ['Restore what is damaged from a backup, or give it up: tresor key give-up TENANT ID']
      : []),
    ...(first.every(({ isDamaged }) => isDamaged) ? [] : ['What is whole and not kept there its tenant destroys']),
  ]
  return `${count} stored objects ${what} (${[...examples].join('; ')}${more}). ${cures.join('. ')}`
}

/** When these are given up, the next pass names more. */
const mostNamed = 100
const mostExamples = 3

/**
 * Progress is stored apart from the definitions: those are read anew by every process when one changes. Nothing relies on it: a pass that
 * begins anew passes over what is done.
 */
export class TurnProgressStore {
  readonly #notes: Notes

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#notes = new Notes(ledger, replica, systemSpace, 'epoch-turn/')
  }

  read(partition: string): TurnProgress | undefined {
    const value = this.#notes.read(partition)
    if (value === undefined) return undefined
    const { format: written, ...progress } = JSON.parse(Buffer.from(value).toString('utf8')) as TurnProgress & { format: number }
    return written === format ? progress : undefined
  }

  async write(partition: string, progress: TurnProgress | undefined): Promise<void> {
    await this.#notes.write(partition, progress === undefined ? undefined : Buffer.from(JSON.stringify({ format, ...progress })))
  }
}

const format = 1
