import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { EtcdClient, openEtcdLedger } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { clusterState } from '../../src/cluster/membership.ts'
import { startNodeWatch } from '../../src/cluster/node-watch.ts'
import { SpaceKeeper, type SpaceThresholds } from '../../src/cluster/space-keeper.ts'
import { objectChange } from '../support/change-sets.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

const mebibyte = 1024 ** 2
const smallest: SpaceThresholds = { bytes: 4 * mebibyte, share: 0.5, pressure: 0.75, pressedShare: 0.1 }

/** Overwrites one key so many times; what was overwritten stays in the file until it is compacted. */
async function overwrite(client: EtcdClient, mebibytes: number): Promise<number> {
  let revision = 0
  for (let n = 0; n < mebibytes; n++) {
    const { header } = await client.put({ key: Buffer.from('filler'), value: randomBytes(mebibyte) }, { deadline: 20_000 })
    revision = Number(header.revision)
  }
  return revision
}

async function until(look: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(50)) if (await look()) return
  throw new Error(`in a minute never: ${what}`)
}

test.serial('a full etcd: keys can be read, changes are refused with the reason, room is made and everything goes on', async (t) => {
  const quota = 24 * mebibyte
  const etcd = await startEtcdCluster(1, () => {}, quota)
  const client = etcd.client()
  const ledger = openEtcdLedger({ endpoints: etcd.endpoints, tls: etcd.tls, node: 'n1', replica: memoryReplica() })
  const lines: string[] = []
  const watch = (spaceInterval: number) =>
    startNodeWatch({
      client,
      keys: new Keys(),
      node: 'n1',
      ledger,
      log: (level, message) => lines.push(`${level} ${message}`),
      member: { process: etcd.members[0]!, quota },
      choices: { spaceInterval, spaceThresholds: smallest },
    })
  const idle = watch(3600_000)
  try {
    t.is((await ledger.commit(objectChange('before', 'v', 0))).outcome, 'committed')
    await until(() => idle.problems().length === 0, 'no problems at the start')
    const full = await t.throwsAsync(overwrite(client, 40))
    t.regex(full.message, /database space exceeded/)
    await until(() => /NOSPACE, \d+ bytes of 25165824\): keys can be used, nothing can be changed/.test(idle.problems().join()), 'NOSPACE')
    t.is(idle.gauges().etcd_no_space, 1)
    await ledger.barrier()
    await t.throwsAsync(ledger.commit(objectChange('during', 'v', 0)), { message: /^Nothing was changed: .*full \(NOSPACE\)/ })
    const late = openEtcdLedger({ endpoints: etcd.endpoints, tls: etcd.tls, node: 'n2', replica: memoryReplica() })
    await t.throwsAsync(late.commit(objectChange('late', 'v', 0)), { message: /^Nothing was changed: .*full \(NOSPACE\)/ })
    await late.close()
    await idle.close()

    const working = watch(100)
    try {
      await until(() => working.problems().length === 0, 'room')
      t.true(lines.some((line) => /^info etcd's database has room again: \d+ of 25165824 bytes/.test(line)))
      t.is(working.counters().etcd_defragmentations_total, 1)
      t.is((await ledger.commit(objectChange('after', 'v', 0))).outcome, 'committed')
    } finally {
      await working.close()
    }
  } finally {
    await ledger.close()
    await etcd.close()
  }
})

test.serial('members are defragmented one at a time, the leader last, only while all are well, and nobody waits for it', async (t) => {
  const etcd: EtcdCluster = await startEtcdCluster(3)
  const log: string[] = []
  const clients = [0, 1, 2].map((index) => new EtcdClient({ endpoints: etcd.endpointsOf(index), tls: etcd.tls }))
  const [client] = clients as [EtcdClient]
  let working = 0
  let most = 0
  const order: { readonly index: number; readonly leads: boolean }[] = []
  const keepers: SpaceKeeper[] = []
  const ledger = openEtcdLedger({ endpoints: etcd.endpoints, tls: etcd.tls, node: 'n1', replica: memoryReplica() })
  try {
    await client.compact(await overwrite(client, 12), { deadline: 10_000 })
    await until(async () => {
      // What was compacted counts as free once something was written after it.
      await client.put({ key: Buffer.from('little'), value: Buffer.of(1) }, { deadline: 20_000 })
      const { members } = await clusterState(client)
      return members.every(({ databaseSize = 0, databaseInUse = 0 }) => databaseSize - databaseInUse > smallest.bytes)
    }, 'files with much room in them')
    const { members } = await clusterState(client)
    const down = Number(members.find(({ role }) => role === 'follower')!.name.slice(1)) - 1
    await etcd.kill(down)
    for (const index of [0, 1, 2]) {
      keepers.push(
        new SpaceKeeper({
          client: clients[index]!,
          keys: new Keys(),
          node: `n${index + 1}`,
          quota: 1024 * mebibyte,
          log: (_, message) => {
            if (/was rewritten/.test(message)) log.push(message)
          },
          withoutOwnMember: async (work) => {
            most = Math.max(most, ++working)
            const { leader, header } = await clients[index]!.status({ deadline: 20_000, endpoint: 0 })
            order.push({ index, leads: leader === header.memberId })
            await clients[index]!.without(0, work).finally(() => working--)
          },
          thresholds: smallest,
          interval: 100,
        }),
      )
    }
    await sleep(1500)
    t.deepEqual(log, [], 'none while a member is down')
    await etcd.revive(down)
    let slowest = 0
    await until(async () => {
      const began = performance.now()
      await ledger.barrier()
      slowest = Math.max(slowest, performance.now() - began)
      return log.length >= 3
    }, 'all three defragmented')
    t.is(most, 1)
    t.deepEqual(order.map(({ index }) => index).sort(), [0, 1, 2])
    t.false(
      order.slice(0, 2).some(({ leads }) => leads),
      'the leader does it when no other needs it any more',
    )
    t.log(`slowest barrier meanwhile ${Math.round(slowest)} ms`)
    const after = await clusterState(client)
    for (const { databaseSize = Number.POSITIVE_INFINITY } of after.members) t.true(databaseSize < 8 * mebibyte)
  } finally {
    await Promise.all(keepers.map((keeper) => keeper.close()))
    await ledger.close()
    for (const one of clients) one.close()
    await etcd.close()
  }
})
