import type { Ledger, Replica, Space } from '../store/ledger.ts'
import { Notes } from './notes.ts'

/** What a node has of a partition. */
export interface Holding {
  /** Label and serial number of the token that this node uses. */
  readonly token?: string
  readonly serial?: string
  /** Of which epochs that token has the KEK. */
  readonly epochs?: string
  /** Where this node's root secret comes from, for people. */
  readonly root?: string
  /** Why it cannot use the partition. */
  readonly problem?: string
}

/** By a partition's name. */
export type Holdings = Readonly<Record<string, Holding>>

/** What each node of a cluster told of the partitions that it can use; for people alone, nothing relies on it. */
export class HoldingsBoard {
  readonly #notes: Notes

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#notes = new Notes(ledger, replica, systemSpace, 'holding/')
  }

  /** By a node's name. */
  read(): ReadonlyMap<string, Holdings> {
    return new Map([...this.#notes.all()].map(([node, value]) => [node, JSON.parse(Buffer.from(value).toString('utf8')) as Holdings]))
  }

  /** Nothing is written when the node told the same before. */
  async write(node: string, holdings: Holdings): Promise<void> {
    await this.#notes.write(node, Buffer.from(JSON.stringify(holdings)))
  }
}
