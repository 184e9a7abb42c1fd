import test from 'ava'
import { connectLedger } from '../../src/store/index.ts'
import { ledgerContract } from '../contracts/ledger.ts'
import { ledgerFolder, startLedgerProcess } from '../support/ledger-process.ts'

ledgerContract(test, async () => {
  const { directory, socketPath, remove } = await ledgerFolder()
  const primary = await startLedgerProcess('ledger', directory, socketPath)
  const other = await startLedgerProcess('worker', directory, socketPath)
  const ledger = connectLedger({ directory, socketPath })
  await ledger.ready()
  return {
    ledger,
    replica: ledger.replica,
    other,
    async close() {
      await ledger.close()
      await other.stop()
      await primary.stop()
      await remove()
    },
  }
})
