import { cpSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Client } from '../../src/client/index.ts'
import { newKey } from '../support/key-lives.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import type { ClientBundle } from '../support/tls-client.ts'

const clientOf = ({ port }: TestNode, { authority, certificate, privateKey }: ClientBundle) =>
  new Client({ endpoints: [{ host: '127.0.0.1', port }], ca: authority, cert: certificate, key: privateKey, failover: { patience: 0 } })

test('a destroyed key is in a copy of the data folder from before, until the epoch turns; then the copy does not open it, with all secrets of today', async (t) => {
  const copies = await mkdtemp(join(tmpdir(), 'tresor-copies-'))
  t.teardown(() => rm(copies, { recursive: true, force: true }))
  let node = await startTestNode()
  t.teardown(() => node.remove())
  await node.node.registry.addPartition(await node.node.epochs.newPartition('vault'))
  await node.node.registry.addTenant('vault', 'vault')
  const bundle = await node.enroll('vault', 'app')
  const ask = async <T>(at: TestNode, action: (client: Client) => Promise<T>): Promise<T> => {
    const client = clientOf(at, bundle)
    try {
      return await action(client)
    } finally {
      client.close()
    }
  }
  const make = (name: string) => ask(node, async (client) => (await client.call('Create', newKey(name))).uniqueIdentifier as string)
  const get = (at: TestNode, id: string) =>
    ask(at, async (client) => JSON.stringify((await client.call('Get', { uniqueIdentifier: id })).symmetricKey))
  const destroyed = await make('destroyed')
  const living = await make('living')
  const value = await get(node, destroyed)
  const { data } = node
  await node.stop()
  cpSync(data, join(copies, 'before'), { recursive: true })
  node = await startTestNode({ data })
  await ask(node, (client) => client.call('Destroy', { uniqueIdentifier: destroyed }))
  await t.throwsAsync(get(node, destroyed), { message: /is destroyed/ })

  /** The store of then, with the root secret and the epoch secrets of today. */
  const fromCopy = async (name: string) => {
    const copy = join(copies, name)
    cpSync(join(copies, 'before'), copy, { recursive: true })
    await rm(join(copy, 'epoch-secrets'), { recursive: true })
    for (const secret of ['root.key', 'epoch-secrets']) cpSync(join(data, secret), join(copy, secret), { recursive: true })
    const old = await startTestNode({ data: copy })
    try {
      return await get(old, destroyed)
    } finally {
      await old.stop()
    }
  }
  t.is(await fromCopy('before-the-turn'), value)

  await node.node.epochs.turn('vault')
  const turn = () => node.node.registry.settings.view().partitions.get('vault')?.value.turn
  for (let waited = 0; turn() !== undefined && waited < 1200; waited++) await sleep(50)
  t.is(turn(), undefined)
  await t.throwsAsync(fromCopy('after-the-turn'), { message: /The secret of epoch 1 of partition vault is not on this node/ })
  t.truthy(await get(node, living))
  // A store that was put back by mistake costs nothing: what only the newer one needs is left alone.
  t.regex(readdirSync(join(copies, 'after-the-turn', 'epoch-secrets')).join(), /^vault\.2\.[0-9a-f]{16}$/)
})
