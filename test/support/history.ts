/** How an operation ended for who asked for it. */
export type Outcome =
  /** Answered: `answer` says with what. */
  | 'answered'
  /** Certainly without effect: nothing was sent, or the server said that nothing was changed. */
  | 'nothing'
  /** The answer was lost, or told that the outcome is unknown: it may take effect at any time after its invocation, or never. */
  | 'unknown'

/** One operation of one client. Times are milliseconds of one monotonic clock. */
export interface Event<Input> {
  /** What it was asked of: histories of different keys do not touch. */
  readonly key: string
  readonly input: Input
  /** The node that was asked; undefined for a client that chooses among several. */
  readonly node: number | undefined
  readonly invoked: number
  readonly completed: number
  readonly outcome: Outcome
  /** Milliseconds by which an answer that changed nothing may have been out of date when it was asked for; 0 where nobody chose that. */
  readonly freshness: number
  readonly answer: string | undefined
  /** The error's own words, where there was one. */
  readonly words: string | undefined
}

/** All that the clients of a run asked and were answered, in the order of completion. */
export class History<Input> {
  readonly events: Event<Input>[] = []

  add(event: Event<Input>): void {
    this.events.push(event)
  }

  byKey(): Map<string, Event<Input>[]> {
    const keys = new Map<string, Event<Input>[]>()
    for (const event of this.events) {
      const of = keys.get(event.key)
      if (of === undefined) keys.set(event.key, [event])
      else of.push(event)
    }
    return keys
  }
}

/** One event as a line for people. */
export function eventLine<Input>({ input, node, invoked, completed, outcome, answer, words }: Event<Input>): string {
  const where = node === undefined ? 'any node' : `node-${node + 1}`
  const times = `${invoked.toFixed(1).padStart(10)} ${completed.toFixed(1).padStart(10)}`
  return `${times}  ${where.padEnd(8)}  ${JSON.stringify(input)}  ${outcome === 'answered' ? answer : `${outcome}: ${words ?? ''}`}`
}
