import type { Space } from './ledger.ts'
import type { TenantId } from './tenant-id.ts'

/** Where a tenant's objects, unique names and settings lie. @throws Error when the name is not a tenant's. */
export function tenantSpace(tenant: TenantId): Space {
  if (!tenantName.test(tenant)) throw new Error(`tenant "${tenant}": use 1 to 63 lower-case letters, digits and hyphens`)
  return `t/${tenant}` as Space
}

/** Where tenants, rules, credentials and partitions lie. */
export const systemSpace = 'sys' as Space

const tenantName = /^[a-z0-9][a-z0-9-]{0,62}$/
