import { setTimeout as sleep } from 'node:timers/promises'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import type { TestNode } from './node.ts'
import type { SoftHsm } from './softhsm.ts'

/** A tenant of the node with a SoftHSM token of its own. */
export async function addHsmTenant(node: TestNode, hsm: SoftHsm, tenant: string): Promise<void> {
  const { registry } = node.node
  const { module, token, pinFile } = hsm.token(tenant)
  await createPkcs11Partition({ name: tenant, module, token, pinFile })
  await registry.addPartition({ kind: 'pkcs11', name: tenant, module, token, pinFile })
  await registry.addTenant(tenant, tenant)
  await untilHsmServes(node)
}

/** Waits until the hsm process of a node that has one serves: the first partition starts it, which a request does not wait for without end. */
export async function untilHsmServes({ node: { config, processes }, operatorPort }: TestNode): Promise<void> {
  if (config.workers === 0) return
  const ready = async () => await (await fetch(`http://127.0.0.1:${operatorPort}/readyz`)).text()
  for (const end = performance.now() + 60_000; processes.pids().hsm === undefined || (await ready()).includes('hsm process'); )
    if (performance.now() < end) await sleep(50)
    else throw new Error(`in a minute no hsm process served: ${await ready()}`)
}
