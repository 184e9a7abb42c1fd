import type { Ledger, Replica, Space } from '../store/ledger.ts'
import { Notes } from './notes.ts'

/**
 * The names of the epoch secrets of partitions that were removed. They are kept for good: a node that was off meanwhile destroys its own by
 * them. That a definition is missing says nothing, for a store that was put back may be from before it.
 */
export class GivenUpSecrets {
  readonly #notes: Notes

  constructor(ledger: Ledger, replica: Replica, systemSpace: Space) {
    this.#notes = new Notes(ledger, replica, systemSpace, 'given-up-secrets/')
  }

  /** By the partitions' names. */
  all(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#notes.all()].map(([name, value]) => [name, idsIn(value)]))
  }

  of(partition: string): readonly string[] {
    return idsIn(this.#notes.read(partition))
  }

  /** Beside those of an earlier partition of the name. */
  async add(partition: string, secretIds: readonly string[]): Promise<void> {
    await this.#notes.write(partition, Buffer.from([...new Set([...this.of(partition), ...secretIds])].join(' ')))
  }
}

function idsIn(value: Uint8Array | undefined): readonly string[] {
  const text = Buffer.from(value ?? []).toString('latin1')
  return text === '' ? [] : text.split(' ')
}
