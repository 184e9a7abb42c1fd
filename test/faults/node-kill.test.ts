import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Client } from '../../src/client/index.ts'
import { nameProblems, settle } from '../support/key-lives.ts'
import { Load } from '../support/load.ts'
import { type ServedNode, startServedNode } from '../support/served-node.ts'

let node: ServedNode
const load = new Load()

test.before(async () => {
  node = await startServedNode({ workers: 2, log: { level: 'error' } })
})

test.after.always(() => node?.remove())

const rounds = 8
const connections = 12

/** So many clients of one connection each; they end with the test. */
function clients(t: import('ava').ExecutionContext, count: number): readonly Client[] {
  const all = Array.from({ length: count }, () => new Client({ endpoints: [node.endpoint], ...node.credentials, connectionsPerNode: 1 }))
  t.teardown(() => all.forEach((client) => void client.close()))
  return all
}

test.serial('the whole node is killed under load, again and again: every answered change is there, none is half done', async (t) => {
  let doubts = 0
  for (let round = 1; round <= rounds; round++) {
    const before = load.answered
    load.start(clients(t, connections))
    while (load.answered < before + 2 * connections) await sleep(20)
    await sleep(Math.random() * 1000)
    await node.process.kill()
    await load.stop()
    doubts += load.inDoubt
    await node.process.start()
    t.deepEqual(await settle(clients(t, 4), load.lives), [], `after kill ${round}`)
  }
  t.log(`${rounds} kills, ${load.answered} answered changes of ${load.lives.length} keys, ${doubts} in flight when the node died`)
  t.true(load.answered > rounds * connections, 'there was load')
  t.true(doubts > 0, 'changes were in flight')
})

test.serial('names are unique still', async (t) => {
  t.deepEqual(await nameProblems(clients(t, 4), load.lives.slice(-200)), [])
})

test.serial('one worker is killed under load: the other connections go on, and the supervisor starts it again', async (t) => {
  const before = await node.pids()
  load.start(clients(t, connections))
  await sleep(300)
  process.kill(before['worker-1'] ?? 0, 'SIGKILL')
  const atKill = load.answered
  let now = before
  while (now['worker-1'] === undefined || now['worker-1'] === before['worker-1']) {
    await sleep(20)
    now = await node.pids()
  }
  await sleep(300)
  await load.stop()
  t.true(load.answered > atKill, 'the others went on')
  t.is(now['worker-2'], before['worker-2'])
  t.is(now.node, before.node)
  t.deepEqual(await settle(clients(t, 4), load.lives), [])
})
