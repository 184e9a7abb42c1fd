import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { type CommitOutcome, connectLedger, ReplicaWriter } from '../../src/store/index.ts'
import { objectChange, objectPlace } from '../support/change-sets.ts'
import type { ClusterLedgerSetup } from '../support/cluster-ledger-child.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'

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
  const reasons = new Set<string>()
  const answers = new Map<string, CommitOutcome['outcome'] | 'refused'>()
  let working = true
  const requesters = Array.from({ length: 8 }, async (_, requester) => {
    for (let n = 0; working; n++) {
      const id = `${requester}-${n}`
      answers.set(
        id,
        await ledger.commit(objectChange(id, 'v', 0)).then(
          (outcome) => {
            if (outcome.outcome === 'unknown') reasons.add(outcome.why)
            return outcome.outcome
          },
          () => 'refused' as const,
        ),
      )
    }
  })
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 400))
    await kill(child)
    child = await start()
  }
  await new Promise((resolve) => setTimeout(resolve, 400))
  working = false
  await Promise.all(requesters)
  await ledger.barrier()
  const wrong = [...answers].filter(([id, answer]) => {
    const isThere = ledger.replica.read(objectPlace(id)) !== undefined
    return answer === 'committed' ? !isThere : answer !== 'unknown' && isThere
  })
  t.deepEqual(wrong, [])
  const count = (wanted: string) => [...answers.values()].filter((each) => each === wanted).length
  t.log(`${count('committed')} committed, ${count('conflict')} known not to be, ${count('unknown')} unknown, ${count('refused')} refused`)
  t.true(count('committed') > 0)
  t.deepEqual([...reasons], [], 'nothing stays unknown')
  await ledger.close()
  await kill(child)
})
