import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import type { Client } from '../../src/client/index.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { newKey, refusalOf } from '../support/key-lives.ts'
import { type LimitedUse, limitedKey, useUp } from '../support/limited-uses.ts'
import { nodeMinority } from '../support/minority-rounds.ts'

let cluster: ClusterNodes
test.before(async () => {
  cluster = await startClusterNodes()
})
test.after.always(() => cluster?.remove())

const clientsAtEach = (count: number): Client[] => Array.from({ length: 3 * count }, (_, index) => cluster.client(index % 3))

for (const limit of [
  { unit: 'Object', total: 45, size: 16 },
  { unit: 'Byte', total: 45 * 32, size: 32 },
] as const satisfies readonly LimitedUse[]) {
  test.serial(`a key of ${limit.total} uses by ${limit.unit} at three nodes at once: so many succeed, no more and no fewer`, async (t) => {
    const clients = clientsAtEach(2)
    const key = await limitedKey(clients[0] as Client, limit)
    const { made, inDoubt } = await useUp(clients, key, limit)
    t.deepEqual({ made, inDoubt }, { made: 45, inDoubt: 0 })
  })
}

test.serial('no request succeeds at a node that reached it after the two other nodes had stopped', async (t) => {
  const { violations, asked, answered } = await nodeMinority(cluster, 6)
  t.deepEqual(violations, [])
  t.true(asked > 6 && answered > 6)
  t.log(`${asked} asked of a minority, ${answered} answered by a majority`)
})

test.serial('with freshness a Destroy may go unseen for so long and no longer; another tenant sees it at once', async (t) => {
  const freshness = 400
  const { data } = cluster.nodes[0] as { readonly data: string }
  await callAdmin(data, 'tenant.set', { tenant: 'demo', policy: { freshness } })
  const [fresh, strict] = [cluster.client(1, { tenant: 'demo' }), cluster.client(1, { tenant: 'other' })] as const
  const [freshElsewhere, strictElsewhere] = [cluster.client(2, { tenant: 'demo' }), cluster.client(2, { tenant: 'other' })] as const
  let unseen = 0
  for (let round = 0; round < 4; round++) {
    const [ofFresh, ofStrict] = await Promise.all([usedKey(fresh), usedKey(strict)])
    await Promise.all([destroy(freshElsewhere, ofFresh), destroy(strictElsewhere, ofStrict)])
    const destroyed = performance.now()
    t.truthy(await refusalOf(encrypt(strict, ofStrict)), 'the tenant without freshness')
    while (performance.now() - destroyed < freshness) {
      if ((await refusalOf(encrypt(fresh, ofFresh))) !== undefined) break
      unseen++
    }
    await sleep(Math.max(0, freshness - (performance.now() - destroyed)))
    t.truthy(await refusalOf(encrypt(fresh, ofFresh)), 'the tenant with freshness, after that time')
  }
  t.log(`${unseen} uses before the Destroy was seen`)
  await callAdmin(data, 'tenant.set', { tenant: 'demo', policy: { freshness: 0 } })
  const key = await usedKey(fresh)
  await destroy(freshElsewhere, key)
  t.truthy(await refusalOf(encrypt(fresh, key)), 'after freshness was given up')
})

test.serial('a key of few uses is not overdrawn while the node that leads is killed', async (t) => {
  const limit = { unit: 'Object', total: 120, size: 16 } as const
  const leader = await cluster.leader()
  const at = cluster.nodes.indexOf(leader)
  const clients = clientsAtEach(2)
  const key = await limitedKey(clients[(at + 1) % 3] as Client, limit)
  const using = useUp(clients, key, limit)
  await sleep(150)
  await leader.process.kill()
  const { made, inDoubt } = await using
  t.true(made <= 120 && made + inDoubt >= 120, `${made} answered, ${inDoubt} in doubt`)
  t.log(`${made} answered, ${inDoubt} in doubt`)
})

let made = 0

/** A key that was used at this client's node, so that it lies in its caches. */
async function usedKey(client: Client): Promise<string> {
  const key = newKey(`whole-nodes-${++made}`)
  const attributes = [...key.attributes, { name: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 } as const]
  const { uniqueIdentifier } = await client.call('Create', { ...key, attributes })
  await encrypt(client, uniqueIdentifier as string)
  return uniqueIdentifier as string
}

function encrypt(client: Client, uniqueIdentifier: string): Promise<unknown> {
  return client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } })
}

async function destroy(client: Client, uniqueIdentifier: string): Promise<void> {
  await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
  await client.call('Destroy', { uniqueIdentifier })
}
