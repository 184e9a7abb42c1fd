import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../src/store/database.ts'
import { LocalReplica, ReplicaWriter, type Write } from '../../src/store/index.ts'
import { counterKey } from '../../src/store/keys.ts'
import { ReplicaCheck } from '../../src/store/replica-check.ts'
import { encodeCount } from '../../src/store/stored-entry.ts'
import { objectPlace, testSpace } from '../support/change-sets.ts'

/** More than are counted in one step, where a step looks at one counter. */
const objects = 250
const red = { attribute: 'color', value: Buffer.from('red') }
const redCounter = counterKey(testSpace, red)

async function filled(t: ExecutionContext): Promise<{ readonly folder: string; readonly writer: ReplicaWriter }> {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-index-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const writer = new ReplicaWriter(folder)
  await writer.apply([{ revision: 1, writes: Array.from({ length: objects }, (_, n) => objectOf(n)) }])
  return { folder, writer }
}

function objectOf(order: number): Write {
  return { place: objectPlace(`${order}`), value: Buffer.of(1), terms: [red], order }
}

for (const [what, told, isFound] of [
  ['right', objects, false],
  ['one too many', objects + 1, true],
  ['one too few', objects - 1, true],
  ['twice as many', 2 * objects, true],
  ['hardly any', 2, true],
  ['as many as one step counts', 100, true],
] as const)
  test(`a counter of many entries that tells ${what} is ${isFound ? '' : 'not '}found wrong`, async (t) => {
    const { folder, writer } = await filled(t)
    await writer.close()
    const database = openDatabase(folder, 'rebuildable')
    try {
      database.putSync(redCounter, encodeCount(told))
      const found = [...new ReplicaCheck(database, new LocalReplica(database)).index(1)].flatMap(({ counters }) => counters)
      t.deepEqual(found, isFound ? [redCounter] : [])
    } finally {
      await database.close()
    }
  })

test('a counter is right although objects come while its entries are counted', async (t) => {
  const { writer } = await filled(t)
  try {
    let more = 0
    let steps = 0
    for (const { counters, stray } of writer.check.index(1)) {
      t.deepEqual([...counters, ...stray], [])
      // After both entries of each object were looked at. Theirs stand last, where they would be counted yet.
      if (++steps > 2 * objects) await writer.apply([{ revision: objects + ++more, writes: [objectOf(-more)] }])
    }
    t.true(more >= 6, 'both counters took steps')
  } finally {
    await writer.close()
  }
})
