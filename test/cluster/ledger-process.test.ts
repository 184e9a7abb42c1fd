import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { connectLedger, ReplicaWriter } from '../../src/store/index.ts'
import type { ClusterLedgerSetup } from '../support/cluster-ledger-child.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'
import { commitUnderLoad } from '../support/ledger-load.ts'

test('a node’s ledger process is killed under a worker’s load and started again: the worker settles by nonce what was under way', async (t) => {
  const cluster = await startEtcdCluster(1)
  t.teardown(() => cluster.close())
  const directory = join(cluster.folder, 'replica')
  const socketPath = join(cluster.folder, 'socket')
  await new ReplicaWriter(directory).close()
  const script = fileURLToPath(new URL('../support/cluster-ledger-child.js', import.meta.url))
  const setup: ClusterLedgerSetup = { endpoints: cluster.endpoints, tls: cluster.tls, directory, socketPath }
  const start = async (): Promise<ChildProcess> => {
    const child = fork(script, [JSON.stringify(setup)])
    await once(child, 'message')
    return child
  }
  const kill = async (child: ChildProcess) => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  let child = await start()
  t.teardown(() => void child.kill('SIGKILL'))
  const ledger = connectLedger({ directory, socketPath })
  await ledger.ready()
  const load = commitUnderLoad(ledger)
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 400))
    await kill(child)
    child = await start()
  }
  await new Promise((resolve) => setTimeout(resolve, 400))
  const { wrong, count, reasons, summary } = await load.stop()
  t.log(summary)
  t.deepEqual(wrong, [])
  t.true(count('committed') > 0)
  t.deepEqual(reasons, [], 'nothing stays unknown')
  await ledger.close()
  await kill(child)
})
