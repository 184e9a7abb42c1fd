import { setTimeout as sleep } from 'node:timers/promises'
import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestMessage, ResponseItem } from '../messages/index.ts'
import { responseSize } from '../messages/index.ts'
import type { Ledger } from '../store/index.ts'
import { type Identities, narrowTo, type Settings, type TenantId } from '../tenants/index.ts'
import type { Attempts } from './attempts.ts'
import type { Claims } from './claims.ts'
import { type Attempt, type DispatchDoors, dispatch } from './dispatch.ts'
import { type JobRecord, jobFolder } from './job-record.ts'
import { type JobWork, jobOfName } from './request-jobs.ts'

export interface JobRunnerParts {
  readonly ledger: Pick<Ledger, 'barrier' | 'commit'>
  readonly settings: Pick<Settings, 'view'>
  readonly identities: Pick<Identities, 'identify'>
  readonly attempts: Pick<Attempts, 'begin' | 'beginFor'>
  readonly claims: Claims
  readonly doors: Pick<DispatchDoors, 'log' | 'metrics' | 'entry' | 'now'>
}

/** How a try at a job ended. */
type Ended = 'settled' | 'waits' | { readonly failed: unknown; readonly record?: JobRecord }

/**
 * Carries out, in this process, what its requests left to be answered later, and what the processes that were to do it left when they died.
 * Whether a job is carried out once does not depend on claims: its answer is committed together with what it changes.
 */
export class JobRunner implements JobWork {
  readonly #parts: JobRunnerParts
  /** Claimed by this process and not settled, with the timer of its start or its next try. */
  readonly #waiting = new Map<string, NodeJS.Timeout>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #tries = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<unknown> | undefined
  #renewedAt = performance.now()
  #isStopped = false

  constructor(parts: JobRunnerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .catch((error: unknown) => this.#parts.doors.log.debug('jobs of other processes were not looked at', { error }))
        .finally(() => this.#isStopped || this.start())
    }, lookEvery)
    this.#timer.unref()
  }

  /** Lets what runs end, for at most so long; what waits is left to other processes, which are told of it for at most so long again. */
  async stop(milliseconds: number): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    const late = () => sleep(milliseconds, undefined, { ref: false })
    await Promise.race([Promise.allSettled([this.#looking, ...this.#running.values()]), late()])
    const freed = this.#parts.claims.free([...this.#waiting.keys(), ...this.#running.keys()]).catch(() => undefined)
    await Promise.race([freed, late()])
  }

  /** Jobs whose commit was answered: they begin in a moment, unless a Cancel comes first, or at once when they are polled. */
  take(names: readonly string[]): void {
    for (const name of names) this.#later(name, startAfter)
  }

  isRunning(name: string): boolean {
    return this.#running.has(name)
  }

  async settle(name: string): Promise<void> {
    if (this.#waiting.has(name)) this.#now(name)
    const running = this.#running.get(name)
    if (running !== undefined) {
      await Promise.race([running, sleep(pollWaits, undefined, { ref: false })])
      return await this.#parts.ledger.barrier()
    }
    // Another process has it: its claim ends with it.
    const end = performance.now() + pollWaits
    while (performance.now() < end && this.#parts.claims.isClaimed(name)) {
      await sleep(pollLooks)
      await this.#parts.ledger.barrier()
    }
  }

  async hurry(name: string): Promise<void> {
    clearTimeout(this.#waiting.get(name))
    this.#waiting.delete(name)
    for (const end = performance.now() + hurryWaits; performance.now() < end && !this.#isStopped; ) {
      const running = this.#running.get(name) ?? this.#run(name)
      await running
      if (!this.#waiting.has(name)) return
      await sleep(pollLooks)
      clearTimeout(this.#waiting.get(name))
      this.#waiting.delete(name)
    }
    this.#later(name, pollLooks)
    throw new KmipError('GeneralFailure', 'The request could not be carried out yet; it still will be: poll its answer.')
  }

  get counts(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#waiting.size, running: this.#running.size }
  }

  #later(name: string, milliseconds: number): void {
    if (this.#isStopped || this.#waiting.has(name) || this.#running.has(name)) return
    const timer = setTimeout(() => this.#now(name), milliseconds)
    timer.unref()
    this.#waiting.set(name, timer)
  }

  #now(name: string): void {
    clearTimeout(this.#waiting.get(name))
    this.#waiting.delete(name)
    if (this.#running.size >= atOnce) this.#later(name, pollLooks)
    else void this.#run(name)
  }

  #run(name: string): Promise<void> {
    const running = this.#attempt(name).then((pause) => {
      this.#running.delete(name)
      if (pause !== undefined) this.#later(name, pause)
    })
    this.#running.set(name, running)
    return running
  }

  /** @returns milliseconds to the next try; undefined when there is nothing more to do */
  async #attempt(name: string): Promise<number | undefined> {
    const { claims, doors } = this.#parts
    let next: number | undefined
    try {
      const ended = await this.#try(name)
      if (ended === 'waits') next = pollLooks
      else if (ended !== 'settled') next = await this.#failed(name, ended)
    } catch (error) {
      // A ledger that does not answer: nothing is lost, and another process may come sooner.
      doors.log.warn('a request that is answered later was not carried out yet', { job: name, error })
      next = this.#pause(name)
    }
    if (next === undefined) {
      this.#tries.delete(name)
      await claims.end(name).catch(() => undefined)
    }
    return next
  }

  async #try(name: string): Promise<Ended> {
    const { tenant, job } = jobOfName(name)
    const { attempts, ledger, doors } = this.#parts
    await ledger.barrier()
    let record: JobRecord | undefined
    try {
      const { jobs } = await attempts.beginFor(tenant as TenantId, doors.now())
      const loaded = await jobs.load(job)
      if (loaded === undefined) return 'settled'
      record = loaded.record
      const before = record.after === undefined ? undefined : await jobs.stateOf(record.after)
      if (before === 'submitted') return 'waits'
      if (record.stops === true && before !== undefined && before !== 'done')
        throw new KmipError('OperationCanceledByRequester', 'An item before it in its batch failed, and the batch was to stop there.')
      return await this.#dispatch(tenant, job, record, loaded.message)
    } catch (failed) {
      return { failed, ...(record === undefined ? {} : { record }) }
    }
  }

  async #dispatch(tenant: string, job: string, record: JobRecord, message: RequestMessage): Promise<Ended> {
    const { attempts, identities, settings, ledger, doors } = this.#parts
    const certificate = Buffer.from(record.certificate ?? '', 'base64')
    let isSettled = false
    const identify = () => {
      const identity = identities.identify(certificate)
      const who = identity.user === record.user ? identity : narrowTo(identity, record.user, settings.view())
      if (identity.tenant === tenant && who !== undefined) return who
      throw new KmipError('AuthenticationNotSuccessful', `User ${record.user} of tenant ${tenant} may not do anything any more.`)
    }
    const begin = async (...[identity, , milliseconds]: Parameters<DispatchDoors['begin']>): Promise<Attempt> => {
      const attempt = await attempts.begin(identity, message, milliseconds, certificate)
      const { jobs } = attempt
      const now = await jobs.load(job)
      isSettled = now === undefined
      if (now === undefined) throw new KmipError('DuplicateProcessRequest', 'Another process has carried it out.')
      const changes = async (answers: readonly ResponseItem[]) => {
        const [answer] = answers as [ResponseItem]
        await jobs.finish(job, now.record, answer.status === 'Success' ? 'done' : 'failed', answer, message.header.version)
        return await attempt.changes(answers)
      }
      return { ...attempt, changes }
    }
    const commit: DispatchDoors['commit'] = async (changes) => {
      const result = await ledger.commit(changes)
      isSettled = result.outcome === 'committed'
      return result
    }
    const caller = { identity: identify() }
    const { items } = await dispatch(message, caller, {
      ...doors,
      barrier: () => ledger.barrier(),
      commit,
      begin,
      identify,
      size: responseSize,
    })
    const [item] = items
    if (isSettled) return 'settled'
    return { failed: item?.status === 'OperationFailed' ? item.error : undefined, record }
  }

  /** Writes down why it failed when that is certain, or has been so for long. @returns milliseconds to the next try */
  async #failed(name: string, { failed, record }: Exclude<Ended, string>): Promise<number | undefined> {
    const { attempts, ledger, doors } = this.#parts
    const { tenant, job } = jobOfName(name)
    const isCertain = failed instanceof KmipError && failed.retry === undefined && failed.reason !== 'GeneralFailure'
    const mayPass = failed instanceof KmipError && failed.retry !== undefined
    if (mayPass || (!isCertain && (this.#tries.get(name) ?? 0) < mostTries)) {
      doors.log.warn('a request that is answered later is tried again', { job: name, error: failed })
      return this.#pause(name)
    }
    if (record === undefined) {
      doors.log.error('a request that is answered later cannot be read', { job: name, error: failed })
      return undefined
    }
    const { jobs, changes } = await attempts.beginFor(tenant as TenantId, doors.now())
    const error = failed instanceof KmipError ? failed : new KmipError('GeneralFailure', 'It could not be carried out; the log says why.')
    if ((await jobs.load(job)) === undefined) return undefined
    await jobs.finish(job, record, 'failed', { operation: record.operation, status: 'OperationFailed', error }, '2.1')
    const staged = await changes()
    const outcome = staged && (await ledger.commit(staged)).outcome
    return outcome === 'committed' ? undefined : this.#pause(name)
  }

  #pause(name: string): number {
    const tries = (this.#tries.get(name) ?? 0) + 1
    this.#tries.set(name, tries)
    return Math.min(firstPause * 2 ** tries, longestPause)
  }

  async #look(): Promise<void> {
    const { ledger, claims } = this.#parts
    await ledger.barrier()
    const own = [...this.#waiting.keys(), ...this.#running.keys()]
    if (own.length > 0 && performance.now() - this.#renewedAt > renewEvery) {
      this.#renewedAt = performance.now()
      await claims.renew(own)
    }
    for (const name of claims.names(jobFolder)) {
      if (this.#isStopped) return
      if (this.#waiting.has(name) || this.#running.has(name)) continue
      if (await claims.take(name)) this.#later(name, 0)
    }
  }
}

/** Milliseconds. A job begins so long after it was answered as pending. */
export const startAfter = 500
/** A Poll waits so long for an answer that is still to come. */
const pollWaits = 1_000
const pollLooks = 50
/** A Process waits so long for what lasts, or comes after others. */
const hurryWaits = 60_000
const lookEvery = 1_000
/** Well within the patience of those who would take a claim over. */
const renewEvery = 1_200
const firstPause = 250
const longestPause = 30_000
/** Tries that may fail for reasons that may pass. */
const mostTries = 6
/** Jobs that run in a process at a time. */
const atOnce = 4
