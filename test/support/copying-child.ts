import { openEtcdLedger } from '../../src/cluster/index.ts'
import { ReplicaWriter } from '../../src/store/index.ts'

/** A ledger process that copies a snapshot slowly, and tells its parent of each page; to be killed meanwhile. */
const { endpoints, tls, directory } = JSON.parse(process.argv[2] as string) as {
  readonly endpoints: readonly string[]
  readonly tls: { readonly ca: string; readonly certificate: string; readonly privateKey: string }
  readonly directory: string
}
const writer = new ReplicaWriter(directory)
openEtcdLedger({
  endpoints,
  tls,
  node: 'copying-child',
  replica: {
    replica: writer.replica,
    revision: () => writer.revision(),
    apply: (...given) => writer.apply(...given),
    groups: () => writer.groups(),
    async copy(...given) {
      await writer.copy(...given)
      process.send?.('page')
      await new Promise((resolve) => setTimeout(resolve, 200))
    },
  },
})
process.once('disconnect', () => process.exit())
