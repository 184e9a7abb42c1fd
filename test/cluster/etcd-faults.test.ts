import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { type EtcdLedger, openEtcdLedger } from '../../src/cluster/index.ts'
import { objectChange, objectPlace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster, untilHealthy } from '../support/etcd-cluster.ts'
import { type MemoryReplica, memoryReplica } from '../support/memory-replica.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let cluster: EtcdCluster
let nodes: { ledger: EtcdLedger; replica: MemoryReplica }[] = []

test.before(async () => {
  cluster = await startEtcdCluster(3)
  nodes = [0, 1, 2].map((index) => {
    const replica = memoryReplica()
    return { replica, ledger: openEtcdLedger({ endpoints: cluster.endpointsOf(index), tls: cluster.tls, node: `n${index}`, replica }) }
  })
  await Promise.all(nodes.map(({ ledger }) => ledger.barrier()))
})
test.after.always(async () => {
  await Promise.all(nodes.map(({ ledger }) => ledger.close()))
  await cluster?.close()
})

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 60_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (performance.now() > end) throw new Error(`in a minute there was never ${what}`)
}

test.serial('what is committed on one node is seen on each after its barrier, at once', async (t) => {
  for (let round = 0; round < 30; round++) {
    const id = `everywhere-${round}`
    t.is((await nodes[round % 3]!.ledger.commit(objectChange(id, 'v', 0))).outcome, 'committed')
    await Promise.all(nodes.map(({ ledger }) => ledger.barrier()))
    for (const { replica } of nodes) t.is(replica.read(objectPlace(id))?.value.toString(), 'v')
  }
})

test.serial('while members are killed one after the other, nodes go on, and nothing acknowledged is lost', async (t) => {
  const acknowledged: string[] = []
  let running = true
  const outcomes = new Map<string, number>()
  const writers = nodes.map(async ({ ledger }, node) => {
    for (let count = 0; running; count++) {
      const id = `kept-${node}-${count}`
      try {
        const { outcome } = await ledger.commit(objectChange(id, 'v', 0))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        if (outcome !== 'committed') continue
        acknowledged.push(id)
        const reader = nodes[(node + 1) % 3]!
        await reader.ledger.barrier()
        t.truthy(reader.replica.read(objectPlace(id)), `${id} was acknowledged on node ${node} and not seen after a barrier`)
      } catch (error) {
        if (!(error instanceof KmipError)) throw error
        outcomes.set('refused', (outcomes.get('refused') ?? 0) + 1)
      }
    }
  })
  for (const member of [0, 1, 2]) {
    await new Promise((resolve) => setTimeout(resolve, 700))
    await cluster.kill(member)
    const before = acknowledged.length
    await until(() => acknowledged.length > before, `a commit after member ${member} was killed`)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await cluster.revive(member)
    await untilHealthy(cluster.members[member]!)
  }
  running = false
  await Promise.all(writers)
  t.is(outcomes.get('conflict') ?? 0, 0, 'a change set conflicted with its own earlier attempt')
  await Promise.all(nodes.map(({ ledger }) => ledger.barrier()))
  for (const { replica } of nodes) {
    t.deepEqual(
      acknowledged.filter((id) => replica.read(objectPlace(id)) === undefined),
      [],
    )
  }
  t.log(`${acknowledged.length} acknowledged; outcomes ${JSON.stringify(Object.fromEntries(outcomes))}`)
})

test.serial('a member that is paused holds up its node no longer than a barrier may take', async (t) => {
  const paused = cluster.members[0]!.pid!
  process.kill(paused, 'SIGSTOP')
  try {
    const id = 'while-paused'
    t.is((await nodes[1]!.ledger.commit(objectChange(id, 'v', 0))).outcome, 'committed')
    await nodes[0]!.ledger.barrier()
    t.truthy(nodes[0]!.replica.read(objectPlace(id)))
  } finally {
    process.kill(paused, 'SIGCONT')
  }
  await untilHealthy(cluster.members[0]!)
})

test.serial('a watch that was lost, and finds the next member silent, leaves that one too', async (t) => {
  const ports = cluster.endpoints.map((endpoint) => Number(new URL(endpoint).port))
  const proxies = await Promise.all(ports.map((port) => TcpProxy.start(port)))
  const replica = memoryReplica()
  const endpoints = proxies.map(({ port }) => `https://127.0.0.1:${port}`)
  const ledger = openEtcdLedger({ endpoints, tls: cluster.tls, node: 'behind-proxies', replica })
  try {
    await ledger.barrier()
    const [own, silent] = proxies as [TcpProxy, TcpProxy]
    silent.holdAnswers()
    await own.close()
    const id = 'next-is-silent'
    t.is((await nodes[2]!.ledger.commit(objectChange(id, 'v', 0))).outcome, 'committed')
    await ledger.barrier()
    t.truthy(replica.read(objectPlace(id)))
  } finally {
    await ledger.close()
    await Promise.all(proxies.map((proxy) => proxy.close()))
  }
})

test.serial('without a majority no barrier passes and nothing is committed; both come back with it', async (t) => {
  await Promise.all([cluster.kill(1), cluster.kill(2)])
  const { ledger } = nodes[0]!
  const [barrier, commit] = await Promise.allSettled([ledger.barrier(), ledger.commit(objectChange('minority', 'v', 0))])
  t.is(barrier.status, 'rejected')
  t.regex(barrier.status === 'rejected' ? barrier.reason.message : '', /no majority/)
  t.true(commit.status === 'rejected' || commit.value.outcome === 'unknown')
  t.regex(ledger.problem() ?? '', /no majority/)
  t.is(barrier.status === 'rejected' && barrier.reason.retry, 'another-node')
  // What is known already is answered promptly, again and again.
  const waits = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 150))
      const asked = performance.now()
      await t.throwsAsync(ledger.barrier(), { message: /no majority/ })
      return performance.now() - asked
    }),
  )
  // A barrier waits three seconds in vain; a busy machine is late with some of them.
  const [middle = 0] = waits.sort((a, b) => a - b).slice(5)
  t.true(middle < 1500, `refused after ${waits.map(Math.round)} ms`)
  await Promise.all([cluster.revive(1), cluster.revive(2)])
  await Promise.all([untilHealthy(cluster.members[1]!), untilHealthy(cluster.members[2]!)])
  await ledger.barrier()
  // The watch may take a moment longer than the barrier, which had nothing to wait for.
  await until(() => ledger.problem() === undefined, 'a ledger without a problem')
  t.is((await ledger.commit(objectChange('majority', 'v', 0))).outcome, 'committed')
})

test.serial('a cluster that was put back to an earlier state is not taken for the one that a node has followed', async (t) => {
  const etcd = await startEtcdCluster(1)
  const replica = memoryReplica()
  const options = { endpoints: etcd.endpoints, tls: etcd.tls }
  const ledger = openEtcdLedger({ ...options, node: 'follower', replica })
  try {
    for (const id of ['a', 'b', 'c']) t.is((await ledger.commit(objectChange(id, 'v', 0))).outcome, 'committed')
    await ledger.barrier()
    await etcd.kill(0)
    await rm(join(etcd.folder, 'n1'), { recursive: true })
    await etcd.revive(0)
    await untilHealthy(etcd.members[0]!)
    let why = ''
    // None may pass in between: the node would answer with what is no more.
    for (const end = performance.now() + 60_000; !/put back/.test(why); ) {
      if (performance.now() > end) throw new Error(`in a minute it was only refused because: ${why}`)
      why = (await t.throwsAsync(ledger.barrier(), { instanceOf: KmipError }))?.message ?? 'not at all'
    }
    t.regex(why, /: the cluster was put back to an earlier state, .*Restart it/)
    t.regex(ledger.problem() ?? '', /^the cluster was put back/)
    await t.throwsAsync(ledger.commit(objectChange('d', 'v', 0)), { message: /put back/ })
  } finally {
    await ledger.close()
    await etcd.close()
  }
})
