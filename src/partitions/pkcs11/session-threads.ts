import { Worker } from 'node:worker_threads'
import { ValueReader, ValueWriter } from '../../processes/value-codec.ts'
import type { CallPace } from './call-pace.ts'
import { ckr } from './constants.ts'
import { DeviceFailure, type SessionCall } from './device-session.ts'
import { type Asked, asBuffer, type Ending, type Told } from './thread-messages.ts'

const program = new URL('./session-thread.js', import.meta.url)

/** What `SessionThreads` needs to know. */
export interface SessionThreadsOptions {
  /** Path of the module, which this process has loaded and initialized. */
  readonly module: string
  readonly slot: Uint8Array
  /** Threads at most; each is started when all others are busy. */
  readonly most: number
}

/**
 * `short`: what a library answers at once. `private` with a key's algorithm and length: private keys, which take milliseconds nearly everywhere.
 * `long`: new key pairs, and much data.
 */
export type Span = 'short' | `private ${string}` | 'long'

/** What is known of a call beforehand, and where the milliseconds that the device takes for it are noted. */
export interface CallSort {
  readonly span: Span
  readonly pace: CallPace | undefined
}

interface Waiting extends CallSort {
  readonly call: SessionCall
  readonly values: readonly unknown[]
  readonly resolve: (value: unknown) => void
  readonly reject: (error: DeviceFailure) => void
}

interface Thread {
  readonly worker: Worker
  readonly writer: ValueWriter
  readonly reader: ValueReader
  /** The call under way, and maybe the next. */
  readonly given: Waiting[]
}

/** Threads with a session each: a call blocks its thread and nothing else, and as many are under way as there are threads. */
export class SessionThreads {
  readonly #options: SessionThreadsOptions
  readonly #free: Thread[] = []
  readonly #all = new Set<Thread>()
  readonly #waiting: Waiting[] = []
  #closed = false

  constructor(options: SessionThreadsOptions) {
    this.#options = options
  }

  /** First come, first served. @throws DeviceFailure */
  run(call: SessionCall, values: readonly unknown[], sort: CallSort): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = { ...sort, call, values, resolve, reject }
      if (this.#closed) return reject(closed())
      const thread = this.#free.pop() ?? this.#start() ?? this.#soonFree(waiting)
      if (thread === undefined) this.#waiting.push(waiting)
      else this.#give(thread, waiting)
    })
  }

  /** Calls under way end first, in their own time; those that wait are refused. `leave` for sessions that have ended already. */
  async close(how: Ending): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) reject(closed())
    await Promise.all([...this.#all].map((thread) => end(thread, how)))
  }

  #start(): Thread | undefined {
    if (this.#all.size >= this.#options.most) return undefined
    const { module, slot } = this.#options
    const worker = new Worker(program, { workerData: { module, slot: Uint8Array.from(slot) }, execArgv: [] })
    const thread: Thread = { worker, writer: new ValueWriter(), reader: new ValueReader(), given: [] }
    this.#all.add(thread)
    worker.on('message', (bytes: Uint8Array) => this.#done(thread, thread.reader.read(asBuffer(bytes)) as Told))
    let why = 'it ended'
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => {
      this.#all.delete(thread)
      const place = this.#free.indexOf(thread)
      if (place >= 0) this.#free.splice(place, 1)
      for (const { reject } of thread.given.splice(0))
        reject(new DeviceFailure(`the thread of a session broke: ${why}`, ckr.SESSION_HANDLE_INVALID, 'setup'))
      const next = this.#waiting.shift()
      if (next !== undefined) this.run(next.call, next.values, next).then(next.resolve, next.reject)
    })
    return thread
  }

  /** A busy thread that may have this call lying ready, so that its session does not stand still between two. */
  #soonFree(waiting: Waiting): Thread | undefined {
    if (this.#waiting.length > 0) return undefined
    for (const thread of this.#all) if (mayFollow(thread, waiting)) return thread
    return undefined
  }

  #give(thread: Thread, waiting: Waiting): void {
    thread.given.push(waiting)
    const { call, values } = waiting
    thread.worker.postMessage(thread.writer.write({ call, values } satisfies Asked))
  }

  #done(thread: Thread, told: Told): void {
    const current = thread.given.shift()
    for (let next = this.#waiting[0]; next !== undefined && mayFollow(thread, next); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#give(thread, next)
    }
    if (thread.given.length === 0) this.#free.push(thread)
    if ('result' in told) {
      current?.pace?.took(told.milliseconds)
      current?.resolve(told.result)
    } else current?.reject(new DeviceFailure(told.message, told.code, told.phase))
  }
}

/** Behind a call that takes long none may wait, and none that takes long is bound to a thread before its time. */
function mayFollow({ given }: Thread, { span }: Waiting): boolean {
  const [under, next] = given
  return under === undefined || (next === undefined && under.span === 'short' && span === 'short')
}

function end({ worker }: Thread, how: Ending): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => resolve())
    worker.postMessage(how)
  })
}

function closed(): DeviceFailure {
  return new DeviceFailure('the partition is being closed', ckr.SESSION_CLOSED, 'setup')
}
