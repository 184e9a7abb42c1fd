import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionStreamsContract } from '../contracts/partition-streams.ts'

import { nssToken } from '../support/nss-softokn.ts'
import { nssStreamRefusals } from '../support/stream-refusals.ts'

const nss = nssToken('bank')
test.after.always(() => nss.remove())

partitionStreamsContract(
  test,
  async () => {
    const options = { name: 'bank', ...nss.options }
    await createPkcs11Partition(options)
    return openPkcs11Partition({ ...options, heldKeys: 20, streams: 64 })
  },
  nssStreamRefusals,
)
