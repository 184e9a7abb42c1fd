import { createHash } from 'node:crypto'
import { describeFailure, type EtcdClient, isRefusal } from './etcd-client.ts'
import { memberLimits } from './etcd-member.ts'
import type { RequestOp } from './etcd-messages.ts'
import { revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { pagesOf } from './pages.ts'
import { sleep } from './timing.ts'

/** A value as etcd is to hold it. */
export interface SeedEntry {
  readonly key: Buffer
  readonly value: Buffer
  /** In the source. Values of one revision were written together. */
  readonly revision: number
  /** Of an object: among those that have the same, Locate lists the one written last first. */
  readonly order: number | undefined
}

/** What a new cluster is given: always the same entries in the same order, that of their revisions. */
export interface SeedSource {
  /** Tells this source from any other, on a second try too. */
  readonly id: string
  readonly total: number
  entries(): Iterable<SeedEntry> | AsyncIterable<SeedEntry>
}

export type SeedProgress = (step: 'check' | 'bring' | 'compare', done: number, total: number) => void

/** @throws Error naming the value that etcd could not take; nothing was changed then. @returns the bytes of all */
export async function checkSeed(source: SeedSource, progress: SeedProgress = () => {}): Promise<number> {
  let [bytes, done] = [0, 0]
  for await (const { key, value } of source.entries()) {
    if (key.length + value.length > largestValue)
      throw new Error(
        `the value at ${JSON.stringify(key.toString('latin1'))} has ${value.length} bytes, and a cluster takes at most ${largestValue - key.length}: destroy or replace it first`,
      )
    bytes += key.length + value.length + overhead
    if (++done % progressEvery === 0) progress('check', done, source.total)
  }
  return bytes
}

/**
 * Puts everything from a source into an etcd that has one member and nothing else in it, then reads it back and compares. How far it came
 * stands in etcd, in the same transactions, so that it may be killed at any point and be run again.
 * @throws Error when etcd holds something else already, or what is read back is not what was put
 */
export async function seed(client: EtcdClient, keys: Keys, source: SeedSource, progress: SeedProgress = () => {}): Promise<void> {
  let mark = await readMark(client, keys, source)
  if (mark.finished) return
  const digest = new OrderlessDigest()
  let count = 0
  let batch = new Batch()
  const send = async () => {
    if (batch.operations.length > 0) mark = await put(client, keys, source, mark, batch, count)
    batch = new Batch()
    progress('bring', count, source.total)
  }
  const before = mark.done
  for await (const entry of source.entries()) {
    digest.add(entry.key, entry.value)
    if (count >= before) {
      if (!batch.takes(entry)) await send()
      batch.add(entry)
    }
    count++
  }
  await send()
  await compare(client, keys, digest, count, progress)
  await finish(client, keys, source, mark)
}

interface Mark {
  /** Entries of the source that are in etcd. */
  readonly done: number
  readonly finished: boolean
  /** Of the key itself; 0 when it is not there. */
  readonly revision: number
}

/** How far an earlier run came. */
async function readMark(client: EtcdClient, keys: Keys, { id }: SeedSource): Promise<Mark> {
  const { kvs } = await client.range({ key: keys.seed, limit: 1 }, { deadline: callMilliseconds })
  if (kvs[0] === undefined) {
    const { kvs: others } = await client.range({ key: keys.data, rangeEnd: keys.dataEnd, limit: 1 }, { deadline: callMilliseconds })
    if (others.length > 0) throw new Error('this etcd holds data already: a cluster is given its first data only once')
    return { done: 0, finished: false, revision: 0 }
  }
  const written = JSON.parse(kvs[0].value.toString()) as { readonly id: string; readonly done: number; readonly finished: boolean }
  if (written.id !== id) throw new Error('this etcd was being given other data: begin with an empty cluster folder')
  return { done: written.done, finished: written.finished, revision: revisionOf(kvs[0].modRevision) }
}

/** Sends a batch until it is there. A transaction whose answer was lost shows in the mark: it is never applied twice. */
async function put(client: EtcdClient, keys: Keys, source: SeedSource, mark: Mark, batch: Batch, done: number): Promise<Mark> {
  const value = Buffer.from(JSON.stringify({ id: source.id, done, finished: false }))
  for (let attempt = 1; ; attempt++) {
    try {
      const { succeeded, header } = await client.txn(
        {
          compare: [{ result: 'EQUAL', target: 'MOD', key: keys.seed, modRevision: mark.revision }],
          success: [...batch.operations, { requestPut: { key: keys.seed, value } }],
          failure: [],
        },
        { deadline: callMilliseconds },
      )
      if (succeeded) return { done, finished: false, revision: revisionOf(header.revision) }
      const now = await readMark(client, keys, source)
      if (now.done === done) return now
      throw new Error(`another program changes this etcd: ${now.done} values are in it where ${mark.done} or ${done} should be`)
    } catch (error) {
      if (isRefusal(error) || attempt === attempts || (error as { code?: unknown }).code === undefined)
        throw new Error(`etcd does not take the data: ${describeFailure(error)}`, { cause: error })
      await sleep(retryMilliseconds)
    }
  }
}

async function compare(client: EtcdClient, keys: Keys, expected: OrderlessDigest, total: number, progress: SeedProgress): Promise<void> {
  const found = new OrderlessDigest()
  let count = 0
  for await (const { kvs } of pagesOf(client, keys)) {
    for (const { key, value } of kvs) found.add(key, value)
    count += kvs.length
    progress('compare', count, total)
  }
  if (count !== total || !found.equals(expected))
    throw new Error(
      `what etcd gives back is not what was put (${count} values of ${total}): nothing of the old data was touched; remove the cluster folder's etcd and try again`,
    )
}

/** From here on the cluster has its data. The mark stays, finished, until the node has begun to use them. */
async function finish(client: EtcdClient, keys: Keys, { id, total }: SeedSource, mark: Mark): Promise<void> {
  const value = Buffer.from(JSON.stringify({ id, done: total, finished: true }))
  const { succeeded } = await client.txn(
    {
      compare: [{ result: 'EQUAL', target: 'MOD', key: keys.seed, modRevision: mark.revision }],
      success: [{ requestPut: { key: keys.head, value: Buffer.of(1) } }, { requestPut: { key: keys.seed, value } }],
      failure: [],
    },
    { deadline: callMilliseconds },
  )
  if (!succeeded) throw new Error('another program changes this etcd')
}

/** Entries that one transaction takes, and may share a revision without losing their order. */
class Batch {
  readonly operations: RequestOp[] = []
  #bytes = 0
  /** The revision in the source of the last object of an order. */
  readonly #orders = new Map<number, number>()

  takes({ key, value, order, revision }: SeedEntry): boolean {
    if (this.operations.length === 0) return true
    if (this.operations.length >= memberLimits.operations - 1) return false
    if (this.#bytes + key.length + value.length > memberLimits.bytes) return false
    const known = order === undefined ? undefined : this.#orders.get(order)
    return known === undefined || known === revision
  }

  add({ key, value, order, revision }: SeedEntry): void {
    this.operations.push({ requestPut: { key, value } })
    this.#bytes += key.length + value.length + overhead
    if (order !== undefined) this.#orders.set(order, revision)
  }
}

/** Of a set of values, whatever order they come in: their SHA-256 one upon the other. */
class OrderlessDigest {
  readonly #sum = Buffer.alloc(32)

  add(key: Uint8Array, value: Uint8Array): void {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(key.length)
    const hash = createHash('sha256').update(length).update(key).update(value).digest()
    for (let index = 0; index < hash.length; index++) this.#sum[index]! ^= hash[index]!
  }

  equals(other: OrderlessDigest): boolean {
    return this.#sum.equals(other.#sum)
  }
}

/** etcd's limit of a request, with room for the mark. */
const largestValue = 1.5 * 1024 * 1024 - 64 * 1024
const overhead = 16
const progressEvery = 10_000
const callMilliseconds = 10_000
const attempts = 30
const retryMilliseconds = 500
