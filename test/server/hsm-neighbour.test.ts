import test from 'ava'
import type { Client } from '../../src/client/index.ts'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { untilHsmServes } from '../support/hsm-tenant.ts'
import { startTestNode } from '../support/node.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { aesKey, clientAt } from '../support/requests.ts'
import { softHsm } from '../support/softhsm.ts'

const parameters = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
const data = Buffer.alloc(64)

async function encrypting(client: Client): Promise<() => Promise<unknown>> {
  const { uniqueIdentifier } = await client.call('Create', aesKey)
  return () => client.call('Encrypt', { uniqueIdentifier, cryptographicParameters: parameters, data })
}

/** Microseconds that each call of the device takes: far longer than a few uses of a key take on a busy machine. */
const slowCall = 2_000_000

test('a software tenant of the same worker does not wait for a device that is slow', async (t) => {
  const hsm = softHsm()
  const token = hsm.token('slow')
  const shim = pkcs11Shim(hsm.folder, hsm.module)
  const node = await startTestNode({ workers: 1 })
  const definition = { name: 'slow', ...token, module: shim.module }
  await createPkcs11Partition(definition)
  await node.node.registry.addPartition({ kind: 'pkcs11', ...definition })
  await node.node.registry.addTenant('slow', 'slow')
  await untilHsmServes(node)
  const slow = clientAt(node.port, await node.enroll('slow', 'app'), { connectionsPerNode: 8 })
  const soft = clientAt(node.port, node.client)
  try {
    const [slowly, softly] = [await encrypting(slow), await encrypting(soft)]
    shim.delay(20_000)
    // Its threads begin.
    await Promise.all(Array.from({ length: 16 }, slowly))
    shim.delay(slowCall)
    let answered = 0
    const load = Array.from({ length: 16 }, async () => {
      await slowly()
      answered++
    })
    // Were it behind one call of the device only, some of those would be answered by then.
    for (let use = 0; use < 4; use++) await softly()
    t.is(answered, 0)
    shim.delay(0)
    await Promise.all(load)
  } finally {
    shim.delay(0)
    soft.close()
    slow.close()
    await node.remove()
    shim.close()
    hsm.remove()
  }
})
