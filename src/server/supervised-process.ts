import type { ChildProcess } from 'node:child_process'
import type { Log } from './log.ts'
import type { MetricsSnapshot } from './metrics.ts'
import type { FromChild, PartitionProblems, ToChild } from './process-messages.ts'

export interface SupervisedOptions {
  /** For the log: `worker-1`, `hsm`. */
  readonly name: string
  readonly log: Log
  /** Starts the process; it has an IPC channel and answers as `serveAsChild` does. */
  readonly spawn: () => ChildProcess
  /** What it is told first, at each start anew. */
  readonly setup: () => unknown
}

/** A child process that is started again when it dies, ever more slowly while it dies young. */
export class SupervisedProcess {
  readonly #options: SupervisedOptions
  #child: ChildProcess | undefined
  #ports: Readonly<Record<string, number>> | undefined
  #failures = 0
  #stopping = false
  #restart: NodeJS.Timeout | undefined
  #nextId = 0
  readonly #asked = new Map<number, (answer: FromChild | undefined) => void>()

  constructor(options: SupervisedOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The ports of the running process; undefined while it is down. */
  get ports(): Readonly<Record<string, number>> | undefined {
    return this.#ports
  }

  /** Starts it for the first time. @throws Error saying why it could not begin; it is not tried again then. */
  async start(): Promise<void> {
    const why = await this.#begin()
    if (why !== undefined) {
      this.#stopping = true
      throw new Error(why)
    }
  }

  send(message: ToChild): void {
    if (this.#child?.connected) this.#child.send(message)
  }

  /** Its numbers, or undefined while it is down or does not answer. */
  async metrics(): Promise<MetricsSnapshot | undefined> {
    const answer = await this.#ask('metrics')
    return answer?.type === 'metrics' ? answer.snapshot : undefined
  }

  /** The partitions that it cannot use; undefined while it is down or does not answer. */
  async problems(): Promise<PartitionProblems | undefined> {
    const answer = await this.#ask('problems')
    return answer?.type === 'problems' ? answer.problems : undefined
  }

  async #ask(type: 'metrics' | 'problems'): Promise<FromChild | undefined> {
    if (this.#ports === undefined) return undefined
    const id = this.#nextId++
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(id, undefined), answerWait[type])
      this.#asked.set(id, (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      this.send({ type, id })
    })
  }

  /** Asks it to finish, and ends it when it has not within the time. */
  async stop(milliseconds: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child === undefined) return
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.send({ type: 'stop', milliseconds })
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds + killAfter)
    await exited
    clearTimeout(timer)
  }

  /** Resolves when it serves, or with why it does not. */
  #begin(): Promise<string | undefined> {
    const { name, log, spawn, setup } = this.#options
    const began = Date.now()
    return new Promise((resolve) => {
      const gone = (why: string) => {
        const served = this.#ports !== undefined
        this.#child = undefined
        this.#ports = undefined
        for (const id of [...this.#asked.keys()]) this.#answer(id, undefined)
        resolve(why)
        if (this.#stopping) return
        if (served && Date.now() - began > stableAfter) this.#failures = 0
        // Before the first success nobody waits for a restart: `start` says why it failed.
        if (served || this.#failures > 0) this.#again(why)
      }
      let child: ChildProcess
      try {
        child = spawn()
      } catch (error) {
        return gone((error as Error).message)
      }
      this.#child = child
      let why: string | undefined
      child.on('message', (message: FromChild) => {
        if (message.type === 'awake') child.send({ type: 'start', setup: setup() } satisfies ToChild)
        else if (message.type === 'failed') why = message.why
        else if (message.type === 'metrics' || message.type === 'problems') this.#answer(message.id, message)
        else if (message.type === 'ready') {
          this.#ports = message.ports
          log.verbose('process started', { process: name, pid: child.pid })
          resolve(undefined)
        }
      })
      child.on('error', (error) => {
        why ??= error.message
        // One that the system could not make never exits.
        if (child.pid === undefined) gone(why)
      })
      child.once('exit', (code, signal) => {
        const how = `${name} ended (${signal ?? `exit code ${code}`})`
        gone(why ?? (this.#ports === undefined ? `${how} before it could serve` : how))
      })
    })
  }

  #again(why: string): void {
    const delay = Math.min(firstDelay * 2 ** this.#failures++, longestDelay)
    this.#options.log.error('process ended; it is started again', { process: this.#options.name, why, milliseconds: delay })
    this.#restart = setTimeout(() => {
      if (!this.#stopping) void this.#begin()
    }, delay)
  }

  #answer(id: number, answer: FromChild | undefined): void {
    const resolve = this.#asked.get(id)
    this.#asked.delete(id)
    resolve?.(answer)
  }
}

/** Milliseconds. */
const firstDelay = 100
const longestDelay = 10_000
const stableAfter = 30_000
/** How long metrics may take to be gathered, and /readyz to be answered when a process hangs. */
const answerWait = { metrics: 2000, problems: 500 }
const killAfter = 1000
