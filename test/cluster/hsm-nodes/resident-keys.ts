import type { TestFn } from 'ava'
import { KmipError } from '../../../spec/kmip-error.ts'
import { type Client, ConnectionLost, type Credentials, OutcomeUnknown } from '../../../src/client/index.ts'
import { isResident } from '../../../src/objects/index.ts'
import { createPkcs11Partition, openPkcs11Partition } from '../../../src/partitions/index.ts'
import { systemSpace, tenantSpace } from '../../../src/store/index.ts'
import { Registry, ResidentSweep } from '../../../src/tenants/index.ts'
import { type HsmCluster, tokenObjects, until } from '../../support/hsm-cluster.ts'
import { refusalOf } from '../../support/key-lives.ts'
import { aesKeyWith, named } from '../../support/requests.ts'

const ownKeys = ['tresor-integrity', 'tresor-kek-1']
const label = 'resident'

/** Resident keys on a token that all nodes share. The second test kills the third node, which is up again at its end. */
export function residentKeysOfNodes(test: TestFn, nodes: () => HsmCluster): void {
  let credentials: Credentials
  let clients: readonly Client[]
  const objects = async () => await tokenObjects(nodes().token(label))
  const at = (index: number) => clients[index % 3] as Client

  test.serial('resident keys: made at one node, used at every other, gone from the token when another has answered Destroy', async (t) => {
    await createPkcs11Partition(nodes().token(label))
    credentials = await nodes().addTenant(label)
    clients = [0, 1, 2].map((index) => nodes().patientClient(index, credentials))
    for (const [index, maker] of clients.entries()) {
      await until(
        'its node serves the tenant',
        async () => (await refusalOf(maker.call('Query', { queryFunctions: ['QueryOperations'] }))) === undefined,
      )
      const id = await create(maker, `shared-${index}`)
      t.is((await objects()).length, ownKeys.length + 1)
      for (const user of clients) await encrypt(user, id)
      await destroy(at(index + 1), id)
      t.deepEqual(await objects(), ownKeys)
      t.deepEqual(await Promise.all(clients.map((user) => refusalOf(encrypt(user, id)))), Array(3).fill('ObjectDestroyed'))
    }
  })

  test.serial(
    'resident keys: makers are killed between token and commit; a sweep at another node leaves what has a record, and nothing else',
    async (t) => {
      const { shim } = nodes()
      const partition = await openPkcs11Partition(nodes().token(label))
      const { ledger, replica } = nodes().further
      const { settings } = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
      const sweep = new ResidentSweep({
        ledger,
        replica,
        settings,
        spaceOf: tenantSpace,
        open: async () => partition,
        runOnce: async () => true,
        patience: 0,
        grace: 0,
        log: () => {},
      })
      t.teardown(async () => {
        await sweep.close()
        await partition.close()
      })
      const inToken = async () => (await partition.residents()).map((name) => Buffer.from(name).toString('hex')).sort()
      const recorded = async () => (await at(0).call('Locate', { attributes: [isResident] })).uniqueIdentifiers.map(String)

      const answered: string[] = []
      const making = makeUntilGone(nodes().client(2, credentials, makers), answered)
      await until('keys', () => answered.length >= makers)
      const before = shim.held()
      shim.hold('C_GenerateKey', 'after')
      try {
        await until('a key that is made', () => shim.held() > before)
      } finally {
        await nodes().node(2).process.kill()
        shim.heal()
      }
      await making
      const living = await recorded()
      t.deepEqual(
        answered.filter((id) => !living.includes(id)),
        [],
        'what was answered has a record',
      )
      const [names, found] = [living.map(nameOf).sort(), await inToken()]
      t.deepEqual(
        names.filter((name) => !found.includes(name)),
        [],
        'what has a record is in the token',
      )
      t.true(found.length > names.length, 'a key was made and has no record')
      await sweep.sweep(label)
      t.deepEqual(await inToken(), names)
      await nodes().node(2).process.start()
      for (const [index, id] of living.entries()) {
        await encrypt(at(index), id)
        await destroy(at(index + 1), id)
      }
      t.deepEqual(await objects(), ownKeys)
    },
  )
}

const makers = 4
const nameOf = (id: string) => id.replaceAll('-', '')

async function create(client: Client, name: string): Promise<string> {
  return String((await client.call('Create', aesKeyWith(isResident, named(name)))).uniqueIdentifier)
}

async function encrypt(client: Client, uniqueIdentifier: string): Promise<unknown> {
  const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
  return await client.call('Encrypt', { uniqueIdentifier, cryptographicParameters, data: Buffer.from('data') })
}

async function destroy(client: Client, uniqueIdentifier: string): Promise<void> {
  await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
  await client.call('Destroy', { uniqueIdentifier })
}

/** Makes keys by many connections until their node is gone. SoftHSM fails now and then where other processes use the token too. */
async function makeUntilGone(client: Client, answered: string[]): Promise<void> {
  const make = async (connection: number) => {
    for (let number = 0; ; number++)
      try {
        answered.push(await create(client, `killed-${connection}-${number}`))
      } catch (error) {
        if (error instanceof ConnectionLost || error instanceof OutcomeUnknown) return
        if (!(error instanceof KmipError && error.reason === 'GeneralFailure')) throw error
      }
  }
  await Promise.all(Array.from({ length: makers }, (_, connection) => make(connection)))
}
