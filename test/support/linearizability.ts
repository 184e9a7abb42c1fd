import { randomFillSync } from 'node:crypto'

/** What a thing does when it is asked one question at a time: the answer that each input has in each state, and the state after it. */
export interface SequentialModel<State, Input> {
  readonly initial: State
  step(state: State, input: Input): { readonly answer: string; readonly next: State }
  /** Equal for equal states, and for no others. */
  text(state: State): string
}

/** One operation of a history, with times of one clock. Two whose times touch count as having overlapped. */
export interface Operation<Input> {
  readonly input: Input
  readonly invoked: number
  /** Infinity when its outcome is unknown: it may take effect at any time after its invocation, or never. */
  readonly completed: number
  /** Undefined when its outcome is unknown. */
  readonly answer: string | undefined
}

/** Why a history has no order. */
export interface Violation<Input> {
  /** By its completion no order was left. */
  readonly culprit: Operation<Input>
  /** The states, as text, that the operations before it may have led to. */
  readonly states: readonly string[]
}

/**
 * Whether there is one order of the operations, in keeping with their times, in which the model gives every answer that was given (Herlihy
 * and Wing). Undefined when there is one.
 *
 * The search is that of Wing and Gong with the memory of Lowe, on Porcupine's list of calls and returns; histories of different keys
 * are to be checked apart. Three rules keep it short where histories are long, none of which can miss an order:
 * what leaves the state as it is and can be placed, is placed at once; what has no known outcome and would change nothing, is not placed;
 * of operations that are alike, the one that must be over first is placed first.
 *
 * @throws Error when it has not come to an end after so many operations placed that something else must be wrong: the problem is one that no
 *   search of this kind is short for
 */
export function findViolation<State, Input>(
  model: SequentialModel<State, Input>,
  operations: readonly Operation<Input>[],
): Violation<Input> | undefined {
  return new Search(model, operations).run()
}

/** A call or a return in the list. */
interface Entry<Input> {
  readonly index: number
  readonly operation: Operation<Input>
  /** The return of a call. */
  readonly mate: Entry<Input> | undefined
  before: Entry<Input> | undefined
  after: Entry<Input> | undefined
}

/** Operations without a known outcome that are alike, the earliest first: that is the order in which they are placed. */
interface Lost<Input> {
  readonly operations: readonly { readonly index: number; readonly operation: Operation<Input> }[]
  placed: number
}

/** Where the search goes on: the next call to try, the kinds tried in its stead, and how many sorts of lost operations were. */
interface Place<Input> {
  entry: Entry<Input>
  readonly tried: Set<string>
  triedLost: number
}

interface Placed<State, Input> {
  readonly index: number
  readonly what: Entry<Input> | Lost<Input>
  readonly stateBefore: State
  /** Undefined when it was placed without an alternative. */
  readonly otherwise: Place<Input> | undefined
}

class Search<State, Input> {
  readonly #model: SequentialModel<State, Input>
  readonly #head: Entry<Input>
  readonly #lost: readonly Lost<Input>[]
  /** Pairs of what is placed and the state, that have been tried. */
  readonly #seen = new Set<string>()
  readonly #placed: Placed<State, Input>[] = []
  readonly #marks: readonly Mark[]
  readonly #kinds: readonly string[]
  #mark: Mark = [0, 0, 0]
  /** Operations with a known answer that are not placed. */
  #rest: number
  #state: State
  #farthest: { readonly placed: number; readonly culprit: Operation<Input> | undefined; readonly states: Set<string> }

  constructor(model: SequentialModel<State, Input>, operations: readonly Operation<Input>[]) {
    this.#model = model
    this.#state = model.initial
    this.#kinds = operations.map(({ input, answer }) => `${answer ?? ''} ${JSON.stringify(input)}`)
    this.#rest = operations.filter(({ answer }) => answer !== undefined).length
    this.#head = listOf(operations)
    this.#lost = lostOf(operations, this.#kinds)
    this.#marks = marksFor(operations.length)
    this.#farthest = { placed: -1, culprit: undefined, states: new Set() }
  }

  run(): Violation<Input> | undefined {
    let at = this.#start()
    while (this.#rest > 0) {
      if (this.#seen.size > mostSeen)
        throw new Error(`no verdict on ${this.#kinds.length} operations, ${this.#rest} of them still to place`)
      const { entry } = at
      if (entry.mate !== undefined) {
        at.entry = entry.after!
        const kind = this.#kinds[entry.index] as string
        if (at.tried.has(kind)) continue
        at.tried.add(kind)
        if (this.#placeCall(this.#firstOfItsKind(entry, kind), at)) at = this.#start()
      } else if (at.triedLost < this.#lost.length) {
        const lost = this.#lost[at.triedLost++] as Lost<Input>
        if (this.#placeLost(lost, entry.operation.completed, at)) at = this.#start()
      } else {
        this.#remember(entry.operation)
        const earlier = this.#goBack()
        if (earlier === undefined) return { culprit: this.#farthest.culprit!, states: [...this.#farthest.states] }
        at = earlier
      }
    }
    return undefined
  }

  #start(): Place<Input> {
    return { entry: this.#head.after!, tried: new Set(), triedLost: 0 }
  }

  /** Of the calls that may come next, the one like this that must be over first. */
  #firstOfItsKind(entry: Entry<Input>, kind: string): Entry<Input> {
    let first = entry
    for (let other = entry.after!; other.mate !== undefined; other = other.after!)
      if (this.#kinds[other.index] === kind && other.operation.completed < first.operation.completed) first = other
    return first
  }

  #placeCall(call: Entry<Input>, otherwise: Place<Input>): boolean {
    const { answer, next } = this.#model.step(this.#state, call.operation.input)
    if (answer !== call.operation.answer || !this.#place(call.index, call, next, otherwise)) return false
    this.#rest--
    lift(call)
    return true
  }

  /** Places the next of its sort, if it was asked for before an operation was over that is still to be placed. */
  #placeLost(lost: Lost<Input>, completed: number, otherwise: Place<Input>): boolean {
    const first = lost.operations[lost.placed]
    if (first === undefined || first.operation.invoked > completed) return false
    const { next } = this.#model.step(this.#state, first.operation.input)
    if (this.#model.text(next) === this.#model.text(this.#state) || !this.#place(first.index, lost, next, otherwise)) return false
    lost.placed++
    return true
  }

  /** False when that has been tried. */
  #place(index: number, what: Placed<State, Input>['what'], next: State, otherwise: Place<Input>): boolean {
    const text = this.#model.text(next)
    const isForced = text === this.#model.text(this.#state)
    const mark = joined(this.#mark, this.#marks[index] as Mark)
    if (!isForced) {
      const key = `${mark.join()} ${text}`
      if (this.#seen.has(key)) return false
      this.#seen.add(key)
    }
    this.#placed.push({ index, what, stateBefore: this.#state, otherwise: isForced ? undefined : otherwise })
    this.#mark = mark
    this.#state = next
    return true
  }

  /** Takes back up to the latest operation that had an alternative. */
  #goBack(): Place<Input> | undefined {
    for (let last = this.#placed.pop(); last !== undefined; last = this.#placed.pop()) {
      const { index, what, stateBefore, otherwise } = last
      this.#mark = joined(this.#mark, this.#marks[index] as Mark)
      this.#state = stateBefore
      if ('placed' in what) {
        what.placed--
      } else {
        this.#rest++
        putBack(what)
      }
      if (otherwise !== undefined) return otherwise
    }
    return undefined
  }

  #remember(culprit: Operation<Input>): void {
    const { length } = this.#placed
    if (length < this.#farthest.placed) return
    if (length > this.#farthest.placed) this.#farthest = { placed: length, culprit, states: new Set() }
    if (this.#farthest.culprit === culprit) this.#farthest.states.add(this.#model.text(this.#state))
  }
}

/** Calls and returns by time, behind a head; at one time calls come first, so that the operations overlap. */
function listOf<Input>(operations: readonly Operation<Input>[]): Entry<Input> {
  const entries = operations.flatMap((operation, index): Entry<Input>[] => {
    if (operation.answer === undefined) return []
    const mate: Entry<Input> = { index, operation, mate: undefined, before: undefined, after: undefined }
    return [{ ...mate, mate }, mate]
  })
  const timeOf = ({ mate, operation }: Entry<Input>) => (mate === undefined ? operation.completed : operation.invoked)
  entries.sort((a, b) => timeOf(a) - timeOf(b) || Number(a.mate === undefined) - Number(b.mate === undefined))
  const head = {} as Entry<Input>
  let last = head
  for (const entry of entries) {
    last.after = entry
    entry.before = last
    last = entry
  }
  return head
}

function lift<Input>(call: Entry<Input>): void {
  for (const entry of [call, call.mate!]) {
    entry.before!.after = entry.after
    if (entry.after !== undefined) entry.after.before = entry.before
  }
}

/** In the opposite order, so that each still knows its neighbours. */
function putBack<Input>(call: Entry<Input>): void {
  for (const entry of [call.mate!, call]) {
    entry.before!.after = entry
    if (entry.after !== undefined) entry.after.before = entry
  }
}

function lostOf<Input>(operations: readonly Operation<Input>[], kinds: readonly string[]): Lost<Input>[] {
  const sorts = new Map<string, { index: number; operation: Operation<Input> }[]>()
  for (const [index, operation] of operations.entries()) {
    if (operation.answer !== undefined) continue
    const kind = kinds[index] as string
    sorts.set(kind, [...(sorts.get(kind) ?? []), { index, operation }])
  }
  return [...sorts.values()].map((sort) => ({ operations: sort.sort((a, b) => a.operation.invoked - b.operation.invoked), placed: 0 }))
}

/** States of the search; a history of a run has a few thousand at most. Some hundred megabytes. */
const mostSeen = 2_000_000

/** A set of operations as 96 bits: that of a set is the exclusive or of those of its members (Zobrist). */
type Mark = readonly [number, number, number]

function joined(a: Mark, b: Mark): Mark {
  return [a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2]]
}

function marksFor(count: number): Mark[] {
  const words = new Int32Array(3 * count)
  randomFillSync(words)
  return Array.from({ length: count }, (_, index) => [words[3 * index] ?? 0, words[3 * index + 1] ?? 0, words[3 * index + 2] ?? 0])
}
