import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openEmbeddedLedger, ReplicaWriter, type Space } from '../../src/store/index.ts'
import { ledgerFolder, startLedgerProcess } from '../support/ledger-process.ts'

test('a folder in use is refused, naming the process, and had again when that process is killed', async (t) => {
  const { directory, socketPath, remove } = await ledgerFolder()
  const first = await startLedgerProcess('ledger', directory, socketPath)
  t.throws(() => openEmbeddedLedger({ directory }), {
    message: new RegExp(`process ${first.child.pid} has this ledger open; stop it first`),
  })
  await first.kill()
  const { ledger } = openEmbeddedLedger({ directory })
  t.throws(() => openEmbeddedLedger({ directory }), { message: new RegExp(`process ${process.pid} has this ledger open`) })
  t.throws(() => new ReplicaWriter(directory), { message: /has this ledger open/ })
  await ledger.close()
  await openEmbeddedLedger({ directory }).ledger.close()
  t.deepEqual(readdirSync(directory).sort(), ['format', 'replica.lmdb', 'replica.lmdb-lock'])
  await remove()
})

for (const [what, content] of [
  ['of a process that is gone', '4194304 1'],
  ['of a number that another program has now', '1 1'],
  ['that is empty', ''],
  ['that is no process', 'x y'],
] as const) {
  test(`a lock ${what} is taken over`, async (t) => {
    const { directory, remove } = await ledgerFolder()
    await openEmbeddedLedger({ directory }).ledger.close()
    writeFileSync(join(directory, 'writer.pid'), content)
    const { ledger } = openEmbeddedLedger({ directory })
    t.is(readFileSync(join(directory, 'writer.pid'), 'utf8').split(' ')[0], `${process.pid}`)
    await ledger.close()
    await remove()
  })
}

test('a format that this program does not know is refused, and nothing is touched', async (t) => {
  const { directory, remove } = await ledgerFolder()
  await openEmbeddedLedger({ directory }).ledger.close()
  writeFileSync(join(directory, 'format'), '2\n')
  t.throws(() => openEmbeddedLedger({ directory }), {
    message: /format is 2, this program knows format 1; run the Tresor release that wrote it/,
  })
  t.false(readdirSync(directory).includes('writer.pid'))
  await remove()
})

test('a cluster’s replica of another boot begins empty, that of this one goes on', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const place = { space: 't/a' as Space, kind: 'object', id: 'a' } as const
  const first = new ReplicaWriter(directory)
  await first.apply([{ revision: 5, writes: [{ place, value: Buffer.from('v'), nonce: Buffer.alloc(16, 1) }] }])
  await first.close()
  const second = new ReplicaWriter(directory)
  t.is(second.revision(), 5)
  t.deepEqual(Buffer.from(second.replica.nonceOf(place) ?? []), Buffer.alloc(16, 1))
  await second.close()
  writeFileSync(join(directory, 'boot'), 'another')
  const third = new ReplicaWriter(directory)
  t.is(third.revision(), 0)
  t.is(third.replica.read(place), undefined)
  await third.close()
  await remove()
})
