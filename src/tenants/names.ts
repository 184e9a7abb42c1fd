import { type NameRule, tenantNameRule, userNameRule } from './client-uri.ts'

/** A tenant's name, which is its identifier for good: names of removed tenants are not given again. */
export type TenantId = string & { readonly __brand: 'TenantId' }

/** @throws Error saying how tenants are named. */
export function tenantId(name: string): TenantId {
  return checked('tenant', name, tenantNameRule) as TenantId
}

export function partitionName(name: string): string {
  return checked('partition', name, tenantNameRule)
}

export function userName(name: string): string {
  return checked('user', name, userNameRule)
}

function checked(what: string, name: string, rule: NameRule): string {
  if (!rule.pattern.test(name)) throw new Error(`${what} "${name}": ${rule.says}`)
  return name
}
