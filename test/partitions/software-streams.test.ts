import { randomBytes } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { createSoftwarePartition, openSoftwarePartition } from '../../src/partitions/index.ts'
import { partitionStreamsContract } from '../contracts/partition-streams.ts'

partitionStreamsContract(
  test,
  async () => {
    const rootSecret = new Secret(randomBytes(32))
    const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
    return openSoftwarePartition({ name: 'demo', rootSecret, ring })
  },
  { CMAC: { reason: 'UnsupportedCryptographicParameters', says: /CMAC in parts/ } },
)
