import test from 'ava'
import { etcdDefaultLimits } from '../../src/cluster/change-transaction.ts'
import { CommitQueue } from '../../src/cluster/commit-queue.ts'
import { type CallOptions, EtcdClient } from '../../src/cluster/etcd-client.ts'
import type { TxnRequest, TxnResponse } from '../../src/cluster/etcd-messages.ts'
import { defaultTiming } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { WatchFeed } from '../../src/cluster/watch-feed.ts'
import { objectChange } from '../support/change-sets.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

/** Answers as etcd does for the transaction that fills its database, which it applies, and for those that come later. */
class FullClient extends EtcdClient {
  answers: 'as they are' | 'full, and applied' | 'full' = 'as they are'

  override async txn(request: TxnRequest, options: CallOptions): Promise<TxnResponse> {
    const response = this.answers === 'full' ? undefined : await super.txn(request, options)
    if (response !== undefined && this.answers === 'as they are') return response
    throw Object.assign(new Error('8 RESOURCE_EXHAUSTED'), { code: 8, details: 'etcdserver: mvcc: database space exceeded' })
  }
}

test('the change that fills the database is committed although etcd says that there is no space; one that it did not apply was not', async (t) => {
  const etcd = await startEtcdCluster(1)
  const client = new FullClient({ endpoints: etcd.endpoints, tls: etcd.tls })
  const keys = new Keys()
  const log = () => {}
  let queue: CommitQueue | undefined
  const feed = new WatchFeed({
    client,
    keys,
    replica: memoryReplica(),
    log,
    onNonce: (nonce, revision) => queue?.seen(nonce, revision),
    onNewerFormat: () => {},
  })
  queue = new CommitQueue({ client, keys, node: 'n1', feed, limits: etcdDefaultLimits, timing: defaultTiming, log })
  feed.start()
  try {
    t.is((await queue.commit(objectChange('before', 'v', 0))).outcome, 'committed')
    client.answers = 'full, and applied'
    let watchGoesOn = () => {}
    // The answer comes before the watch shows the change.
    const held = feed.standing(() => new Promise<void>((resolve) => (watchGoesOn = resolve)))
    const filling = queue.commit(objectChange('filling', 'v', 0))
    filling.catch(() => undefined)
    const isThere = async () =>
      (await client.range({ key: keys.of(objectChange('filling', 'v').writes[0]!.place) }, { deadline: 5000 })).kvs
    for (const end = performance.now() + 30_000; (await isThere()).length === 0; )
      if (performance.now() > end) throw new Error('in half a minute the change did not reach etcd')
    await new Promise((resolve) => setTimeout(resolve, 100))
    watchGoesOn()
    await held
    t.is((await filling).outcome, 'committed')
    client.answers = 'full'
    await t.throwsAsync(queue.commit(objectChange('later', 'v', 0)), { message: /^Nothing was changed: .*full \(NOSPACE\)/ })
  } finally {
    queue.close()
    await feed.close()
    client.close()
    await etcd.close()
  }
})
