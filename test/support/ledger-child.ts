import type { ChangeSet, Ledger, Place, Replica, Space, TermMatch } from '../../src/store/index.ts'
import { connectLedger, openEmbeddedLedger, serveLedger } from '../../src/store/index.ts'
import type { Answered, Asked, LedgerCalls } from './ledger-process.ts'

/** The process that `startLedgerProcess` starts. */
const [role, directory, socketPath] = process.argv.slice(2) as ['ledger' | 'worker', string, string]

const { ledger, replica, close } = await open()
const calls: Record<keyof LedgerCalls, (...args: never[]) => Promise<unknown>> = {
  commit: (changes: ChangeSet) => ledger.commit(changes),
  async read(place: Place) {
    await ledger.barrier()
    return replica.read(place)
  },
  async find(space: Space, matches: readonly TermMatch[], page: { readonly offset: number; readonly limit: number }) {
    await ledger.barrier()
    return replica.find(space, matches, page)
  },
}
process.on('message', ({ id, method, args }: Asked) => {
  calls[method](...(args as never[])).then(
    (result) => process.send?.({ id, result } satisfies Answered),
    (error: Error) => process.send?.({ id, error: error.message } satisfies Answered),
  )
})
for (const event of ['SIGTERM', 'disconnect']) process.once(event, () => close().then(() => process.exit()))
process.send?.('ready')

async function open(): Promise<{ ledger: Ledger; replica: Replica; close(): Promise<void> }> {
  if (role === 'worker') {
    const worker = connectLedger({ directory, socketPath })
    await worker.ready()
    return { ledger: worker, replica: worker.replica, close: () => worker.close() }
  }
  const embedded = openEmbeddedLedger({ directory })
  const server = await serveLedger(embedded.ledger, socketPath, 'local')
  return {
    ...embedded,
    async close() {
      await server.close()
      await embedded.ledger.close()
    },
  }
}
