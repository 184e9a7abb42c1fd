import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionContract } from '../contracts/partition.ts'
import { nssRefusals } from '../support/nss-refusals.ts'
import { nssToken } from '../support/nss-softokn.ts'

const nss = nssToken('bank')
test.after.always(() => nss.remove())

partitionContract(
  test,
  async () => {
    const options = { name: 'bank', ...nss.options }
    await createPkcs11Partition(options)
    return openPkcs11Partition({ ...options, heldKeys: 20 })
  },
  { refusals: nssRefusals, pair: { algorithm: 'RSA', length: 1024 } },
)
