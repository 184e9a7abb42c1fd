import type { EtcdClient } from './etcd-client.ts'
import { type Compare, type RequestOp, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'

export interface SingleRunnerOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  /** What the turn is for; every node names it alike. */
  readonly task: string
  readonly node: string
  /** How often the one whose turn it is says that it lives; milliseconds. */
  readonly pulse?: number
  /** After how long without a pulse another takes over; several pulses. */
  readonly patience?: number
}

/** A node's turn, for as long as its work takes. */
export interface Turn {
  /** Holds only while the turn is this node's: to be compared in every transaction that must be done once. */
  readonly guard: Compare
  /** Aborted when the turn was taken over, or may soon be because its pulse does not reach etcd. */
  readonly lost: AbortSignal
  /** Asks etcd, with a majority, whether the turn is still this node's. */
  isHeld(): Promise<boolean>
}

/**
 * The door to work that must run once in a cluster: it runs on one node, and on another when that node dies.
 *
 * A turn is two keys in etcd: who has it, written when it is taken, and a pulse. A contender whose own stopwatch sees no new pulse for the
 * whole patience takes over, comparing that neither key changed. So no clocks are compared and there is no lease; but a node that was
 * paused may believe for a moment that it still has its turn. What must never be done twice therefore goes into an etcd transaction with
 * the turn's `guard`, which holds for one node alone; all other work must be harmless when repeated.
 */
export class SingleRunner {
  readonly #options: Required<SingleRunnerOptions>
  readonly #holder: Buffer
  readonly #pulse: Buffer
  /** The pulse last seen of another, and when it was first seen. */
  #seen = { revision: -1, since: 0 }

  constructor(options: SingleRunnerOptions) {
    this.#options = { pulse: defaultPulse, patience: defaultPatience, ...options }
    const { holder, pulse } = options.keys.turn(options.task)
    this.#holder = holder
    this.#pulse = pulse
  }

  /**
   * Does the work if it is this node's turn now; to be called again and again, since it takes over only what it has watched for a while.
   * @returns whether it was
   * @throws when etcd does not answer, or as the work does
   */
  async attempt(work: (turn: Turn) => Promise<void>): Promise<boolean> {
    const revision = await this.#take()
    if (revision === undefined) return false
    const turn = new HeldTurn({ ...this.#options, holder: this.#holder, pulseKey: this.#pulse, revision })
    try {
      await work(turn)
    } finally {
      await turn.end()
    }
    return true
  }

  /** @returns the revision of the holder's key once it is this node's */
  async #take(): Promise<number | undefined> {
    const { client, node, patience } = this.#options
    const deadline = { deadline: callMilliseconds, endpoint: client.preferred }
    const found = await client
      .txn({ compare: [], success: [readOf(this.#holder), readOf(this.#pulse)], failure: [] }, deadline)
      .catch((error: unknown) => {
        client.moveOn(deadline.endpoint)
        throw error
      })
    const [holder, pulse] = found.responses.map((response) => response.responseRange?.kvs[0]?.modRevision ?? '0').map(revisionOf)
    if (pulse !== 0 && this.#seen.revision !== pulse) this.#seen = { revision: pulse!, since: performance.now() }
    if (pulse !== 0 && performance.now() - this.#seen.since < patience) return undefined
    const value = Buffer.from(node)
    const taken = await client.txn(
      {
        compare: [unchanged(this.#holder, holder!), unchanged(this.#pulse, pulse!)],
        success: [{ requestPut: { key: this.#holder, value } }, { requestPut: { key: this.#pulse, value } }],
        failure: [],
      },
      deadline,
    )
    return taken.succeeded ? revisionOf(taken.header.revision) : undefined
  }
}

interface HeldTurnOptions extends Required<SingleRunnerOptions> {
  readonly holder: Buffer
  readonly pulseKey: Buffer
  readonly revision: number
}

class HeldTurn implements Turn {
  readonly guard: Compare
  readonly #options: HeldTurnOptions
  readonly #lost = new AbortController()
  readonly #timer: NodeJS.Timeout
  #lastPulse = performance.now()

  constructor(options: HeldTurnOptions) {
    this.#options = options
    this.guard = unchanged(options.holder, options.revision)
    this.#timer = setInterval(() => void this.#beat(), options.pulse)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async isHeld(): Promise<boolean> {
    if (this.#lost.signal.aborted) return false
    const { succeeded } = await this.#txn([])
    if (!succeeded) this.#lost.abort()
    return succeeded
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#lost.signal.aborted) return
    const { holder, pulseKey } = this.#options
    // When this fails the others take over after their patience.
    await this.#txn([{ requestDeleteRange: { key: holder } }, { requestDeleteRange: { key: pulseKey } }]).catch(() => undefined)
  }

  async #beat(): Promise<void> {
    const { client, node, pulseKey, patience } = this.#options
    const began = performance.now()
    // Others may take over soon: well before that, this one stops. Its own stopwatch says so, also while calls wait for an answer.
    if (began - this.#lastPulse > patience / 2) return this.#lose()
    const endpoint = client.preferred
    try {
      const { succeeded } = await this.#txn([{ requestPut: { key: pulseKey, value: Buffer.from(node) } }])
      if (succeeded) this.#lastPulse = began
      else this.#lose()
    } catch {
      client.moveOn(endpoint)
    }
  }

  #lose(): void {
    clearInterval(this.#timer)
    this.#lost.abort()
  }

  #txn(success: readonly RequestOp[]) {
    const { client } = this.#options
    return client.txn({ compare: [this.guard], success, failure: [] }, { deadline: callMilliseconds, endpoint: client.preferred })
  }
}

function readOf(key: Uint8Array): RequestOp {
  return { requestRange: { key, limit: 1 } }
}

function unchanged(key: Uint8Array, modRevision: number): Compare {
  return { result: 'EQUAL', target: 'MOD', key, modRevision }
}

const callMilliseconds = 1000
const defaultPulse = 500
const defaultPatience = 3000
