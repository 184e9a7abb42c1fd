import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../src/client/index.ts'
import type { Event, History } from '../support/history.ts'
import { ask, type KnownKey } from './key-client.ts'
import { done, type KeyInput, type KeyState } from './key-model.ts'
import type { Random } from './random.ts'

/** The clients of one node, or clients that fail over among all of them: each asks one thing after the other. */
export interface NodeClients {
  /** Undefined for those that fail over. */
  readonly node: number | undefined
  readonly clients: readonly Client[]
}

export interface KeyLoadOptions {
  readonly at: readonly NodeClients[]
  readonly history: History<KeyInput>
  readonly random: Random
  /** That of the clients' tenant, milliseconds; 0 unless said. */
  readonly freshness?: number
  /** Begins every key's name; two loads in one history need two. */
  readonly prefix: string
  /** Keys in use at a time. */
  readonly keys?: number
}

/** How a key's life goes: a plain one, one with Usage Limits, and one that several clients make at once under one name. */
type Kind = 'plain' | 'limited' | 'contested'

interface LivingKey extends KnownKey {
  readonly kind: Kind
  /** As the last answered change told it. */
  state: KeyState
  /** Operations asked for since it came to that state. */
  asked: number
}

/**
 * Steady requests from several clients at every node about a few keys at a time, so that what one node was told is asked of the others at
 * once. Each key is made, activated, used, revoked and destroyed by whichever client is next, and asked for a while after that.
 */
export class KeyLoad {
  readonly #options: KeyLoadOptions
  readonly #random: Random
  /** Those in use. */
  readonly #keys: LivingKey[] = []
  readonly #all: LivingKey[] = []
  readonly #pending = new Set<Event<KeyInput>>()
  #made = 0
  #isOver = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: KeyLoadOptions) {
    this.#options = options
    this.#random = options.random
    for (let count = options.keys ?? 6; count > 0; count--) this.#keys.push(this.#newKey())
  }

  /** What is under way: it may have taken effect, and others may have seen it. */
  get pending(): Iterable<Event<KeyInput>> {
    return this.#pending
  }

  start(): void {
    this.#isOver = false
    this.#running = Promise.all(this.#options.at.flatMap(({ node, clients }) => clients.map((client) => this.#run(client, node))))
  }

  /** Resolves when every client has its last answer. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#running
  }

  /** Asks one node or another about every key that was made: what was answered last must still be so. */
  async lookAtAll(): Promise<void> {
    const rest = this.#all.values()
    await Promise.all(
      this.#options.at.flatMap(({ node, clients }) =>
        clients.map(async (client) => {
          for (const key of rest) {
            await this.#ask(client, node, key, { do: 'Locate' })
            if (key.id !== undefined) await this.#ask(client, node, key, { do: 'GetAttributes' })
          }
        }),
      ),
    )
  }

  async #run(client: Client, node: number | undefined): Promise<void> {
    while (!this.#isOver) {
      const at = Math.floor(this.#random.fraction() * this.#keys.length)
      const key = this.#keys[at] as LivingKey
      const input = this.#next(key)
      if (input === undefined) {
        this.#keys[at] = this.#newKey()
        continue
      }
      const event = await this.#ask(client, node, key, input)
      if (event.outcome === 'answered' && event.answer === done && input.do in statesAfter) await this.#askTheOthers(node, key)
      await sleep(pauseMilliseconds)
    }
  }

  /** Right after a change was answered, every other node is asked about it. */
  async #askTheOthers(node: number | undefined, key: LivingKey): Promise<void> {
    const others = this.#options.at.filter((other) => other.node !== node)
    const what = this.#random.of(key.ciphertext === undefined ? looks : [...looks, { do: 'Decrypt' } as const])
    const asked = others.map(({ node: other, clients }) => this.#ask(this.#random.of(clients), other, key, what))
    // One that does not answer holds up nobody.
    await Promise.race([Promise.all(asked), sleep(othersMilliseconds)])
  }

  async #ask(client: Client, node: number | undefined, key: LivingKey, wanted: KeyInput): Promise<Event<KeyInput>> {
    // Who fails over may send a use twice, and both may be counted.
    const input: KeyInput = node === undefined && key.uses !== undefined && wanted.do === 'Encrypt' ? { do: 'GetAttributes' } : wanted
    key.asked++
    const pending = pendingEvent(node, key, input)
    this.#pending.add(pending)
    const event = await ask(client, node, key, input)
    this.#pending.delete(pending)
    this.#options.history.add(event)
    const reached = statesAfter[input.do]
    // A change whose outcome is unknown is not asked for again: what others see tells.
    if (reached !== undefined && event.outcome !== 'nothing' && order.indexOf(reached) > order.indexOf(key.state)) {
      key.state = input.do === 'CreateLimited' ? 'Active' : reached
      key.asked = 0
    }
    return event
  }

  /** Undefined when a key has been asked all that is of interest. */
  #next(key: LivingKey): KeyInput | undefined {
    if (key.kind === 'contested')
      return key.asked >= contestants ? undefined : this.#random.of([{ do: 'Create' }, { do: 'Create' }, { do: 'Locate' }])
    if (key.state === 'Absent') return key.asked === 0 ? creationOf(key) : undefined
    if (key.id === undefined) return key.asked > mostLocates ? undefined : { do: 'Locate' }
    const { after, change } = plans[key.kind][key.state as Exclude<KeyState, 'Absent'>]
    if (key.asked >= after) return change
    const uses: readonly KeyInput[] = key.kind === 'limited' ? [{ do: 'Encrypt' }, { do: 'Encrypt' }, { do: 'GetAttributes' }] : looks
    return this.#random.of(key.ciphertext === undefined ? uses : [...uses, { do: 'Decrypt' }])
  }

  #newKey(): LivingKey {
    const kind = this.#random.of<Kind>(['plain', 'plain', 'plain', 'limited', 'contested'])
    const uses = kind === 'limited' ? Math.round(this.#random.between(5, 40)) : undefined
    const key: LivingKey = {
      freshness: this.#options.freshness ?? 0,
      name: `${this.#options.prefix}-${++this.#made}`,
      kind,
      uses,
      id: undefined,
      ciphertext: undefined,
      state: 'Absent',
      asked: 0,
    }
    this.#all.push(key)
    return key
  }
}

function pendingEvent(node: number | undefined, { name, freshness }: KnownKey, input: KeyInput): Event<KeyInput> {
  const [invoked, completed] = [performance.now(), Number.POSITIVE_INFINITY]
  return { key: name, input, node, invoked, completed, outcome: 'unknown', freshness, answer: undefined, words: 'under way' }
}

function creationOf({ uses }: KnownKey): KeyInput {
  return uses === undefined ? { do: 'Create' } : { do: 'CreateLimited', uses }
}

const looks: readonly KeyInput[] = [{ do: 'Encrypt' }, { do: 'Encrypt' }, { do: 'Get' }, { do: 'GetAttributes' }, { do: 'Locate' }]

const order: readonly KeyState[] = ['Absent', 'PreActive', 'Active', 'Deactivated', 'Destroyed']
const statesAfter: Partial<Record<KeyInput['do'], KeyState>> = {
  Create: 'PreActive',
  CreateLimited: 'Active',
  Activate: 'Active',
  Revoke: 'Deactivated',
  Destroy: 'Destroyed',
}

interface Plan {
  /** So many operations in this state, then the change. */
  readonly after: number
  /** Undefined at the end of its life. */
  readonly change: KeyInput | undefined
}

type Plans = Readonly<Record<Exclude<KeyState, 'Absent'>, Plan>>
const end = { Deactivated: { after: 6, change: { do: 'Destroy' } }, Destroyed: { after: 12, change: undefined } } as const
const plans: Readonly<Record<'plain' | 'limited', Plans>> = {
  plain: { PreActive: { after: 4, change: { do: 'Activate' } }, Active: { after: 10, change: { do: 'Revoke' } }, ...end },
  limited: { PreActive: { after: 0, change: { do: 'Activate' } }, Active: { after: 60, change: { do: 'Revoke' } }, ...end },
}

const contestants = 9
const mostLocates = 8
/** Between two operations of a client: nodes that share a machine with the load must not starve for it, or elections have no end. */
const pauseMilliseconds = 20
const othersMilliseconds = 100
