import { randomBytes } from 'node:crypto'
import type { Ledger, Replica, Space } from '../store/ledger.ts'
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
  readonly #ledger: Ledger
  readonly #replica: Replica
  readonly #space: Space

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#ledger = ledger
    this.#replica = replica
    this.#space = systemSpace
  }

  read(partition: string): TurnProgress | undefined {
    const stored = this.#replica.read(this.#place(partition))
    if (stored === undefined) return undefined
    const { format: written, ...progress } = JSON.parse(Buffer.from(stored.value).toString('utf8')) as TurnProgress & { format: number }
    return written === format ? progress : undefined
  }

  async write(partition: string, progress: TurnProgress | undefined): Promise<void> {
    const value = progress === undefined ? undefined : Buffer.from(JSON.stringify({ format, ...progress }))
    if (value === undefined && this.#replica.read(this.#place(partition)) === undefined) return
    await this.#ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place: this.#place(partition), value }] })
  }

  #place(partition: string) {
    return { space: this.#space, kind: 'setting', id: `epoch-turn/${partition}` } as const
  }
}

const format = 1
