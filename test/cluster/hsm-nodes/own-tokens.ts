import type { TestFn } from 'ava'
import { callAdmin } from '../../../src/admin/index.ts'
import { Client, type Credentials, type KmipError } from '../../../src/client/index.ts'
import { createPkcs11Partition, exportKek, importKek, requestKek } from '../../../src/partitions/index.ts'
import { type HsmCluster, tokenObjects, until } from '../../support/hsm-cluster.ts'
import { newKey } from '../../support/key-lives.ts'

const officerPin = '87654321'

/** A partition whose token is another at the second node. */
export function ownTokensOfNodes(test: TestFn, nodes: () => HsmCluster): void {
  const token = (label: string) => nodes().token(label)
  const carry = async (from: string, to: string) => {
    const target = token(to)
    await importKek(target, await exportKek(token(from), officerPin, await requestKek(target)), 'carried')
  }
  const keks = async (label: string) => (await tokenObjects(token(label))).filter((name) => name.startsWith('tresor-kek-')).join()

  test.serial(
    'own tokens: a node serves with keys that were carried to its token; after a turn it refuses until they are carried again, and each destroys its old KEK',
    async (t) => {
      const { uniqueIdentifiers, values, credentials, clients } = await served()
      const definition = async () => (await callAdmin(nodes().node(0).data, 'partition.turn-state', { partition: 'each' })) as TurnState
      await callAdmin(nodes().node(0).data, 'partition.turn', { partition: 'each' })
      const epoch = await until('the end of the turn', async () => {
        const { turn, epoch: now } = await definition()
        return turn === null && now
      })
      // The node that did the turn has the KEK in its token; in the other's there is the old one still.
      const kek = `tresor-kek-${epoch}`
      const [ahead, behind] = (await keks('each')) === kek ? (['each', 'each-second'] as const) : (['each-second', 'each'] as const)
      t.is(await keks(ahead), kek)
      t.regex(await keks(behind), /^tresor-kek-1\b/)
      const isBehind = (index: number) => (index === 1) === (behind === 'each-second')
      for (const [index, client] of clients.entries()) {
        const asked = client.call('Get', { uniqueIdentifier: uniqueIdentifiers[0]! })
        if (isBehind(index)) {
          const refusal = await t.throwsAsync<KmipError>(asked)
          t.is(refusal?.reason, 'GeneralFailure')
          t.regex(
            refusal?.message ?? '',
            new RegExp(`The token of partition each has no KEK of epoch ${epoch}: .*the KEK was not brought here`),
          )
        } else t.deepEqual(await asked, values[0])
      }
      // A client that knows all nodes is served, whichever it asks first.
      for (const index of [0, 1, 2]) {
        const endpoints = [index, index + 1, index + 2].map((one) => nodes().node(one % 3).endpoint)
        const client = new Client({ endpoints, ...credentials })
        t.teardown(() => client.close())
        t.deepEqual(await client.call('Get', { uniqueIdentifier: uniqueIdentifiers[1]! }), values[1])
      }
      await until('what partition show says of the nodes behind', async () => {
        const shown = await holdings(isBehind(0) ? 1 : 0)
        return shown.every(({ problem, epochs }, index) =>
          isBehind(index) ? /no KEK of epoch/.test(problem ?? '') : epochs === String(epoch),
        )
      })

      await carry(ahead, behind)
      for (const [index, client] of clients.entries()) {
        await until(`node ${index} serves`, () =>
          client.call('Query', { queryFunctions: ['QueryOperations'] }).then(
            () => true,
            () => false,
          ),
        )
        for (const [position, uniqueIdentifier] of uniqueIdentifiers.entries())
          t.deepEqual(await client.call('Get', { uniqueIdentifier }), values[position])
        await client.call('Create', newKey(`after-${index}`))
      }
      await until('each has destroyed its old KEK', async () => (await keks(behind)) === kek)
      t.is(await keks(ahead), kek)
      await until('what partition show says', async () =>
        (await holdings(0)).every(({ problem, epochs }) => problem === undefined && epochs === String(epoch)),
      )
    },
  )

  async function served() {
    await createPkcs11Partition(token('each'), 'carried')
    await carry('each', 'each-second')
    const credentials: Credentials = await nodes().addTenant('each')
    const clients = [0, 1, 2].map((index) => nodes().client(index, credentials))
    const uniqueIdentifiers: string[] = []
    const values: unknown[] = []
    for (const [index, client] of clients.entries()) {
      await until(`node ${index} serves`, () =>
        client.call('Query', { queryFunctions: ['QueryOperations'] }).then(
          () => true,
          () => false,
        ),
      )
      const { uniqueIdentifier } = await client.call('Create', newKey(`before-${index}`))
      uniqueIdentifiers.push(String(uniqueIdentifier))
    }
    for (const uniqueIdentifier of uniqueIdentifiers) values.push(await (clients[1] as Client).call('Get', { uniqueIdentifier }))
    return { uniqueIdentifiers, values, credentials, clients }
  }

  async function holdings(index: number) {
    const { nodes: told } = (await callAdmin(nodes().node(index).data, 'partition.show', { partition: 'each' })) as {
      readonly nodes: readonly { readonly node: string; readonly problem?: string; readonly epochs?: string }[]
    }
    return told.toSorted((one, other) => one.node.localeCompare(other.node))
  }
}

interface TurnState {
  readonly epoch: number
  readonly turn: object | null
}
