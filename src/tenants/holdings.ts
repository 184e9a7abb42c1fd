import { randomBytes } from 'node:crypto'
import type { Ledger, Replica, Space } from '../store/ledger.ts'

/** What a node has of a partition. */
export interface Holding {
  /** Label and serial number of the token that this node uses. */
  readonly token?: string
  readonly serial?: string
  /** Where this node's root secret comes from, for people. */
  readonly root?: string
  /** Why it cannot use the partition. */
  readonly problem?: string
}

/** By a partition's name. */
export type Holdings = Readonly<Record<string, Holding>>

/** What each node of a cluster told of the partitions that it can use; for people alone, nothing relies on it. */
export class HoldingsBoard {
  readonly #ledger: Ledger
  readonly #replica: Replica
  readonly #space: Space

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#ledger = ledger
    this.#replica = replica
    this.#space = systemSpace
  }

  /** By a node's name. */
  read(): ReadonlyMap<string, Holdings> {
    const found = [...this.#replica.list(this.#space, 'setting', beginning)]
    return new Map(
      found.map(({ id, stored }) => [id.slice(beginning.length), JSON.parse(Buffer.from(stored.value).toString('utf8')) as Holdings]),
    )
  }

  /** Nothing is written when the node told the same before. */
  async write(node: string, holdings: Holdings): Promise<void> {
    const place = { space: this.#space, kind: 'setting', id: `${beginning}${node}` } as const
    const value = Buffer.from(JSON.stringify(holdings))
    if (this.#replica.read(place) !== undefined && value.equals(this.#replica.read(place)!.value)) return
    await this.#ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place, value }] })
  }
}

const beginning = 'holding/'
