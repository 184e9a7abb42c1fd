import type { Revision } from '../store/index.ts'
import type { EtcdClient } from './etcd-client.ts'
import { type KeyValue, revisionOf } from './etcd-messages.ts'
import type { Keys } from './keys.ts'

export interface Page {
  /** The revision that the page shows. */
  readonly revision: Revision
  readonly kvs: readonly KeyValue[]
  readonly isLast: boolean
}

export interface PageOptions {
  /** The member that is asked; the preferred one unless said. */
  readonly endpoint?: number
  /** What they show: the revision of the first page, all of them, or each what is newest when it is read. */
  readonly asOf?: 'first page' | 'each page'
}

/**
 * Every stored value, page after page in the order of keys. For each page etcd counts all keys behind its first, of a million too: so pages
 * become large where values are small. A large page that fails is asked for again as a small one.
 */
export async function* pagesOf(
  client: EtcdClient,
  keys: Keys,
  { endpoint, asOf = 'first page' }: PageOptions = {},
): AsyncGenerator<Page, void> {
  const options = { deadline: pageMilliseconds, ...(endpoint !== undefined && { endpoint }) }
  let key = keys.data
  let revision = 0
  let limit = leastValues
  for (;;) {
    const ask = (values: number) => client.range({ key, rangeEnd: keys.dataEnd, limit: values, revision }, options)
    const page = await ask(limit).catch((error: unknown) => {
      if (limit === leastValues) throw error
      return ask(leastValues)
    })
    const shown = revision === 0 ? revisionOf(page.header.revision) : revision
    if (asOf === 'first page') revision = shown
    const last = page.kvs.at(-1)?.key
    const isLast = !page.more || last === undefined
    yield { revision: shown, kvs: page.kvs, isLast }
    if (isLast) return
    key = Buffer.concat([last, Buffer.of(0)])
    const bytes = page.kvs.reduce((sum, { value }) => sum + value.length, 1)
    limit = Math.min(mostValues, Math.max(leastValues, Math.floor((pageBytes * page.kvs.length) / bytes)))
  }
}

const leastValues = 500
const mostValues = 4000
const pageBytes = 4 * 1024 * 1024
const pageMilliseconds = 10_000
