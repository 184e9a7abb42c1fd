import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { type EtcdLedger, type EtcdLedgerOptions, openEtcdLedger } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { changeSet, objectChange, objectPlace } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster, untilHealthy } from '../support/etcd-cluster.ts'
import { type MemoryReplica, memoryReplica } from '../support/memory-replica.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let cluster: EtcdCluster
const ledgers: EtcdLedger[] = []

test.before(async () => {
  cluster = await startEtcdCluster(1)
})
test.after.always(async () => {
  await Promise.all(ledgers.map((ledger) => ledger.close()))
  await cluster?.close()
})

let nodes = 0
function open(options: Partial<EtcdLedgerOptions> = {}): { ledger: EtcdLedger; replica: MemoryReplica } {
  const replica = memoryReplica()
  const ledger = openEtcdLedger({ endpoints: cluster.endpoints, tls: cluster.tls, node: `node-${nodes++}`, replica, ...options })
  ledgers.push(ledger)
  return { ledger, replica }
}

const directPort = () => Number(new URL(cluster.endpoints[0]!).port)
const keys = new Keys()
async function versionOf(id: string): Promise<string | undefined> {
  const { kvs } = await cluster.client().range({ key: keys.of(objectPlace(id)), limit: 1 }, { deadline: 5000 })
  return kvs[0]?.version
}

test.serial('a commit is seen by the barrier of another node', async (t) => {
  const [one, two] = [open(), open()]
  for (let round = 0; round < 20; round++) {
    const outcome = await one.ledger.commit(objectChange(`seen-${round}`, 'v', 0))
    t.is(outcome.outcome, 'committed')
    await two.ledger.barrier()
    t.is(two.replica.read(objectPlace(`seen-${round}`))?.revision, outcome.outcome === 'committed' ? outcome.revision : 0)
  }
})

test.serial('each of many concurrent sets has its own outcome; a conflict names the place', async (t) => {
  const { ledger } = open()
  const first = await ledger.commit(objectChange('taken', 'v', 0))
  t.is(first.outcome, 'committed')
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      ledger.commit(index % 10 === 0 ? objectChange('taken', 'w', 0) : objectChange(`many-${index}`, 'v', 0)),
    ),
  )
  for (const [index, outcome] of outcomes.entries()) {
    if (index % 10 === 0) t.deepEqual(outcome, { outcome: 'conflict', place: objectPlace('taken') })
    else t.is(outcome.outcome, 'committed')
  }
})

test.serial('one of several concurrent changes to a place wins', async (t) => {
  const { ledger, replica } = open()
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => ledger.commit(objectChange('race', `${index}`, 0))))
  t.is(outcomes.filter(({ outcome }) => outcome === 'committed').length, 1)
  await ledger.barrier()
  t.is(replica.read(objectPlace('race'))?.value.toString(), `${outcomes.findIndex(({ outcome }) => outcome === 'committed')}`)
})

test.serial('a removal is a change of its own', async (t) => {
  const { ledger, replica } = open()
  const made = await ledger.commit(objectChange('removed', 'v', 0))
  t.is(made.outcome, 'committed')
  const guards = [{ place: objectPlace('removed'), revision: made.outcome === 'committed' ? made.revision : 0 }]
  t.is((await ledger.commit(changeSet([{ place: objectPlace('removed'), value: undefined }], guards))).outcome, 'committed')
  await ledger.barrier()
  t.is(replica.read(objectPlace('removed')), undefined)
  t.is((await ledger.commit(objectChange('removed', 'again', 0))).outcome, 'committed')
})

test.serial('what is too large for etcd is refused by name before it is sent', async (t) => {
  const { ledger } = open()
  const error = await t.throwsAsync(ledger.commit(objectChange('large', 'x'.repeat(2_000_000), 0)), { instanceOf: KmipError })
  t.regex(error.message, /send fewer batch items/)
})

test.serial('an answer that was lost is settled: the change is found committed, once', async (t) => {
  const proxy = await TcpProxy.start(directPort())
  const { ledger } = open({ endpoints: [`https://127.0.0.1:${proxy.port}`, cluster.endpoints[0]!], timing: { attempt: 500 } })
  await ledger.barrier()
  proxy.holdAnswers()
  const outcome = await ledger.commit(objectChange('lost-answer', 'v'))
  t.is(outcome.outcome, 'committed')
  t.is(await versionOf('lost-answer'), '1')
  await proxy.close()
})

test.serial('a request that was lost is sent again, and is harmless when it arrives after all', async (t) => {
  const proxy = await TcpProxy.start(directPort())
  const { ledger } = open({ endpoints: [`https://127.0.0.1:${proxy.port}`, cluster.endpoints[0]!], timing: { attempt: 500 } })
  await ledger.barrier()
  proxy.holdRequests()
  // No guard protects this one from being applied twice: the fence alone does.
  const outcome = await ledger.commit(objectChange('lost-request', 'v'))
  t.is(outcome.outcome, 'committed')
  proxy.release()
  await ledger.barrier()
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.is(await versionOf('lost-request'), '1')
  await proxy.close()
})

test.serial('a commit that cannot be settled is unknown; one that was never sent is refused', async (t) => {
  const proxy = await TcpProxy.start(directPort())
  const { ledger } = open({ endpoints: [`https://127.0.0.1:${proxy.port}`], timing: { attempt: 500, commit: 4000, barrier: 4000 } })
  await ledger.barrier()
  t.is((await ledger.commit(objectChange('before', 'v', 0))).outcome, 'committed')
  proxy.holdAnswers()
  const sent = ledger.commit(objectChange('unsettled', 'v', 0))
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const neverSent = ledger.commit(objectChange('never-sent', 'v', 0))
  t.is((await sent).outcome, 'unknown')
  await t.throwsAsync(neverSent, { instanceOf: KmipError, message: /^Nothing was changed/ })
  t.is(await versionOf('never-sent'), undefined)
  await t.throwsAsync(ledger.barrier(), { instanceOf: KmipError, message: /no majority/ })
  t.regex(ledger.problem() ?? '', /no majority/)
  proxy.release()
  await t.notThrowsAsync(untilServing(ledger))
  t.is((await ledger.commit(objectChange('after', 'v', 0))).outcome, 'committed')
  await proxy.close()
})

test.serial('a node that starts a second time cuts off its first life', async (t) => {
  const first = open({ node: 'twin' })
  t.is((await first.ledger.commit(objectChange('twin-1', 'v', 0))).outcome, 'committed')
  const second = open({ node: 'twin' })
  t.is((await second.ledger.commit(objectChange('twin-2', 'v', 0))).outcome, 'committed')
  await t.throwsAsync(first.ledger.commit(objectChange('twin-3', 'v', 0)), {
    instanceOf: KmipError,
    message: /another process runs as node twin/,
  })
  t.regex(first.ledger.problem() ?? '', /another process/)
  t.is(await versionOf('twin-3'), undefined)
})

test.serial('a replica follows on after etcd was killed', async (t) => {
  // Long enough for etcd to be started again on a busy machine.
  const { ledger, replica } = open({ timing: { commit: 60_000 } })
  t.is((await ledger.commit(objectChange('restart-1', 'v', 0))).outcome, 'committed')
  process.kill(cluster.members[0]!.pid!, 'SIGKILL')
  const outcome = await ledger.commit(objectChange('restart-2', 'v', 0))
  t.is(outcome.outcome, 'committed')
  await untilHealthy(cluster.members[0]!)
  await untilServing(ledger)
  t.deepEqual(
    ['restart-1', 'restart-2'].map((id) => replica.read(objectPlace(id))?.value.toString()),
    ['v', 'v'],
  )
})

test.serial('a replica whose history was compacted is copied at one revision, removals included', async (t) => {
  const writer = open()
  t.is((await writer.ledger.commit(objectChange('old', 'v', 0))).outcome, 'committed')
  const away = open()
  await away.ledger.barrier()
  await away.ledger.close()
  const last = await writer.ledger.commit(changeSet([{ place: objectPlace('old'), value: undefined }]))
  for (let index = 0; index < 1500; index += 50) {
    await writer.ledger.commit(
      changeSet(Array.from({ length: 50 }, (_, at) => ({ place: objectPlace(`bulk-${index + at}`), value: Buffer.from('b') }))),
    )
  }
  const newest = await writer.ledger.commit(objectChange('new', 'v', 0))
  t.is(last.outcome, 'committed')
  t.is(newest.outcome, 'committed')
  await cluster.client().compact(newest.outcome === 'committed' ? newest.revision : 0, { deadline: 5000 })
  const back = open({ replica: away.replica })
  await untilServing(back.ledger)
  t.is(away.replica.read(objectPlace('old')), undefined)
  t.is(away.replica.read(objectPlace('bulk-1499'))?.value.toString(), 'b')
  t.is(away.replica.read(objectPlace('new'))?.revision, newest.outcome === 'committed' ? newest.revision : 0)
  const change = await back.ledger.commit(objectChange('bulk-0', 'c', away.replica.read(objectPlace('bulk-0'))!.revision))
  t.is(change.outcome, 'committed')
})

/** Waits until a barrier passes. */
async function untilServing(ledger: EtcdLedger): Promise<void> {
  for (const end = performance.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    try {
      return await ledger.barrier()
    } catch (error) {
      if (performance.now() > end) throw error
    }
  }
}

test.serial('a replica whose copying was interrupted is copied anew', async (t) => {
  const writer = open()
  t.is((await writer.ledger.commit(objectChange('whole-1', 'v', 0))).outcome, 'committed')
  const replica = memoryReplica()
  let copied = 0
  const dying: MemoryReplica = {
    ...replica,
    async copy(ranges, entries, kept) {
      if (++copied > 1) throw new Error('the disk is gone')
      await replica.copy(ranges, entries, kept)
    },
  }
  const broken = open({ replica: dying })
  while (copied <= 1) await new Promise((resolve) => setTimeout(resolve, 20))
  t.regex(broken.ledger.problem() ?? '', /being copied|not met|no majority/)
  await broken.ledger.close()
  t.true(replica.revision() > 0)
  t.is(replica.read(objectPlace('whole-1')), undefined)
  const again = open({ replica })
  await untilServing(again.ledger)
  t.truthy(replica.read(objectPlace('whole-1')))
  t.is(replica.size, writer.replica.size)
})
