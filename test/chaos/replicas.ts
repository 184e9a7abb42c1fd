import { join } from 'node:path'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import { ownPlaces } from '../../src/cluster/own-places.ts'
import { headKey, valueKey } from '../../src/store/keys.ts'
import { differingKeys, dumpReplica } from '../support/replica-dump.ts'
import type { ChaosCluster } from './chaos-cluster.ts'

/**
 * One sentence for each node whose replica is not, byte for byte and index included, that of the first. To be asked when no load is left;
 * each node looks at the cluster's last change once more, then all end.
 */
export async function replicaDifferences({ nodes, client }: ChaosCluster): Promise<string[]> {
  await Promise.all(nodes.map((_, index) => client('chaos', index).call('Locate', { attributes: [], maximumItems: 1 })))
  await Promise.all(nodes.map((node) => node.process.kill()))
  const [first, ...others] = nodes as readonly [ScratchClusterNode, ...ScratchClusterNode[]]
  const dump = ({ data }: ScratchClusterNode) => dumpReplica(join(data, 'store'))
  const good = await dump(first)
  const problems: string[] = []
  for (const node of others) {
    const other = await dump(node)
    const differing = differingKeys(good, other).filter((key) => !ofEachNode.has(key))
    if (differing.length > 0)
      problems.push(
        `${node.name} differs from ${first.name} in ${differing.length} of ${good.size} entries: ${differing.slice(0, 5).join(', ')}`,
      )
  }
  return good.size > 0 ? problems : [...problems, `the replica of ${first.name} is empty`]
}

/** The revision reached, which moves with all that a watch brings, and what a node keeps for itself. */
const ofEachNode: ReadonlySet<string> = new Set([headKey, ...ownPlaces.map(valueKey)].map((key) => Buffer.from(key).toString('hex')))
