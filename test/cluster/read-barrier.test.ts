import test from 'ava'
import { type CallOptions, EtcdClient } from '../../src/cluster/etcd-client.ts'
import type { RangeRequest, RangeResponse } from '../../src/cluster/etcd-messages.ts'
import { defaultTiming } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { ReadBarrier } from '../../src/cluster/read-barrier.ts'
import { WatchFeed } from '../../src/cluster/watch-feed.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

/** Its first endpoint takes reads and answers none, nor says that it does not. */
class SilentFirst extends EtcdClient {
  readonly asked: number[] = []

  override quickRange(request: RangeRequest, options: CallOptions): Promise<RangeResponse> {
    this.asked.push(options.endpoint ?? 0)
    return options.endpoint === 0 ? new Promise(() => {}) : super.quickRange(request, options)
  }
}

test('while the preferred member does not answer a read, another is asked beside it', async (t) => {
  const etcd = await startEtcdCluster(1)
  const [endpoint] = etcd.endpoints as [string]
  const client = new SilentFirst({ endpoints: [endpoint, endpoint.replace('127.0.0.1', 'localhost')], tls: etcd.tls })
  const keys = new Keys()
  const feed = new WatchFeed({ client, keys, replica: memoryReplica(), log: () => {}, onNonce: () => {}, onNewerFormat: () => {} })
  const barrier = new ReadBarrier({ client, keys, feed, timing: { ...defaultTiming, barrier: 60_000 }, onOtherHistory: () => t.fail() })
  feed.start()
  try {
    await barrier.pass()
    t.deepEqual(client.asked.slice(0, 2), [0, 1])
    t.is(client.preferred, 0)
    t.is(barrier.problem(), undefined)
  } finally {
    barrier.close()
    await feed.close()
    client.close()
    await etcd.close()
  }
})
