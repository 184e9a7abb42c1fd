import { openEtcdLedger, type TlsFiles } from '../../src/cluster/index.ts'
import { ReplicaWriter, serveLedger } from '../../src/store/index.ts'

/** A node's ledger process in a cluster, which serves workers on a socket; to be killed. */
export interface ClusterLedgerSetup {
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles
  readonly directory: string
  readonly socketPath: string
}

const { endpoints, tls, directory, socketPath } = JSON.parse(process.argv[2] as string) as ClusterLedgerSetup
const replica = new ReplicaWriter(directory)
const ledger = openEtcdLedger({ endpoints, tls, node: 'killed', replica })
await serveLedger(ledger, socketPath, 'asked')
process.once('disconnect', () => process.exit())
process.send?.('ready')
