import test from 'ava'
import { openEmbeddedLedger, serveLedger } from '../../src/store/index.ts'
import { ledgerContract } from '../contracts/ledger.ts'
import { ledgerFolder, startLedgerProcess } from '../support/ledger-process.ts'

ledgerContract(test, async () => {
  const { directory, socketPath, remove } = await ledgerFolder()
  const { ledger, replica } = openEmbeddedLedger({ directory })
  const server = await serveLedger(ledger, socketPath, 'local')
  const other = await startLedgerProcess('worker', directory, socketPath)
  return {
    ledger,
    replica,
    other,
    async close() {
      await other.stop()
      await server.close()
      await ledger.close()
      await remove()
    },
  }
})
