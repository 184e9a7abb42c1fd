import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Client, ConnectionLost } from '../../src/client/index.ts'
import { type KeyLife, live, nameProblems, newLife, settle } from '../support/key-lives.ts'
import { type ServedNode, startServedNode } from '../support/served-node.ts'

let node: ServedNode

test.before(async () => {
  node = await startServedNode({ workers: 2, log: { level: 'error' } })
})

test.after.always(() => node?.remove())

const rounds = 8
const connections = 12
const lives: KeyLife[] = []

const open = () => new Client({ endpoints: [node.endpoint], ...node.credentials, connectionsPerNode: 1 })

/** Load from several connections until `isOver`: old keys go on, new ones come. Resolves when every connection has ended. */
async function load(round: string, isOver: () => boolean): Promise<void> {
  const unfinished = lives.filter(({ done, length }) => done < length)
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      const own = unfinished.filter((_, index) => index % connections === connection)
      const client = open()
      try {
        await live(client, keysOf(own, `${round}-${connection}`), isOver)
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
      } finally {
        client.close()
      }
    }),
  )
}

function* keysOf(unfinished: readonly KeyLife[], prefix: string): Iterable<KeyLife> {
  yield* unfinished
  for (let number = 1; ; number++) {
    const life = newLife(`${prefix}-${number}`)
    lives.push(life)
    yield life
  }
}

const answered = () => lives.reduce((sum, { done }) => sum + done, 0)

async function check(t: Pick<import('ava').ExecutionContext, 'deepEqual'>, when: string): Promise<void> {
  const client = new Client({ endpoints: [node.endpoint], ...node.credentials, connectionsPerNode: 4 })
  try {
    t.deepEqual(await settle(client, lives), [], when)
  } finally {
    client.close()
  }
}

test.serial('the whole node is killed under load, again and again: every answered change is there, none is half done', async (t) => {
  let doubts = 0
  for (let round = 1; round <= rounds; round++) {
    let over = false
    const loading = load(`r${round}`, () => over)
    await sleep(200 + Math.random() * 1000)
    await node.process.kill()
    over = true
    await loading
    doubts += lives.filter(({ doubt }) => doubt).length
    await node.process.start()
    await check(t, `after kill ${round}`)
  }
  t.log(`${rounds} kills, ${answered()} answered changes of ${lives.length} keys, ${doubts} in flight when the node died`)
  t.true(answered() > rounds * connections, 'there was load')
  t.true(doubts > 0, 'changes were in flight')
})

test.serial('names are unique still', async (t) => {
  const client = open()
  t.teardown(() => client.close())
  t.deepEqual(await nameProblems(client, lives.slice(-200)), [])
})

test.serial('one worker is killed under load: the other connections go on, and the supervisor starts it again', async (t) => {
  const before = await node.pids()
  let over = false
  const changesBefore = answered()
  const loading = load('worker', () => over)
  await sleep(300)
  process.kill(before['worker-1'] ?? 0, 'SIGKILL')
  const atKill = answered()
  let now = before
  while (now['worker-1'] === undefined || now['worker-1'] === before['worker-1']) {
    await sleep(20)
    now = await node.pids()
  }
  await sleep(300)
  over = true
  await loading
  t.log(`${atKill - changesBefore} answered changes before the kill, ${answered() - atKill} after it`)
  t.true(answered() > atKill, 'the others went on')
  t.is(now['worker-2'], before['worker-2'])
  t.is(now.node, before.node)
  await check(t, 'after the worker was killed')
})
