import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { partitionStreamsContract } from '../contracts/partition-streams.ts'
import { softHsm } from '../support/softhsm.ts'
import { softHsmStreamRefusals } from '../support/stream-refusals.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

partitionStreamsContract(
  test,
  async () => {
    const options = { name: 'bank', ...hsm.token('bank') }
    await createPkcs11Partition(options)
    return openPkcs11Partition({ ...options, heldKeys: 20, streams: 64 })
  },
  softHsmStreamRefusals,
)
