import { ckf } from './constants.ts'
import type { Cryptoki, Handle } from './cryptoki.ts'

/** A session is busy from a mechanism's Init to its end: one operation at a time each. */
export class SessionPool {
  readonly #library: Cryptoki
  readonly #slot: Handle
  readonly #free: Handle[] = []
  readonly #all = new Set<Handle>()
  readonly #waiting: ((session: Handle) => void)[] = []

  constructor(library: Cryptoki, slot: Handle, count: number) {
    this.#library = library
    this.#slot = slot
    for (let opened = 0; opened < count; opened++) this.#free.push(this.#open())
  }

  /** Runs an action with a session of its own, first come first served. */
  async run<T>(action: (session: Handle) => T | Promise<T>): Promise<T> {
    const session = await this.#take()
    try {
      return await action(session)
    } finally {
      this.#give(session)
    }
  }

  /**
   * The same, but a session in which the action failed is closed and replaced: some tokens leave an operation active
   * when it fails. Objects end with the session that made them, so this is not for actions that make objects.
   */
  async runDisposable<T>(action: (session: Handle) => T | Promise<T>): Promise<T> {
    const session = await this.#take()
    try {
      const result = await action(session)
      this.#give(session)
      return result
    } catch (error) {
      this.#replace(session)
      throw error
    }
  }

  close(): void {
    for (const session of this.#all) this.#library.C_CloseSession(session)
    this.#all.clear()
    this.#free.length = 0
  }

  #open(): Handle {
    const session = this.#library.C_OpenSession(this.#slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
    this.#all.add(session)
    return session
  }

  async #take(): Promise<Handle> {
    return this.#free.pop() ?? new Promise((resolve) => this.#waiting.push(resolve))
  }

  #give(session: Handle): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(session)
    else next(session)
  }

  #replace(session: Handle): void {
    try {
      // The new one first: a token logs out when its last session closes.
      const fresh = this.#open()
      this.#all.delete(session)
      this.#library.C_CloseSession(session)
      this.#give(fresh)
    } catch {
      // A device that gives no session is out of order, and the next action will say so.
      this.#give(session)
    }
  }
}
