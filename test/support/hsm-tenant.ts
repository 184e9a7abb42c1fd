import { createPkcs11Partition } from '../../src/partitions/index.ts'
import type { TestNode } from './node.ts'
import type { SoftHsm } from './softhsm.ts'

/** A tenant of the node with a SoftHSM token of its own. */
export async function addHsmTenant({ node }: TestNode, hsm: SoftHsm, tenant: string): Promise<void> {
  const { module, token, pinFile } = hsm.token(tenant)
  await createPkcs11Partition({ name: tenant, module, token, pinFile })
  await node.registry.addPartition({ kind: 'pkcs11', name: tenant, module, token, pinFile })
  await node.registry.addTenant(tenant, tenant)
}
