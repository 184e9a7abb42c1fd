import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import type { Client } from '../../src/client/index.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { newKey, refusalOf, settle } from '../support/key-lives.ts'
import { Load } from '../support/load.ts'
import { processesOf, untilStopped } from '../support/stopped.ts'

let cluster: ClusterNodes
/** A client at each node, of a tenant without load. An election that a busy machine brings about is waited for. */
let at: readonly Client[]
const load = new Load()

test.before(async () => {
  cluster = await startClusterNodes()
  at = everyNode((index) => cluster.client(index, { tenant: 'other', connections: 2, patience: 30_000 }))
})

test.after.always(() => cluster?.remove())

const everyNode = <T>(make: (index: number) => T): T[] => [0, 1, 2].map(make)
/** Clients at these nodes, of the tenant with the load. */
const loaders = () => cluster.nodes.map((_, index) => cluster.client(index))
const checkers = (nodes: readonly ScratchClusterNode[] = cluster.nodes) =>
  Array.from({ length: 24 }, (_, number) =>
    cluster.client(cluster.nodes.indexOf(nodes[number % nodes.length] as ScratchClusterNode), { patience: 30_000 }),
  )
const encrypt = (client: Client, uniqueIdentifier: string) =>
  client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } })
const cessation = { revocationReason: { code: 'CessationOfOperation' } } as const
let made = 0

async function activeKey(client: Client): Promise<string> {
  const key = newKey(`own-${++made}`)
  const attributes = [...key.attributes, { name: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 } as const]
  return (await client.call('Create', { ...key, attributes })).uniqueIdentifier as string
}

test.serial(
  'made anywhere, there everywhere at once; revoked and destroyed anywhere, refused everywhere at once, under load',
  async (t) => {
    load.start(loaders())
    const keys = 70
    for (let number = 0; number < keys; number++) {
      const [one, two] = [at[number % 3], at[(number + 1) % 3]] as [Client, Client]
      const uniqueIdentifier = await activeKey(one)
      // Used at every node, so that every node has it in its caches.
      await Promise.all(at.map((client) => encrypt(client, uniqueIdentifier)))
      await two.call('Revoke', { uniqueIdentifier, ...cessation })
      t.deepEqual(
        await Promise.all(at.map((client) => refusalOf(encrypt(client, uniqueIdentifier)))),
        everyNode(() => 'WrongKeyLifecycleState'),
        `Encrypt after Revoke of key ${number}`,
      )
      await one.call('Destroy', { uniqueIdentifier })
      const refusals = await Promise.all(
        at.flatMap((client) => [refusalOf(encrypt(client, uniqueIdentifier)), refusalOf(client.call('Get', { uniqueIdentifier }))]),
      )
      t.true(
        refusals.every((reason) => reason !== undefined && reason !== 'GeneralFailure'),
        `after Destroy of key ${number}: ${refusals}`,
      )
    }
    await load.stop()
    t.log(`${keys * 9} refusals asked for right after an answer, beside ${load.answered} other changes`)
    t.deepEqual(await settle(checkers(), load.lives), [])
  },
)

test.serial('a node that was paused and goes on uses no key that was destroyed meanwhile', async (t) => {
  const rounds = 12
  for (let round = 0; round < rounds; round++) {
    const [paused, other] = [round % 3, (round + 1) % 3]
    const [sleeper, awake] = [at[paused], at[other]] as [Client, Client]
    const uniqueIdentifier = await activeKey(sleeper)
    await encrypt(sleeper, uniqueIdentifier)
    cluster.nodes[paused]?.process.pause()
    await awake.call('Revoke', { uniqueIdentifier, ...cessation })
    await awake.call('Destroy', { uniqueIdentifier })
    // Sent while it sleeps, after Destroy was answered: it finds the request when it wakes, before it has heard of anything.
    const asked = refusalOf(encrypt(sleeper, uniqueIdentifier))
    await sleep(round % 2 === 0 ? 0 : 800)
    cluster.nodes[paused]?.process.resume()
    t.truthy(await asked, `Encrypt at the node that slept, round ${round}`)
    t.not(await refusalOf(encrypt(sleeper, uniqueIdentifier)), undefined)
  }
})

test.serial('a node without a majority answers no key operation, and goes on when the others are back', async (t) => {
  const alone = cluster.client(0, { tenant: 'other', connections: 4 })
  const uniqueIdentifier = await activeKey(alone)
  const others = cluster.nodes.slice(1)
  for (const { process } of others) process.pause()
  t.teardown(() => others.forEach(({ process }) => void process.resume()))
  // What the three still agreed on until every thread stands is an answer of the majority.
  await untilStopped(others.flatMap(({ process }) => processesOf(process.pid as number)))
  const calls = [
    encrypt(alone, uniqueIdentifier),
    alone.call('GetAttributes', { uniqueIdentifier, references: [] }),
    alone.call('Locate', { attributes: [] }),
    alone.call('Create', newKey(randomUUID())),
  ]
  t.deepEqual(
    await Promise.all(calls.map(refusalOf)),
    calls.map(() => 'GeneralFailure'),
  )
  for (const { process } of others) process.resume()
  const began = performance.now()
  while ((await refusalOf(encrypt(alone, uniqueIdentifier))) !== undefined) await sleep(20)
  t.log(`serves again ${Math.round(performance.now() - began)} ms after the others are back`)
  t.deepEqual(
    await Promise.all(at.map((client) => refusalOf(encrypt(client, uniqueIdentifier)))),
    everyNode(() => undefined),
  )
  t.deepEqual(await settle(checkers(), load.lives), [])
})

for (const [who, choose] of [
  ['the node that leads', async () => await cluster.leader()],
  [
    'a node that follows',
    async () => {
      const leader = await cluster.leader()
      return cluster.nodes.find((node) => node !== leader) as ScratchClusterNode
    },
  ],
] as const) {
  test.serial(`${who} is killed under load: the others go on after an election, it comes back current, nothing is lost`, async (t) => {
    const victim = await choose()
    const others = cluster.nodes.filter((node) => node !== victim)
    const before = load.answered
    load.start(loaders())
    let over = false
    const probes = others.map((node) => longestGap(cluster.client(cluster.nodes.indexOf(node), { tenant: 'other' }), () => over))
    await sleep(500)
    await victim.process.kill()
    await Promise.all(others.map((node) => served(cluster.client(cluster.nodes.indexOf(node), { tenant: 'other' }))))
    await sleep(2000)
    over = true
    const gaps = await Promise.all(probes)
    await load.stop()
    t.log(
      `${load.answered - before} answered changes, ${load.inDoubt} in doubt; longest wait at the others ${gaps.map(Math.round).join(' and ')} ms`,
    )
    t.deepEqual(await settle(checkers(others), load.lives), [], 'at the others')
    await victim.process.start()
    t.deepEqual(await settle(checkers([victim]), load.lives), [], 'at the one that came back')
  })
}

/** Waits until a change is answered. */
async function served(client: Client): Promise<void> {
  const end = performance.now() + 60_000
  for (let refusal = await create(client); refusal !== undefined; refusal = await create(client))
    if (performance.now() > end) throw new Error(`no Create was answered in a minute: ${refusal}`)
}

/** The reason for which it was refused. */
const create = (client: Client) => refusalOf(client.call('Create', newKey(randomUUID())))

/** The longest time between two answers to changes, asked for one after the other. */
async function longestGap(client: Client, isOver: () => boolean): Promise<number> {
  let longest = 0
  for (let last = performance.now(); !isOver(); ) {
    const refusal = await create(client)
    longest = Math.max(longest, performance.now() - last)
    if (refusal === undefined) last = performance.now()
    else if (refusal !== 'GeneralFailure') throw new Error(`Create was refused: ${refusal}`)
  }
  return longest
}
