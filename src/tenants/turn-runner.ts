import { runTurn, type TurnParts } from './epoch-turn.ts'
import { type MoveParts, runMove } from './tenant-move.ts'
import { noProgress } from './turn-progress.ts'

/** Does work that must run on one node of a cluster at a time, if it is this node's turn. The signal ends it when another takes over. */
export type RunOnce = (task: string, work: (signal: AbortSignal) => Promise<void>) => Promise<boolean>

export interface TurnRunnerOptions extends TurnParts {
  readonly runOnce: RunOnce
  readonly moving: MoveParts['moving']
  /** Milliseconds between two looks for what is under way; a second unless told. */
  readonly interval?: number
}

/** Goes on with every epoch turn and move of a tenant that is under way, from the start of a node to its end: who begins one writes it down, and that is all. */
export class TurnRunner {
  readonly #options: TurnRunnerOptions
  readonly #timer: NodeJS.Timeout
  readonly #closing = new AbortController()
  readonly #running = new Map<string, Promise<void>>()
  /** When what failed is tried again, by `performance.now()`. */
  readonly #pauses = new Map<string, number>()
  /** What was last said of what does not go on: it is said once. */
  readonly #told = new Map<string, string>()

  constructor(options: TurnRunnerOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.look(), options.interval ?? 1000)
    this.#timer.unref()
    this.look()
  }

  /** Begins with what is not begun yet. */
  look(): void {
    if (this.#closing.signal.aborted) return
    const { partitions, tenants } = this.#options.settings.view()
    for (const [name, { value }] of partitions) {
      if (value.turn === undefined) continue
      this.#begin({ name, what: `epoch turn of partition ${name}`, to: value.turn.to }, (signal) => runTurn(this.#options, name, signal))
    }
    for (const { value } of tenants.values()) {
      const { id, moving } = value
      if (moving === undefined) continue
      this.#begin({ name: `move/${id}`, what: `move of tenant ${id}`, to: 0 }, (signal) => runMove(this.#options, id, signal))
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort()
    await Promise.all(this.#running.values())
  }

  #begin(task: Task, work: (signal: AbortSignal) => Promise<void>): void {
    const { name } = task
    if (this.#running.has(name) || performance.now() < (this.#pauses.get(name) ?? 0)) return
    const run = this.#run(task, work).finally(() => this.#running.delete(name))
    this.#running.set(name, run)
  }

  async #run({ name, what, to }: Task, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { runOnce, log, progress } = this.#options
    try {
      await runOnce(`epoch-turn-${name}`, (signal) => work(AbortSignal.any([signal, this.#closing.signal])))
      this.#told.delete(name)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      const problem = error instanceof Error ? error.message : String(error)
      if (this.#told.get(name) !== problem) log(`the ${what} does not go on: ${problem}`)
      this.#told.set(name, problem)
      this.#pauses.set(name, performance.now() + pauseAfterFailure)
      const known = progress.read(name)
      // Told to who asks, on every node; where the ledger fails, that is told already.
      await progress.write(name, { ...(known?.to === to ? known : noProgress(to)), problem }).catch(() => undefined)
    }
  }
}

interface Task {
  /** Of its progress. */
  readonly name: string
  readonly what: string
  /** The epoch of its progress. */
  readonly to: number
}

/** Milliseconds. */
const pauseAfterFailure = 3000
