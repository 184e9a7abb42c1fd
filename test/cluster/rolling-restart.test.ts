import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import { Client, OutcomeUnknown } from '../../src/client/index.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { aesKey } from '../support/requests.ts'

let cluster: ClusterNodes
test.before(async () => {
  cluster = await startClusterNodes()
})
test.after.always(() => cluster?.remove())

async function ready({ data }: ScratchClusterNode): Promise<void> {
  const { operator } = (await callAdmin(data, 'node.status')) as { readonly operator: string }
  while (!(await fetch(`http://${operator}/readyz`).then(({ ok }) => ok))) await sleep(100)
}

test('three nodes are restarted one after the other under load: no safe request fails, and no change is lost', async (t) => {
  const credentials = await cluster.enroll('demo', 'roamer')
  const endpoints = cluster.nodes.map(({ endpoint }) => endpoint)
  const clients = endpoints.map(
    (_, index) => new Client({ endpoints: [...endpoints.slice(index), ...endpoints.slice(0, index)], ...credentials }),
  )
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  let isOver = false
  /** What was answered of each key; undefined for a Destroy whose answer did not come. */
  const states = new Map<string, 'Active' | 'Destroyed' | undefined>()
  const run = async (client: Client) => {
    while (!isOver) {
      const uniqueIdentifier = (await client.call('Create', aesKey)).uniqueIdentifier as string
      t.false(states.has(uniqueIdentifier))
      states.set(uniqueIdentifier, 'Active')
      await client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } })
      if (states.size % 2 === 0) states.set(uniqueIdentifier, await destroy(client, uniqueIdentifier))
      await sleep(100)
    }
  }
  const running = Promise.all(clients.map(run))
  // Told below; nothing must end the process before.
  running.catch(() => undefined)
  for (const node of cluster.nodes) {
    await node.process.stop()
    await node.process.start()
    await ready(node)
    await sleep(300)
  }
  isOver = true
  await running
  const answered = [...states.values()]
  t.log(['Active', 'Destroyed', undefined].map((state) => `${answered.filter((each) => each === state).length} ${state}`).join(', '))
  t.true(answered.includes('Destroyed'))
  for (const index of endpoints.keys()) {
    const client = cluster.client(index, { connections: 4 })
    await Promise.all(
      [...states].map(async ([uniqueIdentifier, expected]) => {
        const { attributes } = await client.call('GetAttributes', { uniqueIdentifier, references: ['State'] })
        const [state] = attributes.map(({ value }) => value)
        if (expected !== undefined) t.is(state, expected)
      }),
    )
  }
})

/** Not repeated by the client when its answer is lost. */
async function destroy(client: Client, uniqueIdentifier: string): Promise<'Destroyed' | undefined> {
  try {
    await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
    await client.call('Destroy', { uniqueIdentifier })
    return 'Destroyed'
  } catch (error) {
    if (error instanceof OutcomeUnknown) return undefined
    throw error
  }
}
