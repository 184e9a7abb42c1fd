import { createHash } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Partition } from '../partitions/index.ts'
import type { LocalReplica, Space, UnitOfWork } from '../store/index.ts'

/** The first sending of a Batch Item, and all that repeat it. */
export interface Repeated {
  /** Who sends it: another user's key is another key. */
  readonly user: string
  readonly idempotencyKey: Uint8Array
  /** Of Operation and Request Payload. */
  readonly digest: Uint8Array
}

/** What was made under Idempotency Keys, as one request sees it. */
export interface AnswersKept {
  /**
   * The identifiers of what was made under the key; undefined when nothing was. Relied on: of two that find nothing, one can commit.
   * @throws KmipError InvalidField when the key was used for another request
   */
  find(repeated: Repeated): Promise<readonly string[] | undefined>
  /** Stages them, for the commit of the objects themselves. */
  keep(repeated: Repeated, identifiers: readonly string[]): Promise<void>
}

export interface KeptAnswersParts {
  readonly tenant: string
  readonly space: Space
  readonly unit: UnitOfWork
  readonly replica: Pick<LocalReplica, 'list'>
  readonly partition: Pick<Partition, 'sealRecord' | 'checkRecord'>
  /** The request's time in milliseconds since 1970. */
  readonly now: number
}

/** A day by UTC in milliseconds. A key is kept until the end of the day after its own: 24 hours at least, 48 at most. */
const day = 24 * 60 * 60 * 1000
/** One in so many keys brings removals with it, and each time more than so many came: what is left shrinks. */
const sweepOneIn = 16
const removedAtOnce = 32

/**
 * Idempotency Keys lie in the tenant's space as settings, by the day on which they came, so that the oldest stand first. What lies there
 * are the identifiers, under a seal of the tenant's partition over them and the request: neither key nor request can be guessed from it.
 */
export class KeptAnswers implements AnswersKept {
  readonly #parts: KeptAnswersParts

  constructor(parts: KeptAnswersParts) {
    this.#parts = parts
  }

  async find(repeated: Repeated): Promise<readonly string[] | undefined> {
    const { unit, partition, now } = this.#parts
    const name = nameOf(repeated)
    // The day to come too: another node's clock may be there already, and its commit must exclude this one.
    for (const time of [now, now - day, now + day]) {
      const id = placeOf(time, name)
      const stored = unit.read('setting', id)
      if (stored === undefined) continue
      const { identifiers, seal } = readEntry(stored.value)
      if (await partition.checkRecord(this.#sealed(id, identifiers, repeated), seal)) return identifiers
      throw new KmipError(
        'InvalidField',
        'This Idempotency Key came before with another Operation or Request Payload: repeat that one exactly, or take a new key.',
      )
    }
    return undefined
  }

  async keep(repeated: Repeated, identifiers: readonly string[]): Promise<void> {
    const { unit, partition, now } = this.#parts
    const name = nameOf(repeated)
    const id = placeOf(now, name)
    const seal = await partition.sealRecord(this.#sealed(id, identifiers, repeated))
    unit.put('setting', id, entryOf(identifiers, seal))
    if ((name[0] as number) % sweepOneIn === 0) this.#removeOldest()
  }

  /** Cost does not depend on how many there are: the oldest are the first that the replica lists. */
  #removeOldest(): void {
    const { unit, replica, space, now } = this.#parts
    const kept = folderOf(now - day)
    let left = removedAtOnce
    for (const { id } of replica.list(space, 'setting', prefix)) {
      if (id >= kept || left-- === 0) return
      unit.discard('setting', id)
    }
  }

  #sealed(id: string, identifiers: readonly string[], { digest }: Repeated): Uint8Array {
    return Buffer.concat([Buffer.from(`${JSON.stringify([this.#parts.tenant, id, ...identifiers])}\n`), digest])
  }
}

const prefix = 'idempotency/'

function folderOf(time: number): string {
  return `${prefix}${new Date(time).toISOString().slice(0, 10)}/`
}

function placeOf(time: number, name: Buffer): string {
  return folderOf(time) + name.toString('base64url')
}

function nameOf({ user, idempotencyKey }: Repeated): Buffer {
  return createHash('sha256').update(`${user}\0`).update(idempotencyKey).digest()
}

/** The identifiers as a JSON array of texts, a zero byte, the seal. */
function entryOf(identifiers: readonly string[], seal: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(identifiers)}\0`), seal])
}

function readEntry(value: Uint8Array): { readonly identifiers: readonly string[]; readonly seal: Uint8Array } {
  const end = value.indexOf(0)
  // Its seal is checked before it is believed; what cannot be read was not written here.
  if (end < 0) throw new Error('a stored Idempotency Key is damaged')
  return { identifiers: JSON.parse(Buffer.from(value.subarray(0, end)).toString('utf8')) as string[], seal: value.subarray(end + 1) }
}
