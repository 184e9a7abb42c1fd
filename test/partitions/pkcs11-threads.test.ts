import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionContract } from '../contracts/partition.ts'
import { softHsm } from '../support/softhsm.ts'
import { softHsmRefusals } from '../support/softhsm-refusals.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

partitionContract(
  test,
  async () => {
    const options = { name: 'bank', ...hsm.token('bank') }
    await createPkcs11Partition(options)
    return openPkcs11Partition({ ...options, heldKeys: 20, calls: 'threads' })
  },
  { refusals: softHsmRefusals },
)
