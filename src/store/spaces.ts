import type { Space } from './ledger.ts'

/** Where tenants, users, rules, credentials and partitions lie. */
export const systemSpace = 'sys' as Space

/** Which process does what work that any of them may do. */
export const workSpace = 'work' as Space

/** The key space of one tenant: what code gets that may reach this tenant's objects and no others. */
export function tenantSpace(tenant: string & { readonly __brand: 'TenantId' }): Space {
  return `t/${tenant}` as Space
}

/** Whose key space it is. */
export function tenantOf(space: Space): string {
  return space.slice('t/'.length)
}
