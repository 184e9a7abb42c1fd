import type { Revision } from '../store/index.ts'
import type { EtcdClient } from './etcd-client.ts'
import { type KeyValue, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'

export interface Page {
  /** The one revision that all pages show. */
  readonly revision: Revision
  readonly kvs: readonly KeyValue[]
}

/**
 * Every stored value as it is at the revision of the first page, in the order of keys. For each page etcd counts all keys behind its first, of
 * a million too: so pages become large where values are small. A large page that fails is asked for again as a small one.
 */
export async function* pagesOf(client: EtcdClient, keys: Keys): AsyncGenerator<Page> {
  let key = keys.data
  let revision = 0
  let limit = leastValues
  for (;;) {
    const ask = (values: number) => client.range({ key, rangeEnd: keys.dataEnd, limit: values, revision }, { deadline: pageMilliseconds })
    const page = await ask(limit).catch((error: unknown) => {
      if (limit === leastValues) throw error
      return ask(leastValues)
    })
    if (revision === 0) revision = revisionOf(page.header.revision)
    yield { revision, kvs: page.kvs }
    const last = page.kvs.at(-1)?.key
    if (!page.more || last === undefined) return
    key = Buffer.concat([last, Buffer.of(0)])
    const bytes = page.kvs.reduce((sum, { value }) => sum + value.length, 1)
    limit = Math.min(mostValues, Math.max(leastValues, Math.floor((pageBytes * page.kvs.length) / bytes)))
  }
}

const leastValues = 500
const mostValues = 4000
const pageBytes = 4 * 1024 * 1024
const pageMilliseconds = 10_000
