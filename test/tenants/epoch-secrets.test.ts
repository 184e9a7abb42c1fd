import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import {
  addEpoch,
  createSoftwarePartition,
  dropEpochs,
  EpochSecretFiles,
  epochSecretId,
  newEpochSecret,
  ringSecrets,
} from '../../src/partitions/index.ts'
import {
  AwaitedSecrets,
  DeliveryBoard,
  EpochSecrets,
  epochSecretsOf,
  GivenUpSecrets,
  neededDeliveries,
  type SoftwarePartitionDefinition,
} from '../../src/tenants/index.ts'
import { Settings } from '../../src/tenants/settings.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

const folder = mkdtempSync(join(tmpdir(), 'tresor-epoch-secrets-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** Nodes of one cluster, each with the epoch secrets in a folder of its own, and the partition that they share. */
function cluster(name: string) {
  const { ledger, replica, space } = memoryLedger()
  const settings = new Settings(ledger, replica, space('system'))
  const board = new DeliveryBoard(ledger, replica, space('system'))
  const givenUp = new GivenUpSecrets(ledger, replica, space('system'))
  const rootSecret = new Secret(randomBytes(32))
  const root = async () => new Secret(Buffer.from(rootSecret.expose()))
  const node = (at: string) => {
    const files = new EpochSecretFiles(join(folder, name, at))
    return { files, secrets: () => new EpochSecrets({ files, settings, board, givenUp, node: at, root, log: () => {} }) }
  }
  const definition = () => settings.view().partitions.get('bank')!.value as SoftwarePartitionDefinition
  const store = async (value: SoftwarePartitionDefinition) => {
    const view = settings.view()
    const revision = view.partitions.get('bank')?.revision ?? 0
    await settings.commit(view, [{ kind: 'partition', id: 'bank', value, revision }])
  }
  const ringOf = (value: SoftwarePartitionDefinition, files: EpochSecretFiles) => ({
    name: 'bank',
    rootSecret,
    ring: Buffer.from(value.ring, 'base64'),
    epochSecretOf: epochSecretsOf(files, value),
  })
  const text = (ring: Uint8Array) => Buffer.from(ring).toString('base64')
  const awaited = (by: ReturnType<typeof node>, patience = 60_000) => new AwaitedSecrets({ files: by.files, settings, patience })
  return {
    node,
    awaited,
    definition,
    async define(by: ReturnType<typeof node>) {
      const { secret, deliveries } = await by.secrets().make('bank', 1)
      const { ring } = createSoftwarePartition({ name: 'bank', rootSecret, epochSecret: secret })
      await store({ kind: 'software', name: 'bank', ring: text(ring), epoch: 1, deliveries })
    },
    /** As a turn does it, from its beginning to its end. */
    async turn(by: ReturnType<typeof node>, to: number) {
      const { secret, deliveries } = await by.secrets().make('bank', to)
      const value = definition()
      const begun = { ...value, epoch: to, ring: text(addEpoch(ringOf(value, by.files), to, secret)) }
      await store({ ...begun, deliveries: [...(value.deliveries ?? []), ...deliveries] })
      const dropped = { ...definition(), ring: text(dropEpochs(ringOf(definition(), by.files))) }
      await store({ ...dropped, deliveries: neededDeliveries(dropped) })
      await by.secrets().look()
    },
    async remove(by: ReturnType<typeof node>) {
      await by.secrets().giveUp(definition())
      const view = settings.view()
      await settings.commit(view, [{ kind: 'partition', id: 'bank', value: undefined, revision: view.partitions.get('bank')!.revision }])
    },
    /** What a copy of the definition opens for a node, by the epochs of its ring. */
    opened: ({ files }: ReturnType<typeof node>, value: SoftwarePartitionDefinition) =>
      [...ringSecrets(Buffer.from(value.ring, 'base64'), 'bank')].flatMap(([epoch, id]) =>
        epochSecretsOf(files, value)(epoch, id) === undefined ? [] : [epoch],
      ),
  }
}

test('what was delivered to a node in an epoch that is over opens no more there, also when it was away all the while', async (t) => {
  const { node, definition, define, turn, opened } = cluster('away')
  const [first, away] = [node('first'), node('away')]
  await away.secrets().look()
  await define(first)
  const old = definition()
  t.deepEqual(opened(away, old), [1])
  await turn(first, 2)
  await away.secrets().look()
  t.deepEqual([opened(away, old), opened(away, definition())], [[], [2]])
})

test('a node that is killed once the files of an epoch are destroyed renews its delivery key when it is back', async (t) => {
  const { node, definition, define, turn, opened } = cluster('killed')
  const [first, killed] = [node('first'), node('killed')]
  await killed.secrets().look()
  await define(first)
  await killed.secrets().look()
  const old = definition()
  await turn(first, 2)
  for (const file of killed.files.list()) killed.files.destroy(file)
  t.deepEqual(opened(killed, old), [1])
  await killed.secrets().look()
  t.deepEqual(opened(killed, old), [])
})

test('a delivery key stays as long as all that was delivered to it is needed', async (t) => {
  const { node, define, turn } = cluster('stays')
  const [first, other] = [node('first'), node('other')]
  await other.secrets().look()
  const key = other.files.deliveryKey()?.publicKey
  await define(first)
  await other.secrets().look()
  await other.secrets().look()
  t.is(other.files.deliveryKey()?.publicKey, key)
  await turn(first, 2)
  await other.secrets().look()
  const next = other.files.deliveryKey()?.publicKey
  t.not(next, key)
  await other.secrets().look()
  t.is(other.files.deliveryKey()?.publicKey, next)
})

test('the secrets of a partition that was removed are destroyed on every node, on one that was off when it is back; those of another are not', async (t) => {
  const { node, define, definition, remove, opened } = cluster('removed')
  const [first, second, off] = [node('first'), node('second'), node('off')]
  const all = [first, second, off]
  for (const one of all) await one.secrets().look()
  await define(first)
  for (const one of all) await one.secrets().look()
  const old = definition()
  t.is(old.deliveries?.length, 2, 'a copy of the definition has the secrets too, sealed for the others')
  const other = newEpochSecret()
  for (const { files } of all) files.keep({ partition: 'elsewhere', epoch: 1, secretId: epochSecretId(other) }, other)
  // Noted alone, it is needed still.
  await first.secrets().giveUp(old)
  await second.secrets().look()
  const openedBy = (value: SoftwarePartitionDefinition) => all.map((one) => opened(one, value))
  t.deepEqual(openedBy(old), [[1], [1], [1]])
  await remove(first)
  for (const one of [first, second]) await one.secrets().look()
  t.deepEqual(openedBy(old), [[], [], [1]])
  // A new one of the same name is not that one.
  await define(second)
  for (const one of all) await one.secrets().look()
  t.deepEqual(openedBy(old), [[], [], []])
  t.deepEqual(openedBy(definition()), [[1], [1], [1]])
  const key = off.files.deliveryKey()?.publicKey
  await off.secrets().look()
  t.is(off.files.deliveryKey()?.publicKey, key)
  t.deepEqual(
    all.map(({ files }) => files.list().filter(({ partition }) => partition === 'elsewhere').length),
    [1, 1, 1],
  )
})

test('a node says which secrets it has not been sent yet, until they are there, or for as long as they may be on their way', async (t) => {
  const { node, awaited, define } = cluster('awaited')
  const [first, joined] = [node('first'), node('joined')]
  await define(first)
  const waiting = [awaited(first), awaited(joined), awaited(joined, 0)]
  const told = () => waiting.map((one) => one.problems().join())
  const expected =
    'partition bank cannot be opened yet: the secret of its epoch 1 has not come to this node; another node sends it within seconds'
  t.deepEqual(told(), ['', expected, ''])
  // The one asks for it, the other sends it.
  await joined.secrets().look()
  t.deepEqual(told(), ['', expected, ''])
  await first.secrets().look()
  t.deepEqual(told(), ['', '', ''])
  t.deepEqual(joined.files.list(), [], 'what came with the definition will do')
})

test('what a killed process had not finished is destroyed before another one writes', (t) => {
  const place = join(folder, 'drafts')
  mkdirSync(place)
  const files = new EpochSecretFiles(place)
  const secret = newEpochSecret()
  const file = { partition: 'bank', epoch: 1, secretId: epochSecretId(secret) }
  files.keep(file, secret)
  writeFileSync(`${files.path(file)}.0123456789ab.draft`, 'a secret', { mode: 0o600 })
  files.destroyDrafts()
  t.deepEqual(
    readdirSync(place).map((name) => join(place, name)),
    [files.path(file)],
  )
})
