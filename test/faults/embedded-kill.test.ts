import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { type LocalReplica, openEmbeddedLedger, type Space } from '../../src/store/index.ts'
import { ledgerFolder } from '../support/ledger-process.ts'

const script = fileURLToPath(new URL('../support/committing-child.js', import.meta.url))
const space = 't/killed' as Space
const rounds = 10

type Acknowledged = readonly [requester: number, number: number, links: number]

test('killed at random moments under load: all that was acknowledged is there, and nothing is half done', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const acknowledged = new Map<string, readonly Acknowledged[]>()
  for (let round = 0; round < rounds; round++) {
    acknowledged.set(`${round}`, await commitUntilKilled(directory, `${round}`))
    const { ledger, replica } = openEmbeddedLedger({ directory })
    for (const [each, told] of acknowledged) checkAcknowledged(t, replica, each, told)
    checkWhole(t, replica)
    await ledger.close()
  }
  const total = [...acknowledged.values()].reduce((sum, { length }) => sum + length, 0)
  t.log(`${rounds} kills, ${total} acknowledged commits`)
  t.true(total > rounds * 16, 'there was load')
  await remove()
})

async function commitUntilKilled(directory: string, round: string): Promise<readonly Acknowledged[]> {
  const child = fork(script, [directory, round])
  const told: Acknowledged[] = []
  child.on('message', (message) => told.push(message as Acknowledged))
  await once(child, 'message')
  await sleep(100 + Math.random() * 900)
  child.kill('SIGKILL')
  // What it told before it died may still be on its way.
  await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  return told
}

function checkAcknowledged(t: Check, replica: LocalReplica, round: string, told: readonly Acknowledged[]): void {
  const lost = told.filter(([requester, number]) => read(replica, `${round}-${requester}-${number}-one`) === undefined)
  t.deepEqual(lost, [], `acknowledged in round ${round}`)
  const back = told.filter(([requester, , links]) => (read(replica, `chain-${requester}`)?.value.readUInt32BE() ?? 0) < links)
  t.deepEqual(back, [], `chains that went back after round ${round}`)
}

/** Both objects of a change set or none, of one revision; and the index and its counters know exactly what is stored. */
function checkWhole(t: Check, replica: LocalReplica): void {
  const objects = new Map([...replica.list(space, 'object')].map(({ id, stored }) => [id, stored]))
  const halves = [...objects].filter(([id, { revision }]) => {
    const twin = id.endsWith('-one') ? id.replace(/one$/, 'two') : id.replace(/two$/, 'one')
    return !id.startsWith('chain-') && objects.get(twin)?.revision !== revision
  })
  t.deepEqual(halves, [])
  const links = [...objects]
    .filter(([id]) => id.startsWith('chain-'))
    .reduce((sum, [, { value }]) => sum + Buffer.from(value).readUInt32BE(), 0)
  t.is(links * 2, objects.size - 16, 'each link stands for one change set')
  const found = replica.find(space, [], { offset: 0, limit: objects.size + 1 })
  t.is(found.total, objects.size)
  t.deepEqual([...found.ids].sort(), [...objects.keys()].sort())
  const rounds = new Set([...objects.keys()].filter((id) => !id.startsWith('chain-')).map((id) => id.split('-')[0]!))
  for (const round of rounds) {
    const value = Buffer.from(round)
    const stored = [...objects.keys()].filter((id) => id.startsWith(`${round}-`)).length
    const { ids, total } = replica.find(space, [{ attribute: 'round', from: value, to: value }], { offset: 0, limit: stored + 1 })
    t.deepEqual([ids.length, total], [stored, stored], `the index of round ${round}`)
  }
}

type Check = Pick<import('ava').ExecutionContext, 'deepEqual' | 'is'>

function read(replica: LocalReplica, id: string): { readonly value: Buffer } | undefined {
  const stored = replica.read({ space, kind: 'object', id })
  return stored && { value: Buffer.from(stored.value) }
}
