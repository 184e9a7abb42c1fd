import type { KmipError } from '../../spec/kmip-error.ts'
import { parseResponse, type ResponseMessage } from '../messages/index.ts'
import { ConnectionLost } from './connection.ts'
import type { Node } from './node.ts'

export interface DeliveryOptions {
  /** Milliseconds without an answer after which a node is probed, and found suspect when it does not answer that either. */
  readonly suspectAfter: number
  /** Milliseconds for which nodes are tried again while none serves. */
  readonly patience: number
}

/** The request was sent and no answer came: it may have been carried out. Only for operations that change something. */
export class OutcomeUnknown extends Error {
  constructor(operation: string, options?: ErrorOptions) {
    super(
      `${operation}: the connection was lost before the answer came; it may have been carried out. Look before you send it again.`,
      options,
    )
    this.name = 'OutcomeUnknown'
  }
}

export interface Request {
  readonly frame: Uint8Array
  /** The operations, for messages. */
  readonly what: string
  /** What a second sending does: nothing, the same as one, or perhaps a second change. */
  readonly repeat: 'changes-nothing' | 'answers-the-same' | 'may-change-twice'
}

/** A node that serves others may have lost this request: it is not waited for alone beyond so many probes that it answers. */
const looksAtMost = 3

/** Milliseconds between two rounds over all nodes: twice as many each time. */
const pause = { first: 50, most: 400 } as const

/**
 * Brings one request to a node that answers it. The nodes are tried in turn, again and again within the patience. A request that may be
 * repeated goes to the next node also while one is silent, and the first answer counts. One that may not is sent again only when it was
 * surely not carried out.
 */
export class Delivery {
  readonly #nodes: () => readonly Node[]
  readonly #request: Request
  readonly #options: DeliveryOptions
  readonly #began = performance.now()
  readonly #tried = new Set<Node>()
  readonly #underWay = new Set<Node>()
  #round: NodeJS.Timeout | undefined
  #pause: number = pause.first
  /** Whether something that failed in this round may be over in a moment. */
  #hasHope = false
  /** Whether a node may have carried it out and has not said so. */
  #maybeDone = false
  #isSent = false
  #isSettled = false
  #last: { readonly response: ResponseMessage } | { readonly error: Error } | undefined
  #resolve: (response: ResponseMessage) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  /** @param nodes the most promising first */
  constructor(nodes: () => readonly Node[], request: Request, options: DeliveryOptions) {
    this.#nodes = nodes
    this.#request = request
    this.#options = options
  }

  /**
   * @throws OutcomeUnknown when a change may have been carried out
   * @throws ConnectionLost when no node can be reached
   */
  run(): Promise<ResponseMessage> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#next()
    })
  }

  get #mayRepeat(): boolean {
    return this.#request.repeat !== 'may-change-twice'
  }

  #next(): void {
    if (this.#isSettled || (this.#isSent && !this.#mayRepeat)) return
    const idle = this.#nodes().filter((node) => !this.#underWay.has(node))
    const node = idle.find((each) => !this.#tried.has(each))
    if (node !== undefined) void this.#try(node)
    else if (idle.length > 0) this.#endRound()
  }

  async #try(node: Node): Promise<void> {
    this.#tried.add(node)
    this.#underWay.add(node)
    const state = { isSent: false, movedOn: false }
    const watch = this.#watch(node, state)
    try {
      const found = node.connection()
      const connection = found instanceof Promise ? await found : found
      // Another node has it by now.
      if (this.#isSettled || (state.movedOn && !this.#mayRepeat)) return
      state.isSent = true
      this.#isSent = true
      this.#judge(node, parseResponse(await connection.exchange(this.#request.frame)))
    } catch (error) {
      if (error instanceof ConnectionLost) this.#lost(node, error)
      else this.#settle(() => this.#reject(error as Error))
    } finally {
      watch.stop()
      this.#underWay.delete(node)
      this.#next()
    }
  }

  /** Looks after a silent node: it may be at work on something long, or gone. */
  #watch(node: Node, state: { isSent: boolean; movedOn: boolean }): { stop(): void } {
    let timer: NodeJS.Timeout
    let isOver = false
    const { suspectAfter } = this.#options
    const look = async (times: number) => {
      if (this.#isSettled || this.#nodes().length === 1) return
      this.#warmNext()
      const serves = state.isSent && !node.isSuspect && (await node.probe())
      if (isOver || this.#isSettled) return
      if (!serves) node.suspect()
      if (!serves || times > looksAtMost) this.#moveOn(state)
      timer = setTimeout(look, suspectAfter, times + 1)
    }
    timer = setTimeout(look, suspectAfter, 1)
    return {
      stop: () => {
        isOver = true
        clearTimeout(timer)
      },
    }
  }

  /** Opens a connection to the node that would be next, so that it need not be waited for. */
  #warmNext(): void {
    const next = this.#nodes().find((node) => !node.isSuspect && !this.#underWay.has(node) && !this.#tried.has(node))
    if (next !== undefined && this.#mayRepeat) void Promise.resolve(next.connection()).catch(() => undefined)
  }

  #moveOn(state: { readonly isSent: boolean; movedOn: boolean }): void {
    if (state.movedOn) return
    state.movedOn = true
    if (state.isSent) this.#maybeDone = true
    this.#hasHope = true
    this.#next()
  }

  #judge(node: Node, response: ResponseMessage): void {
    const retry = retryOf(response)
    if (retry === 'another-node') {
      node.suspect()
      this.#isSent = false
      this.#hasHope = true
      this.#last = { response }
      return
    }
    node.trust()
    if (retry === 'outcome-unknown') {
      this.#maybeDone = true
      this.#hasHope = true
      if (this.#mayRepeat) this.#last = { response }
      else this.#settle(() => this.#reject(new OutcomeUnknown(this.#request.what, { cause: errorOf(response) })))
      return
    }
    this.#settle(() => this.#resolve(response))
  }

  #lost(node: Node, error: ConnectionLost): void {
    node.suspect()
    this.#last = { error }
    this.#hasHope ||= error.isPassing
    if (!error.sent) return
    this.#maybeDone = true
    if (!this.#mayRepeat) this.#settle(() => this.#reject(new OutcomeUnknown(this.#request.what, { cause: error })))
  }

  /** Every node was tried: again in a moment, or no more. */
  #endRound(): void {
    if (this.#round !== undefined) return
    const isOver = performance.now() - this.#began >= this.#options.patience
    if (isOver || !(this.#hasHope || this.#underWay.size > 0)) {
      if (![...this.#underWay].some((node) => !node.isSuspect)) this.#giveUp()
      return
    }
    this.#round = setTimeout(
      () => {
        this.#round = undefined
        this.#hasHope = false
        this.#tried.clear()
        this.#next()
      },
      this.#pause * (0.75 + Math.random() / 2),
    )
    this.#pause = Math.min(2 * this.#pause, pause.most)
  }

  #giveUp(): void {
    const last = this.#last
    const { what, repeat } = this.#request
    this.#settle(() => {
      if (last === undefined) this.#reject(new ConnectionLost(`${what}: no node answered in time`, this.#isSent))
      else if (this.#maybeDone && repeat !== 'changes-nothing')
        this.#reject(new OutcomeUnknown(what, { cause: 'error' in last ? last.error : errorOf(last.response) }))
      else if ('error' in last) this.#reject(last.error)
      else this.#resolve(last.response)
    })
  }

  #settle(how: () => void): void {
    if (this.#isSettled) return
    this.#isSettled = true
    clearTimeout(this.#round)
    how()
  }
}

/** How the whole request can be tried again, where its answer says so. One that did something is an answer. */
export function retryOf({ items }: ResponseMessage): KmipError['retry'] {
  const errors = items.map((item) => (item.status === 'OperationFailed' ? item.error : undefined))
  if (errors.some((error) => error?.retry === 'outcome-unknown')) return 'outcome-unknown'
  return errors.every((error) => error !== undefined) ? errors.find((error) => error?.retry !== undefined)?.retry : undefined
}

function errorOf({ items }: ResponseMessage): Error | undefined {
  for (const item of items) if (item.status === 'OperationFailed' && item.error.retry !== undefined) return item.error
  return undefined
}
