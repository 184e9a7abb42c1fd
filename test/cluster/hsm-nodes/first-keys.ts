import type { TestFn } from 'ava'
import { callAdmin } from '../../../src/admin/index.ts'
import { partitionAdd } from '../../../src/cli/commands/partition.ts'
import { runQuietly } from '../../../src/cli/quiet-run.ts'
import { type HsmCluster, tokenObjects, until } from '../../support/hsm-cluster.ts'
import { newKey } from '../../support/key-lives.ts'

/** Two nodes are told at once to take a token as a partition that has no keys yet. */
export function firstKeysOfNodes(test: TestFn, nodes: () => HsmCluster): void {
  test.serial(
    'first keys: of two nodes that take a token at once one defines the partition, its keys are made once, and every node uses them',
    async (t) => {
      const { module, token, pinFile, serial } = nodes().token('both')
      const options = { module, token, 'pin-file': pinFile, serial }
      const outcomes = await Promise.allSettled(
        [0, 1].map((index) => runQuietly(partitionAdd, nodes().node(index).data, ['both'], options)),
      )
      const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String((outcome.reason as Error).message)] : []))
      t.deepEqual(refusals, ['partition both exists already'])
      t.deepEqual(await tokenObjects(nodes().token('both')), ['tresor-integrity', 'tresor-kek-1'])

      await callAdmin(nodes().node(2).data, 'tenant.add', { tenant: 'both', partition: 'both' })
      const credentials = await nodes().enroll('both', 'app')
      const clients = [0, 1, 2].map((index) => nodes().client(index, credentials))
      for (const [index, maker] of clients.entries()) {
        const { uniqueIdentifier } = await until(`node ${index} serves`, () =>
          maker.call('Create', newKey(`made-${index}`)).catch(() => undefined),
        )
        const values = await Promise.all(
          clients.map((client, other) =>
            until(`node ${other} serves`, () => client.call('Get', { uniqueIdentifier }).catch(() => undefined)),
          ),
        )
        t.deepEqual(values, Array(3).fill(values[0]))
      }
      t.deepEqual(await tokenObjects(nodes().token('both')), ['tresor-integrity', 'tresor-kek-1'])
    },
  )
}
