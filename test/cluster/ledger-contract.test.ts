import { join } from 'node:path'
import test from 'ava'
import { openEtcdLedger } from '../../src/cluster/index.ts'
import { ReplicaWriter, serveLedger } from '../../src/store/index.ts'
import { ledgerContract } from '../contracts/ledger.ts'
import { startEtcdCluster } from '../support/etcd-cluster.ts'
import { startLedgerProcess } from '../support/ledger-process.ts'

/** The ledger of one node; the other node's is reached as a worker does, over its socket. */
ledgerContract(test, async () => {
  const cluster = await startEtcdCluster(1)
  const open = (node: string) => {
    const writer = new ReplicaWriter(join(cluster.folder, `${node}-replica`))
    return { writer, ledger: openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node, replica: writer }) }
  }
  const [here, there] = [open('here'), open('there')]
  const socketPath = join(cluster.folder, 'socket')
  const server = await serveLedger(there.ledger, socketPath, 'asked')
  const worker = await startLedgerProcess('worker', join(cluster.folder, 'there-replica'), socketPath)
  await here.ledger.barrier()
  return {
    ledger: here.ledger,
    replica: here.writer.replica,
    other: worker,
    async close() {
      await worker.stop()
      await server.close()
      for (const { ledger, writer } of [here, there]) {
        await ledger.close()
        await writer.close()
      }
      await cluster.close()
    },
  }
})
