import type { Event, History } from '../support/history.ts'
import { findViolation, type Operation } from '../support/linearizability.ts'
import { done, type KeyInput, keyModel, mayChange } from './key-model.ts'

/** What must not be, about one key, with as few of its operations as show it. */
export interface KeyViolation {
  readonly key: string
  readonly what: string
  readonly excerpt: readonly Event<KeyInput>[]
}

export interface JudgeOptions {
  /** Only keys with operations from this place on; all unless said. */
  readonly since?: number
  /** Operations that were under way when the history was read. */
  readonly pending?: Iterable<Event<KeyInput>>
}

/**
 * What a history must not hold. Every key's answers have one order that a key could give them in; beside that search, which could be wrong
 * itself, plain looks at what matters most.
 */
export function judge(history: History<KeyInput>, { since = 0, pending = [] }: JudgeOptions = {}): KeyViolation[] {
  const violations: KeyViolation[] = []
  const byKey = history.byKey()
  const touched = new Set(history.events.slice(since).map(({ key }) => key))
  for (const event of pending) byKey.get(event.key)?.push(event)
  for (const [key, events] of byKey) {
    if (!touched.has(key)) continue
    const culprit = culpritOf(events)
    if (culprit !== undefined) {
      const states = culprit.states.map((state) => `"${state}"`).join(' or ')
      const what = `${culprit.event.input.do} was answered "${culprit.event.answer}", and the key can only have been ${states}`
      violations.push({ key, what, excerpt: minimalExcerpt(events) })
    }
    for (const [what, excerpt] of plainProblems(events)) violations.push({ key, what, excerpt })
  }
  return violations
}

interface Culprit {
  readonly event: Event<KeyInput>
  readonly states: readonly string[]
}

function culpritOf(events: readonly Event<KeyInput>[]): Culprit | undefined {
  const isLimited = events.some(({ input }) => input.do === 'CreateLimited')
  const operations = new Map(events.flatMap((event) => operationOf(event, isLimited).map((operation) => [operation, event] as const)))
  const violation = findViolation(keyModel, [...operations.keys()])
  if (violation === undefined) return undefined
  const { culprit, states } = violation
  return { event: operations.get(culprit) as Event<KeyInput>, states }
}

/**
 * What had no effect tells nothing, and neither does a look without an answer. An answer that changed nothing may be as old as its tenant
 * allows: as if it had been asked for so much earlier. A change is made upon what is, whatever its tenant allows.
 */
function operationOf(event: Event<KeyInput>, isLimited: boolean): Operation<KeyInput>[] {
  const { input, invoked, completed, outcome, answer, freshness } = event
  const isChange = answer === done && mayChange(input, isLimited)
  if (outcome === 'answered') return [{ input, invoked: isChange ? invoked : invoked - freshness, completed, answer }]
  return outcome === 'unknown' ? [{ input, invoked, completed: Number.POSITIVE_INFINITY, answer: undefined }] : []
}

/** The fewest operations without which the rest could be: all until the first that cannot be, less what the contradiction does not need. */
function minimalExcerpt(events: readonly Event<KeyInput>[]): Event<KeyInput>[] {
  const byCompletion = events.filter(({ outcome }) => outcome !== 'nothing').sort((a, b) => a.completed - b.completed)
  const until = (end: number) =>
    byCompletion.filter(({ invoked }) => invoked <= end).map((event) => (event.completed <= end ? event : unanswered(event)))
  const wrong = byCompletion.find(({ completed }) => culpritOf(until(completed)) !== undefined)
  let excerpt = wrong === undefined ? byCompletion : until(wrong.completed)
  for (const event of [...excerpt].reverse()) {
    const isLook = !mayChange(event.input, true) || (event.outcome === 'answered' && event.answer !== done)
    const without = excerpt.filter((other) => other !== event)
    if ((isLook || event.outcome === 'unknown' || event.input.do === 'Encrypt') && culpritOf(without) !== undefined) excerpt = without
  }
  return excerpt.sort((a, b) => a.invoked - b.invoked)
}

function unanswered(event: Event<KeyInput>): Event<KeyInput> {
  return { ...event, completed: Number.POSITIVE_INFINITY, outcome: 'unknown', answer: undefined }
}

/** Sentences, each with the operations that it speaks of. */
function* plainProblems(events: readonly Event<KeyInput>[]): Iterable<[what: string, excerpt: readonly Event<KeyInput>[]]> {
  const answered = (...what: readonly KeyInput['do'][]) => events.filter(({ input, answer }) => answer === done && what.includes(input.do))
  /** What a tenant itself changed at a node, it sees there at once, whatever it allows. */
  const allowed = (event: Event<KeyInput>, change: Event<KeyInput>) =>
    event.node !== undefined && event.node === change.node ? 0 : event.freshness
  const sentAfter = (first: Event<KeyInput> | undefined, found: (event: Event<KeyInput>) => boolean) =>
    first === undefined
      ? undefined
      : events.find((event) => event.invoked - allowed(event, first) > first.completed && event.outcome === 'answered' && found(event))
  const [destroyed] = answered('Destroy').sort((a, b) => a.completed - b.completed)
  const used = sentAfter(destroyed, ({ input, answer }) => (input.do === 'Encrypt' || input.do === 'Decrypt') && answer === done)
  if (used !== undefined) yield ['a use sent after its Destroy was answered succeeded', [destroyed!, used]]
  const back = sentAfter(destroyed, ({ answer }) => answer === 'found' || /^(PreActive|Active|Deactivated)/.test(answer ?? ''))
  if (back !== undefined) yield ['a destroyed key came back', [destroyed!, back]]
  const [revoked] = answered('Revoke').sort((a, b) => a.completed - b.completed)
  const encrypted = sentAfter(revoked, ({ input, answer }) => input.do === 'Encrypt' && answer === done)
  if (encrypted !== undefined) yield ['an Encrypt sent after its Revoke was answered succeeded', [revoked!, encrypted]]
  const [made] = answered('Create', 'CreateLimited')
  const lost = sentAfter(made, ({ answer }) => answer === 'ObjectNotFound')
  if (lost !== undefined) yield ['a key whose Create was answered is not there', [made!, lost]]
  const limited = made?.input.do === 'CreateLimited' ? made.input : undefined
  const uses = answered('Encrypt')
  if (limited !== undefined && uses.length > limited.uses) yield [`${uses.length} uses of ${limited.uses} were answered`, [made!, ...uses]]
}
