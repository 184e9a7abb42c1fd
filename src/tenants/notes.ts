import { randomBytes } from 'node:crypto'
import type { Ledger, Replica, Space } from '../store/ledger.ts'

/**
 * Small values that nodes tell each other through the ledger, beside the settings: each under a name, all of one sort behind one beginning.
 * Every node sees them; the last one written counts, and no setting is read anew for one.
 */
export class Notes {
  readonly #ledger: Ledger
  readonly #replica: Replica
  readonly #space: Space
  readonly #beginning: string

  /** @param beginning of their sort, with its `/` */
  constructor(ledger: Ledger, replica: Replica, systemSpace: Space, beginning: string) {
    this.#ledger = ledger
    this.#replica = replica
    this.#space = systemSpace
    this.#beginning = beginning
  }

  read(name: string): Uint8Array | undefined {
    return this.#replica.read(this.#place(name))?.value
  }

  /** By their names. */
  all(): ReadonlyMap<string, Uint8Array> {
    const found = [...this.#replica.list(this.#space, 'setting', this.#beginning)]
    return new Map(found.map(({ id, stored }) => [id.slice(this.#beginning.length), stored.value]))
  }

  /** Undefined removes it. Nothing is written where that is so already. @throws Error when it is not known whether it was. */
  async write(name: string, value: Uint8Array | undefined): Promise<void> {
    const now = this.read(name)
    if (value === undefined ? now === undefined : now !== undefined && Buffer.compare(now, value) === 0) return
    const result = await this.#ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place: this.#place(name), value }] })
    if (result.outcome === 'unknown') throw new Error(`it is not known whether ${this.#beginning}${name} was stored: ${result.why}`)
  }

  #place(name: string) {
    return { space: this.#space, kind: 'setting', id: `${this.#beginning}${name}` } as const
  }
}
