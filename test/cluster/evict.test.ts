import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type Authority, createAuthority, createDerCrl, issuePeer } from '../../certs/index.ts'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import {
  type CertifyPeer,
  clusterPaths,
  initCluster,
  invite,
  joinCluster,
  type MemberState,
  type NodeAddresses,
  type SupervisingNode,
  startClusterNode,
  whyNotEvict,
} from '../../src/cluster/index.ts'
import { objectChange, objectPlace } from '../support/change-sets.ts'
import { untilHealthy } from '../support/etcd-cluster.ts'
import { type MemoryReplica, memoryReplica } from '../support/memory-replica.ts'

const member = (name: string, role: MemberState['role'], problem?: string): MemberState => ({
  id: name,
  name,
  peerUrl: '',
  clientUrl: undefined,
  role,
  problem,
  version: undefined,
  tresor: undefined,
  revision: undefined,
  databaseSize: undefined,
  databaseInUse: undefined,
  databaseQuota: undefined,
})
const well = (name: string) => member(name, 'follower')
const dead = (name: string) => member(name, 'unknown', 'does not answer')

for (const [what, members, evicted, majority, problem] of [
  ['one of three that are well', [well('a'), well('b'), well('c')], 'a', true, undefined],
  ['the dead one of three', [well('a'), well('b'), dead('c')], 'c', true, undefined],
  [
    'a living one of three beside a dead one',
    [well('a'), well('b'), dead('c')],
    'a',
    true,
    /without a the cluster would have no majority: of the 2 other nodes c cannot/,
  ],
  ['a living one of five beside a dead one', [well('a'), well('b'), well('c'), well('d'), dead('e')], 'a', true, undefined],
  [
    'a living one of five beside two',
    [well('a'), well('b'), well('c'), dead('d'), dead('e')],
    'a',
    true,
    /of the 4 other nodes d and e cannot/,
  ],
  ['one of two', [well('a'), well('b')], 'a', true, undefined],
  ['the only one', [well('a')], 'a', true, /a is the only node/],
  ['the only one that votes', [well('a'), member('b', 'learner')], 'a', true, /a is the only node/],
  ['a learner', [well('a'), member('b', 'learner', 'does not answer')], 'b', true, undefined],
  ['a dead one when there is no majority', [well('a'), dead('b')], 'b', false, /no majority now.*cluster restore/],
] as const)
  test(`evicting ${what} is ${problem === undefined ? 'allowed' : 'refused, saying why'}`, (t) => {
    const why = whyNotEvict({ members, majority }, members.find(({ name }) => name === evicted)!)
    if (problem === undefined) t.is(why, undefined)
    else t.regex(why ?? '', problem)
  })

let folder: string
let authority: Authority
let ports: number[]
const nodes: { node: SupervisingNode; replica: MemoryReplica }[] = []
const certify: CertifyPeer = (request) => issuePeer(authority, request)
const address = (index: number): NodeAddresses => ({
  name: `node-${index + 1}`,
  peerUrl: `https://127.0.0.1:${ports[2 * index]}`,
  clientUrl: `https://127.0.0.1:${ports[2 * index + 1]}`,
})
const folderOf = (index: number) => join(folder, `node-${index + 1}`)

async function start(index: number, where = folderOf(index)): Promise<SupervisingNode> {
  const replica = memoryReplica()
  const signCrl = (serials: readonly string[]) => createDerCrl(authority, serials)
  const node = await startClusterNode({ folder: where, replica, signCrl, join: { host: '127.0.0.1', port: 0, certify } })
  nodes[index] = { node, replica }
  return node
}

async function takeIn(index: number, where = folderOf(index)): Promise<void> {
  const endpoint = `127.0.0.1:${nodes[0]!.node.joinListener!.address.port}`
  await joinCluster(where, await invite(folderOf(0), { endpoint }), address(index))
  await untilHealthy((await start(index, where)).member)
}

/** Whether a member's port answers who shows the certificate in a folder. */
function answers(url: string, where: string): Promise<boolean> {
  const { tls } = clusterPaths(where)
  const [ca, key, cert] = [tls.ca, tls.privateKey, tls.certificate].map((path) => readFileSync(path))
  return new Promise((resolve) => {
    const request = get(`${url}/version`, { ca, key, cert, agent: false, timeout: 20_000 }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not come about in a minute')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-evict-'))
  authority = await createAuthority({ name: 'test cluster' })
  ports = await freePorts(6)
  await initCluster(folderOf(0), address(0), certify)
  await untilHealthy((await start(0)).member)
  for (const index of [1, 2]) await takeIn(index)
})
test.after.always(async () => {
  await Promise.all(nodes.map(({ node }) => node.close()))
  await rm(folder, { recursive: true, force: true })
})

test.serial('a dead node is replaced under its name, with an empty folder; nobody else may be evicted meanwhile', async (t) => {
  const { node } = nodes[0]!
  t.is((await node.ledger.commit(objectChange('kept', 'v', 0))).outcome, 'committed')
  await nodes[2]!.node.close()
  await t.throwsAsync(node.evict('node-2'), { message: /without node-2 the cluster would have no majority.*node-3 cannot take part/ })
  await t.throwsAsync(node.evict('node-9'), { message: /no node node-9; it has node-1, node-2, node-3/ })
  t.is((await node.evict('node-3')).name, 'node-3')
  await takeIn(2, join(folder, 'node-3-new'))
  const { members, majority } = await node.state()
  t.true(majority)
  t.deepEqual(members.map(({ name }) => name).sort(), ['node-1', 'node-2', 'node-3'])
  await nodes[2]!.node.ledger.barrier()
  t.is(nodes[2]!.replica.read(objectPlace('kept'))?.value.toString(), 'v')
})

test.serial(
  'a node that is evicted while it lives says so and answers nothing more, after a restart neither; its certificate is refused by the others',
  async (t) => {
    const evicted = nodes[1]!.node
    const membership = clusterPaths(folderOf(1)).membership
    await until(async () => JSON.parse(await readFile(membership, 'utf8')).memberId !== undefined)
    await until(async () => (await nodes[0]!.node.state()).members.every(({ problem }) => problem === undefined))
    const ports = [0, 2].flatMap((index) => [address(index).peerUrl, address(index).clientUrl])
    for (const port of ports) t.true(await answers(port, folderOf(1)), port)
    await nodes[0]!.node.evict('node-2')
    for (const port of ports) await until(async () => !(await answers(port, folderOf(1))))
    for (const port of ports) t.true(await answers(port, folderOf(0)), port)
    await until(() => evicted.ledger.problem()?.includes('was evicted') === true)
    await t.throwsAsync(evicted.ledger.barrier(), { message: /Nothing was done: this node was evicted.*join with a new token/ })
    await t.throwsAsync(evicted.ledger.commit(objectChange('late', 'v', 0)), { message: /evicted/ })
    await until(() => evicted.member.pid === undefined)
    t.deepEqual(evicted.problems(), [evicted.ledger.problem()], 'not of an etcd that was stopped, nor of others that refuse it')
    await evicted.close()
    await t.throwsAsync(start(1), { message: /this node was evicted/ })

    const { evicted: _, ...before } = JSON.parse(await readFile(membership, 'utf8'))
    await writeFile(membership, JSON.stringify(before))
    const again = await start(1)
    t.regex(again.ledger.problem() ?? '', /was evicted/, 'a folder from before tells it before it answers anything')
    await t.throwsAsync(again.ledger.barrier(), { message: /evicted/ })
    t.is((await nodes[0]!.node.ledger.commit(objectChange('without', 'v', 0))).outcome, 'committed')
  },
)
