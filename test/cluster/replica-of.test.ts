import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { refuseReplicaAlone } from '../../src/cluster/index.ts'
import { startTestNode } from '../support/node.ts'

for (const file of ['cluster.json', 'operator-etcd.json']) {
  test(`a store with ${file} beside it is a cluster's replica, and does not start alone`, async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'tresor-alone-'))
    t.teardown(() => rm(data, { recursive: true, force: true }))
    await mkdir(join(data, 'cluster'))
    t.notThrows(() => refuseReplicaAlone(join(data, 'cluster')))
    await writeFile(join(data, 'cluster', file), '{}')
    await t.throwsAsync(startTestNode({ workers: 0, data }), {
      message: /is the replica of a cluster, and the configuration names none: put/,
    })
  })
}
