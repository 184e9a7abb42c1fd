import test from 'ava'
import type { Client } from '../../src/client/index.ts'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
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

/** Milliseconds that the middle one of so many calls takes, one after the other. */
async function middle(call: () => Promise<unknown>, count: number): Promise<number> {
  const times: number[] = []
  for (let done = 0; done < count; done++) {
    const start = performance.now()
    await call()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)] as number
}

test('a software tenant of the same worker does not wait for a device that takes 20 ms for each call', async (t) => {
  const hsm = softHsm()
  const token = hsm.token('slow')
  const shim = pkcs11Shim(hsm.folder, hsm.module)
  const node = await startTestNode({ workers: 1 })
  const definition = { name: 'slow', ...token, module: shim.module }
  await createPkcs11Partition(definition)
  await node.node.registry.addPartition({ kind: 'pkcs11', ...definition })
  await node.node.registry.addTenant('slow', 'slow')
  const slow = clientAt(node.port, await node.enroll('slow', 'app'), { connectionsPerNode: 8 })
  const soft = clientAt(node.port, node.client)
  try {
    const [slowly, softly] = [await encrypting(slow), await encrypting(soft)]
    shim.delay(20_000)
    let goes = true
    const load = Array.from({ length: 16 }, async () => {
      while (goes) await slowly()
    })
    // Its threads have begun by then.
    await Promise.all(Array.from({ length: 16 }, slowly))
    const [softTime, slowTime] = await Promise.all([middle(softly, 50), middle(slowly, 5)])
    goes = false
    await Promise.all(load)
    // A slow one takes two calls and waits for as many others; were the software tenant behind one call of the device only, it would take 20 ms.
    t.true(slowTime > 40 && softTime < slowTime / 4, `${softTime} ms beside ${slowTime} ms`)
  } finally {
    shim.delay(0)
    soft.close()
    slow.close()
    await node.remove()
    shim.close()
    hsm.remove()
  }
})
