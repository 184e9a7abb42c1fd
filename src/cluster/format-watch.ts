import { firstFormat, newestFormat } from '../store/index.ts'
import type { EtcdClient } from './etcd-client.ts'
import { type KeyValue, type RequestOp, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { newerFormat } from './stored-value.ts'
import { sleep } from './timing.ts'

/** What each node tells of itself to the others. */
export interface NodeRecord {
  /** The version of Tresor; undefined where nobody said. */
  readonly version?: string | undefined
  /** The newest format of stored values that it reads; it reads all before it. */
  readonly format: number
  /** Bytes that its etcd member may take; undefined where an operator runs etcd. */
  readonly quota?: number | undefined
}

export interface FormatWatchOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly node: string
  readonly version?: string | undefined
  readonly quota?: number | undefined
  readonly ledger: {
    /** The newest format that may be written from now on. */
    mayWrite(format: number): void
    /** From now on nothing is answered. */
    leave(why: string): void
  }
  /** The newest format that is read here; that of this program unless said. */
  readonly newest?: number
  /** Milliseconds between two looks. */
  readonly interval?: number
}

/**
 * The rule for upgrades: nobody writes what another node cannot read. Each node records the newest format that it reads. Which format is
 * written stands in one key, and is raised by whoever sees that all nodes read more; it never sinks. Who looks late writes an older format,
 * which all read. A node that is older than the format in use answers nothing, for it would have to guess.
 */
export class FormatWatch {
  readonly #options: FormatWatchOptions & { readonly newest: number; readonly interval: number }
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> = Promise.resolve()
  #isRecorded = false

  constructor(options: FormatWatchOptions) {
    this.#options = { newest: newestFormat, interval: lookMilliseconds, ...options }
    this.#timer = setInterval(() => this.#lookNext(), this.#options.interval)
    void this.#lookNext()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /**
   * Resolves when a format may be written that is known here: all nodes read it, and an older one does not start any more.
   * @throws Error that names the nodes that do not, or says that the cluster does not answer
   */
  async agree(wanted: number): Promise<void> {
    const { client, keys, ledger } = this.#options
    for (const end = performance.now() + agreeMilliseconds; performance.now() < end; await sleep(pauseMilliseconds)) {
      await this.#lookNext()
      const endpoint = client.preferred
      const found = await readFormats(client, keys, endpoint).catch(() => client.moveOn(endpoint))
      if (found === undefined) continue
      if (found.written.format >= wanted) return ledger.mayWrite(found.written.format)
      const behind = [...found.nodes].filter(([, { record }]) => record.format < wanted)
      if (behind.length > 0) throw new Error(behindWords(behind.map(([name, { record }]) => ({ name, ...record }))))
    }
    throw new Error('the cluster does not answer which formats its nodes read; see: tresor cluster status')
  }

  /** One look after the other. */
  #lookNext(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  async #look(): Promise<void> {
    const { client, keys, ledger, newest } = this.#options
    const endpoint = client.preferred
    try {
      if (!this.#isRecorded) await this.#record(endpoint)
      const found = await readFormats(client, keys, endpoint)
      const { format } = found.written
      if (format > newest) return ledger.leave(newerFormat(format))
      ledger.mayWrite(format)
      await this.#raise(found, endpoint)
    } catch {
      // Without a majority the format stays as it is; that there is none is said elsewhere.
      client.moveOn(endpoint)
    }
  }

  async #record(endpoint: number): Promise<void> {
    const { client, keys, node, version, quota, newest } = this.#options
    const record: NodeRecord = { version, format: newest, quota }
    await client.put({ key: keys.node(node), value: Buffer.from(JSON.stringify(record)) }, { deadline: callMilliseconds, endpoint })
    this.#isRecorded = true
  }

  /** To what all nodes read, while they are still what they were seen to be. */
  async #raise({ written, nodes }: Formats, endpoint: number): Promise<void> {
    const { client, keys, newest } = this.#options
    const format = Math.min(newest, ...[...nodes.values()].map(({ record }) => record.format))
    if (format <= written.format) return
    const unchanged = (key: Uint8Array, modRevision: number) => ({ result: 'EQUAL', target: 'MOD', key, modRevision }) as const
    await client.txn(
      {
        compare: [
          unchanged(keys.format, written.revision),
          ...[...nodes].map(([name, { revision }]) => unchanged(keys.node(name), revision)),
        ],
        success: [{ requestPut: { key: keys.format, value: Buffer.from(String(format)) } }],
        failure: [],
      },
      { deadline: callMilliseconds, endpoint },
    )
  }
}

interface Formats {
  readonly written: { readonly format: number; readonly revision: number }
  readonly nodes: ReadonlyMap<string, { readonly record: NodeRecord; readonly revision: number }>
}

async function readFormats(client: EtcdClient, keys: Keys, endpoint: number, deadline: number = callMilliseconds): Promise<Formats> {
  const ranges: RequestOp[] = [{ requestRange: { key: keys.format, limit: 1 } }, { requestRange: keys.nodes }]
  const { responses } = await client.txn({ compare: [], success: ranges, failure: [] }, { deadline, endpoint })
  const [format, nodes] = responses.map((response) => response.responseRange?.kvs ?? [])
  const [found] = format ?? []
  return {
    written: found === undefined ? { format: firstFormat, revision: 0 } : { format: Number(found.value), revision: changedAt(found) },
    nodes: new Map(
      (nodes ?? []).map((node) => [
        node.key.toString('utf8', keys.nodes.key.length),
        { record: JSON.parse(node.value.toString()) as NodeRecord, revision: changedAt(node) },
      ]),
    ),
  }
}

function behindWords(nodes: readonly ({ readonly name: string } & NodeRecord)[]): string {
  const named = nodes.map(({ name, version }) => `node ${name} (Tresor ${version ?? 'of an unknown version'})`).join(', ')
  return `this waits until every node of the cluster reads what it stores, and ${named} does not: upgrade it first, or evict it when it is gone for good`
}

function changedAt({ modRevision }: KeyValue): number {
  return revisionOf(modRevision)
}

/** What the nodes told of themselves, by their names. */
export async function nodeRecords(client: EtcdClient, keys: Keys): Promise<ReadonlyMap<string, NodeRecord>> {
  const { nodes } = await readFormats(client, keys, client.preferred)
  return new Map([...nodes].map(([name, { record }]) => [name, record]))
}

/** A node that is gone for good holds nobody back. */
export async function forgetNode(client: EtcdClient, keys: Keys, name: string): Promise<void> {
  const success: RequestOp[] = [{ requestDeleteRange: { key: keys.node(name) } }]
  await client.txn({ compare: [], success, failure: [] }, { deadline: callMilliseconds })
}

/**
 * Looks before a node starts whether it can read what the cluster writes; a cluster that does not answer within a moment is asked later.
 * @throws Error that says to upgrade
 */
export async function refuseNewerFormat(client: EtcdClient, keys: Keys): Promise<void> {
  const format = await formatInUse(client, keys)
  if (format !== undefined && format > newestFormat) throw new Error(newerFormat(format))
}

/** Asks the others first: they run, where this node is the one that starts. */
async function formatInUse(client: EtcdClient, keys: Keys): Promise<number | undefined> {
  const endpoints = [...client.endpoints.keys()].reverse()
  for (const deadline = performance.now() + startMilliseconds; performance.now() < deadline; await sleep(pauseMilliseconds)) {
    for (const endpoint of endpoints) {
      const found = await readFormats(client, keys, endpoint, firstMilliseconds).catch(() => undefined)
      if (found !== undefined) return found.written.format
    }
  }
  return undefined
}

const lookMilliseconds = 2000
const callMilliseconds = 1000
/** Longer than an election. */
const agreeMilliseconds = 5000
/** How long a node that starts waits for somebody who tells it. */
const startMilliseconds = 2000
const firstMilliseconds = 500
const pauseMilliseconds = 50
