import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionResidentsContract } from '../contracts/partition-residents.ts'
import { nssToken } from '../support/nss-softokn.ts'

const nss = nssToken('bank')
const options = { name: 'bank', ...nss.options }
test.after.always(() => nss.remove())

partitionResidentsContract(
  test,
  async () => {
    await createPkcs11Partition(options)
    return openPkcs11Partition(options)
  },
  async (partition) => {
    await partition.close()
    return openPkcs11Partition(options)
  },
  [
    { type: { algorithm: 'RSA', length: 2048 }, lies: 'inside or outside' },
    { type: { algorithm: 'EC', length: 256, curve: 'P_256' }, lies: 'inside alone' },
    { type: { algorithm: 'EC', length: 384, curve: 'P_384' }, lies: 'inside alone' },
  ],
)
