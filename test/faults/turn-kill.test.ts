import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { settle } from '../support/key-lives.ts'
import { Load } from '../support/load.ts'
import { type ServedNode, startServedNode } from '../support/served-node.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
let node: ServedNode

test.before(async () => {
  node = await startServedNode({ workers: 1, log: { level: 'error' } })
})

test.after.always(async () => {
  await node?.remove()
  hsm.remove()
})

const rounds = 3

interface TurnState {
  readonly epoch: number
  readonly turn: { readonly problem?: string } | null
}

const state = async (partition: string) => (await callAdmin(node.data, 'partition.turn-state', { partition })) as TurnState

test.serial(
  'a node is killed in the middle of epoch turns, under load: they end, on both kinds of partition, and no key is lost',
  async (t) => {
    const token = hsm.token('bank')
    await createPkcs11Partition({ name: 'bank', ...token })
    const { token: label, ...place } = token
    await callAdmin(node.data, 'partition.add', { partition: 'bank', token: label, ...place })
    await callAdmin(node.data, 'tenant.add', { tenant: 'bank', partition: 'bank' })
    const tenants = [
      { name: 'demo', credentials: node.credentials, load: new Load() },
      { name: 'bank', credentials: await enrollAt(node.data, 'bank', 'app'), load: new Load() },
    ]
    const clients = (credentials: ServedNode['credentials'], count: number) => {
      const all = Array.from({ length: count }, () => new Client({ endpoints: [node.endpoint], ...credentials, connectionsPerNode: 1 }))
      t.teardown(() => all.forEach((client) => void client.close()))
      return all
    }
    let stopped = 0
    for (let round = 1; round <= rounds; round++) {
      for (const { credentials, load } of tenants) load.start(clients(credentials, 4))
      await sleep(round === 1 ? 1000 : 200)
      for (const { name } of tenants) await callAdmin(node.data, 'partition.turn', { partition: name })
      // Once in the very beginning, when there is most left to do.
      if (round > 1) await sleep(Math.random() * 600)
      await node.process.kill()
      for (const { load } of tenants) await load.stop()
      await node.process.start()
      // What was claimed by the process that is gone rests for a while.
      for (const { name } of tenants) if ((await state(name)).turn !== null) stopped++
      for (const { name, credentials, load } of tenants) {
        t.deepEqual(await settle(clients(credentials, 2), load.lives), [], `${name} after kill ${round}`)
      }
    }
    for (const { name, credentials, load } of tenants) {
      for (let now = await state(name); now.turn !== null; now = await state(name)) {
        t.is(now.turn.problem, undefined)
        await sleep(100)
      }
      const { details, epoch } = (await callAdmin(node.data, 'partition.show', { partition: name })) as {
        readonly epoch: number
        readonly details: { readonly epochs: string }
      }
      t.true(epoch > 1, `${epoch}`)
      t.is(details.epochs, `${epoch}`, 'the KEKs of earlier epochs are destroyed')
      t.deepEqual(await settle(clients(credentials, 2), load.lives), [])
    }
    t.true(stopped > 0, 'turns were stopped in the middle')
    t.is(readdirSync(join(node.data, 'epoch-secrets')).length, 1)
    t.log(`${stopped} of ${rounds * tenants.length} turns were stopped; ${tenants.map(({ load }) => load.lives.length).join(' and ')} keys`)
  },
)
