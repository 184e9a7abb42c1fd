import { mkdtemp, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type Authority, createAuthority, issuePeer } from '../../certs/index.ts'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import {
  type CertifyPeer,
  clusterPaths,
  initCluster,
  invite,
  type JoinSecretsGiver,
  type JoinSecretsTaker,
  joinCluster,
  type NodeAddresses,
  readMembership,
  type SupervisingNode,
  startClusterNode,
} from '../../src/cluster/index.ts'
import { decodeJoinToken, encodeJoinToken } from '../../src/cluster/join-token.ts'
import { Secret } from '../../src/objects/secret.ts'
import { deliver, newDeliveryKey, receive } from '../../src/partitions/index.ts'
import { objectChange, objectPlace } from '../support/change-sets.ts'
import { untilHealthy } from '../support/etcd-cluster.ts'
import { type MemoryReplica, memoryReplica } from '../support/memory-replica.ts'

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
const listenerOf = () => `127.0.0.1:${nodes[0]!.node.joinListener!.address.port}`

/** As `joinSecretsOf` does it, with the name of the root secret in place of its fingerprint. */
const giver: JoinSecretsGiver = {
  pack: async ({ name, deliveryKey }) => deliver(deliveryKey, name, new Secret(Buffer.from('root of the partitions'))),
  refuse: async ({ rootFingerprint = 'own' }) => (rootFingerprint === 'own' ? undefined : `the root secret is ${rootFingerprint}`),
}

async function start(index: number): Promise<void> {
  const replica = memoryReplica()
  const listener = { host: '127.0.0.1', port: 0, certify, secrets: giver }
  const node = await startClusterNode({ folder: folderOf(index), replica, ...(index === 0 ? { join: listener } : {}) })
  nodes[index] = { node, replica }
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-join-'))
  authority = await createAuthority({ name: 'test cluster' })
  ports = await freePorts(6)
  await initCluster(folderOf(0), address(0), certify)
  await start(0)
  await untilHealthy(nodes[0]!.node.member)
})
test.after.always(async () => {
  await Promise.all(nodes.map(({ node }) => node.close()))
  await rm(folder, { recursive: true, force: true })
})

test.serial('a node without a cluster folder is told what to run', async (t) => {
  await t.throwsAsync(startClusterNode({ folder: folderOf(1), replica: memoryReplica() }), {
    message: /cluster\.json is not there: run "tresor cluster init"/,
  })
})

test.serial('a second cluster is not made over a first', async (t) => {
  await t.throwsAsync(initCluster(folderOf(0), address(0), certify), { message: /node-1 of a cluster already/ })
})

test.serial('a token lets in as many nodes as it says, with their secrets, and each gets its vote', async (t) => {
  const first = nodes[0]!
  t.is((await first.node.ledger.commit(objectChange('early', 'v', 0))).outcome, 'committed')
  const token = await invite(folderOf(0), { endpoint: listenerOf(), uses: 2 })
  for (const index of [1, 2]) {
    const key = newDeliveryKey()
    const taken: Uint8Array[] = []
    const secrets = { deliveryKey: key.publicKey, rootFingerprint: 'own', take: async (packed: Uint8Array) => void taken.push(packed) }
    const join = (more: Partial<JoinSecretsTaker>) =>
      joinCluster(folderOf(index), token, address(index), { secrets: { ...secrets, ...more } })
    await t.throwsAsync(join({ rootFingerprint: 'another' }), { message: /node node-\d is not let in: the root secret is another$/ })
    await t.throwsAsync(join({ deliveryKey: 'no key!' }), { message: /the request has no deliveryKey/ })
    await join({})
    t.false(Buffer.from(taken[0]!).includes('root of the partitions'))
    t.is(Buffer.from(receive(key, address(index).name, taken[0]!).expose()).toString(), 'root of the partitions')
    t.is((await stat(clusterPaths(folderOf(index)).tls.privateKey)).mode & 0o777, 0o600)
    await start(index)
    await untilHealthy(nodes[index]!.node.member)
  }
  const state = await first.node.state()
  t.true(state.majority)
  t.deepEqual(state.members.map(({ name }) => name).sort(), ['node-1', 'node-2', 'node-3'])
  t.is(state.members.filter(({ role }) => role === 'leader').length, 1)
  t.is(state.members.filter(({ role }) => role === 'follower').length, 2)
  for (const { node, replica } of nodes) {
    await node.ledger.barrier()
    t.is(replica.read(objectPlace('early'))?.value.toString(), 'v')
  }
  t.is((await nodes[2]!.node.ledger.commit(objectChange('late', 'v', 0))).outcome, 'committed')
  await first.node.ledger.barrier()
  t.is(first.replica.read(objectPlace('late'))?.value.toString(), 'v')

  const before = (await first.node.state()).members.length
  const picky = { deliveryKey: newDeliveryKey().publicKey, take: () => Promise.reject(new Error('not for me')) }
  const another = await invite(folderOf(0), { endpoint: listenerOf() })
  await t.throwsAsync(joinCluster(join(folder, 'picky'), another, { ...address(0), name: 'picky' }, { secrets: picky }), {
    message: 'not for me',
  })
  t.is((await first.node.state()).members.length, before, 'who cannot use the secrets takes no place')
  await t.throwsAsync(joinCluster(join(folder, 'fourth'), token, { ...address(0), name: 'node-4' }), {
    message: /used up by another node; make a new token/,
  })
})

test.serial('the first node finds the others when its own member is gone', async (t) => {
  const knowsAll = async () => (await readMembership(folderOf(0)))?.endpoints.length === 3
  for (let waited = 0; !(await knowsAll()) && waited < 600; waited++) await new Promise((resolve) => setTimeout(resolve, 100))
  await nodes[0]!.node.member.stop()
  await nodes[0]!.node.ledger.barrier()
  t.is((await nodes[0]!.node.ledger.commit(objectChange('without-own-member', 'v', 0))).outcome, 'committed')
  t.regex(nodes[0]!.node.problems().join(), /etcd is not running/)
})

test.serial('a token that is wrong is refused, saying why', async (t) => {
  const token = await invite(folderOf(0), { endpoint: listenerOf() })
  const good = decodeJoinToken(token, new Date())
  const target = join(folder, 'stranger')
  const node = { ...address(0), name: 'stranger' }
  await t.throwsAsync(joinCluster(target, token.slice(0, -3), node), { message: /incomplete or was altered/ })
  await t.throwsAsync(joinCluster(target, token, node, { now: new Date(Date.now() + 2 * 3600_000) }), { message: /expired at/ })
  await t.throwsAsync(joinCluster(target, encodeJoinToken({ ...good, fingerprint: Buffer.alloc(32) }), node), {
    message: /another fingerprint/,
  })
  await t.throwsAsync(joinCluster(target, encodeJoinToken({ ...good, secret: Buffer.alloc(32) }), node), {
    message: /gave no such invitation/,
  })
  await t.throwsAsync(joinCluster(target, encodeJoinToken({ ...good, endpoint: '127.0.0.1:1' }), node), { message: /is the node running/ })
  await t.throwsAsync(joinCluster(target, token, { ...node, name: 'a b' }), { message: /node name/ })
  await t.throwsAsync(joinCluster(target, token, { ...node, peerUrl: 'http://x' }), { message: /must be https/ })
  await t.throwsAsync(joinCluster(target, token, { ...node, name: 'node-2' }), { message: /a node named node-2 already/ })
  await t.throwsAsync(stat(clusterPaths(target).membership), { code: 'ENOENT' })
})

test.serial('a node whose join listener cannot have its port leaves nothing running behind', async (t) => {
  const [peer, client] = (await freePorts(2)) as [number, number]
  const alone = join(folder, 'alone')
  const [peerUrl, clientUrl] = [`https://127.0.0.1:${peer}`, `https://127.0.0.1:${client}`]
  await initCluster(alone, { name: 'alone', peerUrl, clientUrl }, certify)
  const taken = { host: '127.0.0.1', port: nodes[0]!.node.joinListener!.address.port, certify }
  await t.throwsAsync(startClusterNode({ folder: alone, replica: memoryReplica(), join: taken }), { code: 'EADDRINUSE' })
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(client, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
  })
  t.false(answers, 'etcd still runs')
})
