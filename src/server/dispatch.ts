import { setImmediate as nextTurn } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import { isRepeatable, type RepeatableOperation } from '../../spec/tresor-extension.ts'
import type { Identifier, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import {
  type FailedItem,
  type RequestHeader,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  type ResponseMessage,
  tooLarge,
  type UnreadableItem,
} from '../messages/index.ts'
import { type Context, madeIdentifiers, type OperationEntry, PolledAnswer, repeatedAnswer } from '../operations/index.ts'
import type { ChangeSet, CommitOutcome } from '../store/index.ts'
import { demand, type Identity } from '../tenants/index.ts'
import { isAnsweredLater } from './answered-later.ts'
import { BatchIdentifiers } from './batch-identifiers.ts'
import { Failures } from './failures.ts'
import type { AnswersKept, Repeated } from './kept-answers.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { RequestJobs } from './request-jobs.ts'

/** One attempt at a request: the view that its handlers get, and what they staged. */
export interface Attempt {
  readonly context: Context
  /** What was made under Idempotency Keys. */
  readonly kept: AnswersKept
  /** Who makes the request, where a ticket says so. */
  readonly identity?: Identity
  /** Those of the request that are answered later. */
  readonly jobs: Pick<RequestJobs, 'load' | 'finish' | 'made'>
  /** Stages an item to be answered later; undefined when it cannot be and the client leaves it open. @throws KmipError */
  submit(item: RequestItem, header: RequestHeader): Promise<Uint8Array | undefined>
  /** Takes a Batch Item off what the request's ticket may do; undefined when nothing counts. @throws KmipError UsageLimitExceeded */
  readonly spend?: ((bytes: number) => Promise<void>) | undefined
  /** What the request costs its ticket though nothing that it did stays; staged for the commit. */
  readonly spent?: (() => Promise<ChangeSet | undefined>) | undefined
  /** What the commit came to, before it is answered. Never fails. */
  readonly settled?: (outcome: 'committed' | 'conflict') => Promise<void> | undefined
  /** A mark to go back to. */
  savepoint(): number
  /** Drops what was staged since the mark, and ends streams that took a part since. */
  rollback(savepoint: number): Promise<void> | undefined
  /** All that was staged, sealed; undefined when that is nothing. The answers are those of the items. */
  changes(answers: readonly ResponseItem[]): Promise<ChangeSet | undefined> | undefined
}

/** Who sends requests on a connection. */
export interface Caller {
  readonly identity: Identity
}

/** How current a request must find the store. */
export type Bound = 'usual' | 'strict'

/** What the dispatcher needs of the other rooms. */
export interface DispatchDoors<C extends Caller = Caller> {
  readonly log: Log
  readonly metrics: Metrics
  /** The row of an operation; every operation that the messages name has one. */
  readonly entry: <O extends OperationName>(operation: O) => OperationEntry<O> | undefined
  /**
   * `usual` is what the caller's tenant has chosen, `strict` holds every change that was answered.
   * @throws KmipError GeneralFailure when it cannot be had.
   */
  barrier(caller: C, bound: Bound): Promise<void>
  commit(changes: ChangeSet, caller: C): Promise<CommitOutcome>
  /** @throws KmipError when the tenant's partition cannot be used. */
  begin(identity: Identity, message: RequestMessage, milliseconds: number, caller: C): Attempt | Promise<Attempt>
  /** The request is refused though its items have run: what they began outside the store ends. */
  dropped?(message: RequestMessage): Promise<void> | undefined
  /** Who the caller is as of the barrier just passed, narrowed by the request's credentials. @throws KmipError */
  identify(caller: C, message: RequestMessage): Identity | Promise<Identity>
  /** Items were committed that are answered later: to be carried out. */
  submitted?(names: readonly string[]): void
  /** Bytes of an answer in its binary form. */
  size(response: ResponseMessage): number
  /** Milliseconds since 1970. */
  now(): number
}

/** Runs again after a conflict at most so many times in all. */
const attempts = 16

/** Of these, attempts that may end because what the request relied on has passed; the next one answers what it meets. */
const attemptsForView = 4

/** The longest pause between two attempts is 2 to this power, in milliseconds. */
const longestPause = 6

/** Batch Items after which other connections get a turn. */
const itemsPerTurn = 32

/**
 * Answers one request: barrier, items in order, commit. Nothing that it throws or meets leaves it but as an answer.
 */
export async function dispatch<C extends Caller>(message: RequestMessage, caller: C, doors: DispatchDoors<C>): Promise<ResponseMessage> {
  const milliseconds = doors.now()
  try {
    for (let attempt = 1; ; attempt++) {
      // What it met is newer than what it saw: an earlier barrier would show it the same again.
      const run = new Run(message, caller, milliseconds, attempt, doors)
      const answer = await run.answer()
      if (answer !== 'conflict') return answer
      doors.metrics.conflicts++
      if (attempt === attempts) {
        const error = new KmipError(
          'GeneralFailure',
          `Other requests changed the same objects ${attempts} times meanwhile. Nothing was changed by this one; send it again.`,
        )
        await doors.dropped?.(message)
        return respond(message, milliseconds, refuseAll(message, error))
      }
      // Requests that met once would meet again if they ran in step.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** Math.min(attempt, longestPause)))
    }
  } catch (error) {
    await doors.dropped?.(message)
    const failure = new Failures(doors).of(error)
    return { ...respond(message, milliseconds, refuseAll(message, failure.error)), ...failure.header }
  }
}

/** One run of a request against one state of the store. */
class Run<C extends Caller> {
  readonly #message: RequestMessage
  readonly #caller: C
  readonly #doors: DispatchDoors<C>
  readonly #milliseconds: number
  readonly #attempt: number
  readonly #failures: Failures
  #identity: Identity
  #identifiers: BatchIdentifiers | undefined

  constructor(message: RequestMessage, caller: C, milliseconds: number, attempt: number, doors: DispatchDoors<C>) {
    this.#message = message
    this.#attempt = attempt
    this.#caller = caller
    this.#identity = caller.identity
    this.#milliseconds = milliseconds
    this.#doors = doors
    this.#failures = new Failures(doors)
  }

  async answer(): Promise<ResponseMessage | 'conflict'> {
    try {
      return await this.#run()
    } catch (error) {
      if (this.#hasPassed(error)) return 'conflict'
      throw error
    }
  }

  /** Whether what the request relied on is no more, so that it must look anew. */
  #hasPassed(error: unknown): boolean {
    return error instanceof KmipError && error.retry === 'newer-view' && this.#attempt < attemptsForView
  }

  async #run(): Promise<ResponseMessage | 'conflict'> {
    const message = this.#message
    const doors = this.#doors
    if (needsBarrier(message, doors)) {
      const began = performance.now()
      await doors.barrier(this.#caller, this.#attempt === 1 ? 'usual' : 'strict')
      doors.metrics.barrier.observe(performance.now() - began)
    }
    const identified = doors.identify(this.#caller, message)
    this.#identity = identified instanceof Promise ? await identified : identified
    const begun = doors.begin(this.#identity, message, this.#milliseconds, this.#caller)
    const attempt = begun instanceof Promise ? await begun : begun
    if (attempt.identity !== undefined) this.#identity = attempt.identity
    const done = await this.#items(attempt)
    if (done === 'undone') await doors.dropped?.(message)
    const answers = done === 'undone' ? this.#undone : done
    const staged = done === 'undone' ? attempt.spent?.() : attempt.changes(answers)
    const changes = staged && (await staged)
    if (changes === undefined) return this.#respond(answers)
    // An answer that could not be written must not be found out after the commit.
    if (message.header.maximumResponseSize === undefined) doors.size(this.#respond(answers))
    const began = performance.now()
    const result = await doors.commit(changes, this.#caller)
    doors.metrics.commit.observe(performance.now() - began)
    if (result.outcome !== 'unknown') await attempt.settled?.(result.outcome)
    if (result.outcome === 'committed') {
      if (message.header.asynchronousIndicator !== 'Prohibited') doors.submitted?.(attempt.jobs.made)
      return this.#respond(answers)
    }
    if (result.outcome === 'conflict') return 'conflict'
    await doors.dropped?.(message)
    doors.metrics.unknownOutcomes++
    doors.log.error('outcome unknown', { why: result.why, tenant: this.#identity.tenant })
    const error = new KmipError(
      'GeneralFailure',
      'Outcome unknown: the change may or may not have been made. Look before it is sent again.',
      { retry: 'outcome-unknown' },
    )
    // As many as were tried, in their order.
    const asked = (index: number) => message.items[index] as RequestItem | UnreadableItem
    return this.#respond(answers.map((item, index) => (item.status === 'OperationFailed' ? item : failed(asked(index), error))))
  }

  #undone: ResponseItem[] = []
  /** The answer that a Poll told last: its failure is none of the Poll's. */
  #told: ResponseItem | undefined

  async #items(attempt: Attempt): Promise<ResponseItem[] | 'undone'> {
    const { header, items } = this.#message
    const answers: ResponseItem[] = []
    const limit = header.maximumResponseSize
    let size = limit === undefined ? 0 : this.#doors.size(this.#respond([]))
    const empty = size
    if (items.length > 1) this.#identifiers = new BatchIdentifiers()
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as RequestItem | UnreadableItem
      const savepoint = attempt.savepoint()
      let answer = await this.#item(item, attempt)
      if (limit !== undefined) {
        size += this.#doors.size(this.#respond([answer])) - empty
        if (size > limit && answer.status !== 'OperationFailed') {
          answer = tooLarge(answer)
        }
      }
      answers.push(answer)
      if (answer.status !== 'OperationFailed' || answer === this.#told) {
        if (this.#identifiers !== undefined && index % itemsPerTurn === itemsPerTurn - 1) await nextTurn()
        continue
      }
      await attempt.rollback(savepoint)
      if (header.batchErrorContinuation === 'Continue' && items.length > 1) continue
      if (header.batchErrorContinuation !== 'Undo') break
      this.#undone = answers.map((one) => (one.status === 'Success' ? { ...one, status: 'OperationUndone' as const } : one))
      return 'undone'
    }
    return answers
  }

  async #item(item: RequestItem | UnreadableItem, attempt: Attempt): Promise<ResponseItem> {
    const { context, kept, spend } = attempt
    const began = performance.now()
    let answer: ResponseItem
    try {
      if ('error' in item) throw item.error
      const entry = this.#doors.entry(item.operation) as OperationEntry<OperationName> | undefined
      if (entry === undefined) throw new KmipError('OperationNotSupported', `This server does not serve ${item.operation}.`)
      for (const permission of [entry.permission, entry.also ?? 'none'])
        if (permission !== 'none' && permission !== 'own') demand(this.#identity, permission)
      if (spend !== undefined) await spend(dataLength(item.payload))
      const payload = this.#resolved(item.operation, entry, item.payload as RequestPayload<OperationName>)
      const later = await this.#later(item, entry, payload, attempt)
      if (later !== undefined) {
        this.#account(item, later, performance.now() - began)
        return later
      }
      const repeated = repetition(item, this.#identity)
      const found = repeated && (await kept.find(repeated))
      const response: ResponsePayload<OperationName> =
        found === undefined
          ? await entry.handler(context, payload as never)
          : repeatedAnswer(item.operation as RepeatableOperation, found, payload as never)
      if (repeated !== undefined && found === undefined)
        await kept.keep(repeated, madeIdentifiers(item.operation as RepeatableOperation, response as never))
      this.#identifiers?.learn(item.operation, response, entry.placeholder?.(response as never, payload as never))
      if (response instanceof PolledAnswer) {
        answer = { ...response.item, uniqueBatchItemId: item.uniqueBatchItemId }
        this.#told = answer
      } else answer = answered(item, item.operation, response)
    } catch (error) {
      if (this.#hasPassed(error)) throw error
      answer = failed(item, this.#failures.of(error).error)
    }
    this.#account(item, answer, performance.now() - began)
    return answer
  }

  /** That an item is answered later, once it is staged to be; undefined for one that is answered now. */
  async #later(
    item: RequestItem,
    entry: OperationEntry<OperationName>,
    payload: RequestPayload<OperationName>,
    attempt: Attempt,
  ): Promise<ResponseItem | undefined> {
    const { header } = this.#message
    if (header.asynchronousIndicator === 'Prohibited') return undefined
    if (!isAnsweredLater(this.#message, item, entry, attempt.spend !== undefined)) return undefined
    const asynchronousCorrelationValue = await attempt.submit({ ...item, payload } as RequestItem, header)
    if (asynchronousCorrelationValue === undefined) return undefined
    const { operation, uniqueBatchItemId } = item
    return { operation, uniqueBatchItemId, status: 'OperationPending', asynchronousCorrelationValue }
  }

  /** The payload with its identifiers as text. A lone item has no earlier ones that it could mean. */
  #resolved<O extends OperationName>(operation: O, entry: OperationEntry<O>, payload: RequestPayload<O>): RequestPayload<O> {
    if (this.#identifiers !== undefined) return this.#identifiers.resolve(operation, payload, entry.needsObject)
    const named: Identifier | undefined = (payload as { readonly uniqueIdentifier?: Identifier }).uniqueIdentifier
    if (named === undefined || typeof named === 'string') return payload
    return new BatchIdentifiers().resolve(operation, payload, entry.needsObject)
  }

  #account(item: RequestItem | UnreadableItem, answer: ResponseItem, milliseconds: number): void {
    const { metrics, log } = this.#doors
    const operation = 'error' in item ? 'unknown' : item.operation
    const result = answer.status === 'OperationFailed' ? answer.error.reason : answer.status
    metrics.item(operation, result, milliseconds)
    if (!log.writes('debug')) return
    const object = 'error' in item ? undefined : (item.payload as { readonly uniqueIdentifier?: unknown }).uniqueIdentifier
    log.debug('request', {
      operation,
      tenant: this.#identity.tenant,
      user: this.#identity.user,
      object: typeof object === 'string' ? object : undefined,
      status: result,
      ...(answer.status === 'OperationFailed' ? { problem: answer.error.message } : {}),
      microseconds: Math.round(milliseconds * 1000),
    })
  }

  #respond(items: readonly ResponseItem[]): ResponseMessage {
    const response = respond(this.#message, this.#milliseconds, items)
    return this.#failures.header === undefined ? response : { ...response, ...this.#failures.header }
  }
}

/** Bytes that an item gives an operation to work on. */
function dataLength(payload: object): number {
  return (payload as { readonly data?: Uint8Array }).data?.length ?? 0
}

/** Undefined for an item that is to be carried out each time it comes. */
function repetition({ operation, idempotencyKey, digest }: RequestItem, { user }: Identity): Repeated | undefined {
  if (idempotencyKey === undefined || digest === undefined || !isRepeatable(operation)) return undefined
  return { user, idempotencyKey, digest }
}

/** Fails the items as far as the continuation option wants them answered. */
function refuseAll({ header, items }: RequestMessage, error: KmipError): readonly ResponseItem[] {
  const answered = header.batchErrorContinuation === 'Continue' ? items : items.slice(0, 1)
  return answered.map((item) => failed(item, error))
}

/** What asks only what the server is needs none, unless a user must prove who they are: a password may have been changed. */
function needsBarrier({ header, items }: RequestMessage, doors: Pick<DispatchDoors, 'entry'>): boolean {
  if (header.credentials.length > 0) return true
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as RequestItem | UnreadableItem
    if (!('error' in item) && doors.entry(item.operation)?.permission !== 'none') return true
  }
  return false
}

function respond({ header }: RequestMessage, milliseconds: number, items: readonly ResponseItem[]): ResponseMessage {
  return {
    version: header.version,
    timeStamp: Math.floor(milliseconds / 1000),
    clientCorrelationValue: header.clientCorrelationValue,
    items,
  }
}

function answered<O extends OperationName>(item: RequestItem, operation: O, payload: ResponsePayload<O>): ResponseItem {
  const { uniqueBatchItemId } = item
  // The table's row ties the payload to its operation; a union of all rows cannot say so.
  return { operation, uniqueBatchItemId, status: 'Success', payload } as unknown as ResponseItem
}

function failed(item: RequestItem | UnreadableItem | ResponseItem, error: KmipError): FailedItem {
  const operation = 'operation' in item ? item.operation : undefined
  const operationValue = 'operationValue' in item ? item.operationValue : undefined
  const wantsRetry = 'wantsRetry' in item ? item.wantsRetry : undefined
  return { wantsRetry, operation, operationValue, uniqueBatchItemId: item.uniqueBatchItemId, status: 'OperationFailed', error }
}
