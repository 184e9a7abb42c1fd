import test from 'ava'
import { type HsmCluster, startHsmCluster } from '../support/hsm-cluster.ts'
import { firstKeysOfNodes } from './hsm-nodes/first-keys.ts'
import { moveOfNodes } from './hsm-nodes/move.ts'
import { ownTokensOfNodes } from './hsm-nodes/own-tokens.ts'
import { residentKeysOfNodes } from './hsm-nodes/resident-keys.ts'

/* HSM partitions in a cluster: one cluster for all cases, which are in files of their own. */

let cluster: HsmCluster
test.before(async () => {
  cluster = await startHsmCluster({ tokens: ['resident', 'each', 'each-second', 'both', 'vault'], ofSecond: { each: 'each-second' } })
})
test.after.always(() => cluster?.remove())

residentKeysOfNodes(test, () => cluster)
ownTokensOfNodes(test, () => cluster)
firstKeysOfNodes(test, () => cluster)
moveOfNodes(test, () => cluster)
