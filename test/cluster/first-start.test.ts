import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { clusterInit } from '../../src/cli/commands/cluster.ts'
import { NodeProcess } from '../../src/cli/node-process.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { clusterPaths, readMembership } from '../../src/cluster/index.ts'
import { temporaryFolder } from '../support/command-line.ts'
import { clusterOptions, settle } from '../support/quiet-node.ts'

const folder = temporaryFolder()
let node: NodeProcess | undefined
test.after.always(async () => {
  await node?.kill()
  folder.remove()
})

test('a new cluster whose first node is killed again and again while its etcd makes its first files, serves by itself when it is let', async (t) => {
  t.timeout(180_000)
  const data = join(folder.path, 'node')
  await runQuietly(clusterInit, data, [], await clusterOptions('n1'))
  await settle(data)
  const cluster = join(data, 'cluster')
  const files = join(clusterPaths(cluster).etcd, 'member')
  const hasBegun = async () => (await readMembership(cluster))?.begun === true
  let kills = 0
  // Milliseconds from the moment in which etcd has made the folder; in the first of them it is left in a state that it never leaves.
  for (let after = 1; !(await hasBegun()); after = 1.8 * after + 1) {
    const before = madeAt(files)
    node = new NodeProcess(data)
    const served = node.start().then(
      () => true,
      () => false,
    )
    while (madeAt(files) === before) {
      if (!node.isRunning) return t.fail(`the node ended by itself: ${node.words.join('\n')}`)
      await sleep(1)
    }
    await sleep(after)
    await node.kill()
    kills += (await served) ? 0 : 1
  }
  t.log(`killed ${kills} times`)
  t.true(kills >= 3)
  node = new NodeProcess(data)
  await t.notThrowsAsync(node.start())
})

/** Undefined while it is not there. */
function madeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.birthtimeMs
}
