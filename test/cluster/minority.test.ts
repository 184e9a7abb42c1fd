import test from 'ava'
import { openEtcdLedger } from '../../src/cluster/index.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'
import { ledgerMinority } from '../support/minority-rounds.ts'

test('no barrier and no commit of a ledger passes that began after the two other members had stopped', async (t) => {
  const cluster = await startEtcdCluster(3)
  const ledger = openEtcdLedger({ endpoints: cluster.endpointsOf(0), tls: cluster.tls, node: 'n0', replica: memoryReplica() })
  t.teardown(async () => {
    await ledger.close()
    await cluster.close()
  })
  await ledger.barrier()
  const { violations, asked, answered } = await ledgerMinority(cluster, ledger, 8)
  t.deepEqual(violations, [])
  t.true(asked > 8 && answered > 8)
  t.log(`${asked} asked of a minority, ${answered} answered by a majority`)
})
