import type { Ledger, Replica, Space } from '../store/ledger.ts'
import { Notes } from './notes.ts'
import type { WalkPosition } from './record-walk.ts'

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
}

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
