import { randomBytes } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { createSoftwarePartition, openSoftwarePartition } from '../../src/partitions/index.ts'
import { partitionContract } from '../contracts/partition.ts'

partitionContract(
  test,
  async () => {
    const rootSecret = new Secret(randomBytes(32))
    const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
    return openSoftwarePartition({ name: 'demo', rootSecret, ring, cache: { count: 20, bytes: 1024 * 1024 } })
  },
  {
    refusals: {
      'CMAC, SP 800-38B D.1': 'UnsupportedCryptographicParameters',
      'signature ECDSA-SHA_256 of a digest': 'UnsupportedCryptographicParameters',
    },
  },
)
