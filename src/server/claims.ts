import { randomBytes } from 'node:crypto'
import type { Guard, Ledger, Place, Replica, Revision, Space, Write } from '../store/index.ts'

export interface ClaimsParts {
  readonly ledger: Pick<Ledger, 'barrier' | 'commit'>
  readonly replica: Pick<Replica, 'read' | 'list'>
  readonly space: Space
  /** Milliseconds of a clock that is never set. */
  readonly elapsed?: () => number
  /** Milliseconds without a sign of life after which another process takes over; several times what lies between two `renew`. */
  readonly patience?: number
}

/**
 * Which process of all nodes does a piece of work, by name. A claim is a setting, taken by a commit that guards what was there; its holder
 * writes it anew while the work takes, and who watched it unchanged for the whole patience, by its own stopwatch, takes it over. So no clocks
 * are compared; but a process that was paused may believe for a moment that a claim is still its own. What must not be done twice therefore
 * goes into a commit that guards what it relies on; a claim saves work and promises nothing.
 */
export class Claims {
  readonly #parts: Required<ClaimsParts>
  /** Tells this process from all others. */
  readonly #holder: Uint8Array = randomBytes(16)
  /** The revision of another's claim when last looked at, and since when it is known. */
  readonly #seen = new Map<string, { readonly revision: Revision; readonly since: number }>()

  constructor(parts: ClaimsParts) {
    this.#parts = { elapsed: () => performance.now(), patience: defaultPatience, ...parts }
  }

  /** Claims a name for this process in a commit that makes the work. */
  claiming(name: string): Write {
    return { place: this.#place(name), value: this.#holder }
  }

  /** Goes into the commit that ends the work. */
  ending(name: string): Write {
    return { place: this.#place(name), value: undefined }
  }

  /** The names that begin so and are claimed, or were set free, by whomever. */
  names(beginning: string): string[] {
    const names = new Set([...this.#parts.replica.list(this.#parts.space, 'setting', beginning)].map(({ id }) => id))
    for (const name of this.#seen.keys()) if (name.startsWith(beginning) && !names.has(name)) this.#seen.delete(name)
    return [...names]
  }

  /** Whether somebody has it, or it was set free. */
  isClaimed(name: string): boolean {
    return this.#parts.replica.read(this.#place(name)) !== undefined
  }

  /** Takes a claim that nobody has, or that was not renewed for so long. To be called again and again; resolves with whether it is this process's. */
  async take(name: string): Promise<boolean> {
    const { replica, ledger, elapsed, patience } = this.#parts
    const place = this.#place(name)
    const stored = replica.read(place)
    if (stored !== undefined && stored.value.length > 0) {
      if (this.#isOwn(stored.value)) return true
      const seen = this.#seen.get(name)
      if (seen?.revision !== stored.revision) {
        this.#seen.set(name, { revision: stored.revision, since: elapsed() })
        return false
      }
      if (elapsed() - seen.since < patience) return false
    }
    const guards = [{ place, revision: stored?.revision ?? 0 }]
    const { outcome } = await ledger.commit({ nonce: randomBytes(16), guards, writes: [this.claiming(name)] })
    return outcome === 'committed'
  }

  /** Says that this process lives and goes on with the work; those that another took over are left alone. */
  async renew(names: readonly string[]): Promise<void> {
    await this.#write(names, (name) => this.claiming(name))
  }

  /** Lets another process go on at once. */
  async free(names: readonly string[]): Promise<void> {
    await this.#write(names, (name) => ({ place: this.#place(name), value: nobody }))
  }

  /** The work is done, or there is none. */
  async end(name: string): Promise<void> {
    await this.#write([name], () => this.ending(name))
  }

  /** Those that are this process's, many in a commit; one that ended or was taken over meanwhile is left out of the next try. */
  async #write(names: readonly string[], write: (name: string) => Write): Promise<void> {
    for (let at = 0; at < names.length; at += atOnce) {
      const some = names.slice(at, at + atOnce)
      for (let tries = 0; tries < mostTries && (await this.#writeSome(some, write)) === 'conflict'; tries++) {}
    }
  }

  async #writeSome(names: readonly string[], write: (name: string) => Write): Promise<'done' | 'conflict'> {
    const { ledger, replica } = this.#parts
    const guards: Guard[] = []
    const writes: Write[] = []
    for (const name of names) {
      const place = this.#place(name)
      const stored = replica.read(place)
      if (stored === undefined || !this.#isOwn(stored.value)) continue
      guards.push({ place, revision: stored.revision })
      writes.push(write(name))
    }
    if (writes.length === 0) return 'done'
    const { outcome } = await ledger.commit({ nonce: randomBytes(16), guards, writes })
    if (outcome !== 'conflict') return 'done'
    await ledger.barrier()
    return 'conflict'
  }

  #isOwn(value: Uint8Array): boolean {
    return Buffer.compare(value, this.#holder) === 0
  }

  #place(name: string): Place {
    return { space: this.#parts.space, kind: 'setting', id: name }
  }
}

const nobody = new Uint8Array(0)
/** Claims in one commit: within what one etcd transaction takes. */
const atOnce = 50
const mostTries = 4
const defaultPatience = 5_000
