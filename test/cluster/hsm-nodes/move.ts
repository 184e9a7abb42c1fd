import type { TestFn } from 'ava'
import { callAdmin } from '../../../src/admin/index.ts'
import type { Client } from '../../../src/client/index.ts'
import { createPkcs11Partition } from '../../../src/partitions/index.ts'
import { decodeRecord, splitSeal, systemSpace, tenantSpace } from '../../../src/store/index.ts'
import { Registry } from '../../../src/tenants/index.ts'
import { type HsmCluster, tokenObjects, until } from '../../support/hsm-cluster.ts'
import { newKey, settle } from '../../support/key-lives.ts'
import { Load } from '../../support/load.ts'

interface MoveState {
  readonly partition: string
  readonly move: { readonly seen: number; readonly total: number; readonly rewrapped: number; readonly problem?: string } | null
}

/** Several of the pages by which they are moved. */
const idle = 250

/** A tenant moves from software into a token that all nodes share, and nodes are killed in the middle: first one, then all. */
export function moveOfNodes(test: TestFn, nodes: () => HsmCluster): void {
  test.serial(
    'move: nodes are killed in the middle of it, under load: others go on, no answered key is lost, none that was destroyed is back, and all end in the token',
    async (t) => {
      const { shim } = nodes()
      await createPkcs11Partition(nodes().token('vault'))
      await nodes().addTenant('vault')
      await callAdmin(nodes().node(0).data, 'tenant.add', { tenant: 'mover' })
      const credentials = await nodes().enroll('mover', 'app')
      const client = (index: number, connections?: number) => nodes().client(index, credentials, connections)
      const patient = [0, 1, 2].map((index) => nodes().patientClient(index, credentials, 4))
      const stored = patient[0] as Client
      const ids = await Promise.all(
        Array.from({ length: idle }, async (_, count) => (await stored.call('Create', newKey(`idle-${count}`))).uniqueIdentifier),
      )
      const load = new Load()
      // A node that has just lost its neighbours may not know for a moment.
      const state = (index: number) =>
        until(`node ${index} answers`, async () => {
          const asked = callAdmin(nodes().node(index).data, 'partition.migrate-state', { tenant: 'mover' })
          return (await asked.catch(() => undefined)) as MoveState | undefined
        })
      const values = await Promise.all(ids.slice(0, 20).map((uniqueIdentifier) => stored.call('Get', { uniqueIdentifier })))

      /** Waits until more is moved, holds all nodes back in the middle of a key, and says how much that is. */
      const middle = async (index: number, before: number) => {
        const moved = await until('more that is moved', async () => {
          const { move } = await state(index)
          if (move === null) throw new Error('the move ended before it was stopped')
          return move.rewrapped > before && move.rewrapped
        })
        const held = shim.held()
        shim.hold('C_UnwrapKey', 'before')
        await until('a key on its way', () => shim.held() > held)
        return moved
      }
      const kill = async (...indexes: readonly number[]) => {
        await Promise.all(indexes.map((index) => nodes().node(index).process.kill()))
        shim.heal()
        await load.stop()
      }

      load.start([0, 1, 2].map((index) => client(index)))
      await until('some keys', () => load.answered > 30)
      // So that there is a middle.
      shim.delay(20_000)
      await callAdmin(nodes().node(0).data, 'partition.migrate', { tenant: 'mover', partition: 'vault' })
      // The one that was asked, and has begun: another goes on.
      const first = await middle(1, 0)
      await kill(0)
      load.start([1, 2].map((index) => client(index)))
      const second = await middle(1, first)
      await kill(1, 2)
      shim.delay(0)
      await Promise.all([0, 1, 2].map((index) => nodes().node(index).process.start()))
      t.truthy((await state(0)).move, 'it is not over')
      load.start([0, 1, 2].map((index) => client(index)))
      await until('the end of the move', async () => (await state(2)).move === null)
      await load.stop()
      for (const index of [0, 1, 2]) t.is((await state(index)).partition, 'vault')

      const { ledger, replica } = nodes().further
      await ledger.barrier()
      const { settings } = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
      const [entry] = [...settings.view().tenants.values()].filter(({ value }) => value.id === 'mover')
      const records = replica
        .objectsAfter(tenantSpace(entry!.value.id), '', 100_000)
        .map(({ stored: one }) => decodeRecord(splitSeal(one.value).record))
      t.deepEqual(new Set(records.flatMap(({ key }) => key?.mechanism ?? [])), new Set(['AES_KEY_WRAP_PAD']))
      t.deepEqual(await tokenObjects(nodes().token('vault')), ['tresor-integrity', 'tresor-kek-1'])

      for (const one of patient)
        t.deepEqual(await Promise.all(ids.slice(0, 20).map((uniqueIdentifier) => one.call('Get', { uniqueIdentifier }))), values)
      t.deepEqual(await settle(patient, [...load.lives, ...ids.map(idleLife)]), [])
      t.log(
        `killed when ${first} and ${second} of about ${records.length} objects were moved; ${load.answered} steps were answered meanwhile`,
      )
    },
  )
}

function idleLife(id: unknown, count: number) {
  return { name: `idle-${count}`, path: ['create'] as const, length: 1, id: String(id), done: 1, doubt: false }
}
