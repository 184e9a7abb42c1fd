import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionResidentsContract } from '../contracts/partition-residents.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const options = { name: 'bank', ...hsm.token('bank') }
test.after.always(() => hsm.remove())

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
    { type: { algorithm: 'EC', length: 256, curve: 'P_256' }, lies: 'inside or outside' },
    { type: { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' }, lies: 'inside alone' },
    { type: { algorithm: 'Ed448', length: 456, curve: 'CURVE448' }, lies: 'inside alone' },
    { type: { algorithm: 'ECDH', length: 256, curve: 'CURVE25519' }, lies: 'inside alone' },
    { type: { algorithm: 'ECDH', length: 448, curve: 'CURVE448' }, lies: 'inside alone' },
  ],
)
