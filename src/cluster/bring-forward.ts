import type { ReplicaEntry, Revision, StoppedReplica } from '../store/index.ts'
import type { EtcdClient } from './etcd-client.ts'
import { type RequestOp, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { copying, ofCluster, ownPlaces } from './own-places.ts'
import { pagesOf } from './pages.ts'
import { entryOf } from './snapshot.ts'
import { storedEntry } from './store-source.ts'

/** What a node's replica had more than its etcd. */
export interface BroughtForward {
  /** Of the etcd, and of the replica. */
  readonly from: Revision
  readonly to: Revision
  /** Values that were written by what etcd did not have, and that were removed by it. */
  readonly written: number
  readonly removed: number
}

/**
 * Brings the copy of a lost cluster, in an etcd that nobody else uses, to where the node's replica was. etcd writes down that a change is
 * decided with the next one, so the last ones that were answered may be missing in what a member has on disk; a replica shows them as soon
 * as they are decided. Values get new revisions, in the same order.
 * @returns undefined when the replica is not ahead, or does not continue this history: then nothing was changed, and `tell` was told why
 */
export async function bringForward(
  client: EtcdClient,
  keys: Keys,
  replica: StoppedReplica,
  tell: (why: string) => void,
): Promise<BroughtForward | undefined> {
  const { header } = await client.range({ key: keys.head, limit: 1 }, { deadline: callMilliseconds })
  const from = revisionOf(header.revision)
  if (replica.revision <= from) return undefined
  const gone = whyUnusable(replica, header.clusterId) ?? (await goneSince(client, keys, replica, from))
  if (typeof gone === 'string') {
    tell(gone)
    return undefined
  }
  let written = 0
  for (const entries of byRevision(replica.entries(from))) {
    const puts = entries.map((entry): RequestOp => ({ requestPut: storedEntry(keys, entry) }))
    written += puts.length
    await change(client, puts)
  }
  for (let at = 0; at < gone.length; at += pageSize)
    await change(
      client,
      gone.slice(at, at + pageSize).map((key): RequestOp => ({ requestDeleteRange: { key } })),
    )
  // What it had more may have been no values: the nodes' clocks.
  if (written + gone.length === 0) return undefined
  return { from, to: replica.revision, written, removed: gone.length }
}

function whyUnusable(replica: StoppedReplica, cluster: string): string | undefined {
  if (replica.read(copying) !== undefined) return 'it was being copied when the node ended'
  const followed = replica.read(ofCluster)?.value
  return followed !== undefined && Buffer.from(followed).toString() === cluster ? undefined : 'it is of another cluster'
}

/**
 * Keys that etcd has and the replica has no more. What etcd has must be in the replica as it is, or have been changed since; and nothing
 * else may be there from before. A record is never removed.
 * @returns a sentence when that is not so
 */
async function goneSince(client: EtcdClient, keys: Keys, replica: StoppedReplica, from: Revision): Promise<Buffer[] | string> {
  const later = new Set([...replica.entries(from)].map((entry) => keys.of(entry.place).toString('latin1')))
  const gone: Buffer[] = []
  let unchanged = 0
  for await (const { kvs } of pagesOf(client, keys))
    for (const value of kvs) {
      const entry = entryOf(keys, value)
      if (entry === undefined || later.has(value.key.toString('latin1'))) continue
      if (replica.is(entry.place, entry)) unchanged++
      else if (entry.place.kind !== 'object' && replica.read(entry.place) === undefined) gone.push(value.key)
      else return `it differs from etcd's copy in what both should have: its ${entry.place.kind} ${JSON.stringify(entry.place.id)}`
    }
  const own = ownPlaces.filter((place) => (replica.read(place)?.revision ?? from + 1) <= from).length
  if (unchanged + own === replica.total - later.size) return gone
  return "it has values from before etcd's copy that etcd does not have"
}

/** What one revision wrote fitted into one transaction. */
function* byRevision(entries: Iterable<ReplicaEntry>): Iterable<readonly ReplicaEntry[]> {
  let together: ReplicaEntry[] = []
  for (const entry of entries) {
    if (ownPlaces.some(({ space, kind, id }) => entry.place.space === space && entry.place.kind === kind && entry.place.id === id)) continue
    if (together[0] !== undefined && together[0].revision !== entry.revision) {
      yield together
      together = []
    }
    together.push(entry)
  }
  if (together.length > 0) yield together
}

async function change(client: EtcdClient, success: readonly RequestOp[]): Promise<void> {
  await client.txn({ compare: [], success: [...success], failure: [] }, { deadline: callMilliseconds })
}

const pageSize = 500
const callMilliseconds = 10_000
