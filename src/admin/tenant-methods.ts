import { z } from 'zod'
import { Secret } from '../objects/index.ts'
import { residentRuleOf } from '../server/tenant-residence.ts'
import type { PartitionDefinition, Tenant } from '../tenants/index.ts'
import { longestFreshness, permissionsOf, type TenantPolicy, tenantId } from '../tenants/index.ts'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { checked, pem, text } from './parameters.ts'

const named = z.strictObject({ tenant: text })
const policy = z.strictObject({
  freshness: z.int().min(0).max(longestFreshness).optional(),
  defaultExtractable: z.boolean().optional(),
  defaultSensitive: z.boolean().optional(),
  residentKeys: z.enum(['refused', 'allowed', 'required']).optional(),
  mostResidentKeys: z.int().min(0).max(100_000).optional(),
  tripleDes: z.boolean().optional(),
})
type PolicyCall = z.infer<typeof policy>
const addition = z.strictObject({ tenant: text, partition: text.optional(), policy: policy.optional() })
const change = z.strictObject({ tenant: text, policy })
const enrollment = z.strictObject({
  tenant: text,
  user: text,
  role: text.optional(),
  /** The key to certify; without it and without a request nothing is issued. */
  publicKey: pem.optional(),
  csr: pem.optional(),
  days: z.int().min(1).max(3650).optional(),
})
const password = z.strictObject({ tenant: text, user: text, password: z.string().min(8).max(1024) })
const user = z.strictObject({ tenant: text, user: text })

/** Tenants and their users. */
export function tenantMethods(node: AdministeredNode): Record<string, AdminMethod> {
  const { registry } = node
  return {
    'tenant.add': async (call) => {
      const { tenant, partition, policy } = checked(addition, call)
      await checkResidence(node, tenant, partition, policy)
      if (partition !== undefined) return await summary(node, await registry.addTenant(tenant, partition, defined(policy)))
      if ((await registry.listTenants()).some(({ id }) => id === tenant)) throw new Error(`tenant ${tenant} exists already`)
      const name = await ownPartition(node, tenant)
      try {
        return await summary(node, await registry.addTenant(tenant, name, defined(policy)))
      } catch (error) {
        await node.removePartition(name)
        throw error
      }
    },
    'tenant.list': async () => await Promise.all((await registry.listTenants()).map((tenant) => summary(node, tenant))),
    'tenant.show': async (call) => {
      const { tenant, users } = await registry.showTenant(checked(named, call).tenant)
      const objects = await node.objects(tenant.id)
      const count = (storage: { onLine: boolean; destroyed: boolean }) =>
        objects.find({ attributes: [], ...storage, offset: 0, limit: 0 }).total
      return {
        ...(await summary(node, tenant)),
        policy: tenant.policy,
        residentKeysObstacle: (await residentObstacle(node, tenant)) ?? null,
        objects: count({ onLine: true, destroyed: false }),
        destroyed: count({ onLine: false, destroyed: true }),
        users: users.map(({ name, permissions, createdAt }) => ({ name, permissions, createdAt })),
      }
    },
    'tenant.set': async (call) => {
      const { tenant, policy } = checked(change, call)
      await checkResidence(node, tenant, (await registry.showTenant(tenant)).tenant.partition, policy)
      const after = await registry.setPolicy(tenant, defined(policy))
      return { tenant, policy: after.policy, residentKeysObstacle: (await residentObstacle(node, after)) ?? null }
    },
    'tenant.remove': async (call) => {
      const { tenant: name } = checked(named, call)
      const { tenant } = await registry.showTenant(name)
      await registry.removeTenant(name)
      await dropOwnPartition(node, tenant)
      return { tenant: tenant.id }
    },
    'tenant.enroll': async (call) => {
      const { tenant, user: name, role, publicKey, csr, days } = checked(enrollment, call)
      permissionsOf(role)
      // A key that cannot be certified must not leave a user behind.
      await registry.showTenant(tenant)
      const issued =
        publicKey === undefined && csr === undefined ? undefined : await node.certify({ tenant, user: name, publicKey, csr, days })
      const enrolled = await registry.enroll(tenant, name, role)
      return { ...enrolled, issued }
    },
    'tenant.password': async (call) => {
      const { tenant, user: name, password: plain } = checked(password, call)
      await registry.setPassword(tenant, name, new Secret(Buffer.from(plain, 'utf8')))
      return { tenant, user: name }
    },
    'tenant.dismiss': async (call) => {
      const { tenant, user: name } = checked(user, call)
      await registry.removeUser(tenant, name)
      return { tenant, user: name }
    },
  }
}

/** @throws when all keys are to be resident, where none can be: every one would be refused later. `partition`: one in software unless told. */
async function checkResidence(node: AdministeredNode, tenant: string, partition: string | undefined, policy: PolicyCall | undefined) {
  if (policy?.residentKeys !== 'required') return
  const definition = partition === undefined ? undefined : await partitionNamed(node, partition)
  if (definition?.kind === 'pkcs11') return
  throw new Error(
    `tenant ${tenant} is on a software partition, and resident keys are objects of a token; move it to one first: tresor partition migrate ${tenant} PARTITION`,
  )
}

/** Why there are no resident keys, whatever the tenant's policy says. */
async function residentObstacle(node: AdministeredNode, tenant: Tenant): Promise<string | undefined> {
  const definition = await partitionNamed(node, tenant.partition)
  if (definition?.kind === 'software') return 'They are objects of a token, and the tenant is on a software partition.'
  return residentRuleOf(tenant, definition, node.cluster === undefined ? 'alone' : 'in a cluster').obstacle
}

/** A new partition of the tenant's own, in software, under the tenant's name. */
async function ownPartition(node: AdministeredNode, tenant: string): Promise<string> {
  const name: string = tenantId(tenant)
  if ((await partitionNamed(node, name)) !== undefined)
    throw new Error(`there is a partition ${name} already; to use it: --partition ${name}`)
  await node.registry.addPartition(await node.newSoftwarePartition(name))
  return name
}

async function dropOwnPartition(node: AdministeredNode, { id, partition }: Tenant): Promise<void> {
  const definition = await partitionNamed(node, partition)
  if (definition?.kind !== 'software' || definition.name !== id) return
  const others = (await node.registry.listTenants()).some((other) => other.partition === partition)
  if (!others) await node.removePartition(partition)
}

async function partitionNamed({ registry }: AdministeredNode, name: string): Promise<PartitionDefinition | undefined> {
  return (await registry.listPartitions()).find((definition) => definition.name === name)
}

async function summary(node: AdministeredNode, { id, partition, createdAt }: Tenant) {
  const kind = (await partitionNamed(node, partition))?.kind
  return { tenant: id, partition, kind, createdAt }
}

function defined(policy: { readonly [K in keyof TenantPolicy]?: TenantPolicy[K] | undefined } = {}): Partial<TenantPolicy> {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined))
}
