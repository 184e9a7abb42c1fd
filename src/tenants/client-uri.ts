/**
 * Who a client certificate of Tresor's own authorities belongs to, as the URI in its Subject Alternative Name:
 * `spiffe://<trust domain>/tenant/<tenant>/user/<user>`. Written when a bundle is issued, read on each connection.
 */
export function clientUri(trustDomain: string, tenant: string, user: string): string {
  for (const [what, name, rule] of [
    ['trust domain', trustDomain, domainRule],
    ['tenant', tenant, tenantNameRule],
    ['user', user, userNameRule],
  ] as const) {
    if (!rule.pattern.test(name)) throw new Error(`${what} "${name}": ${rule.says}`)
  }
  return `spiffe://${trustDomain}/tenant/${tenant}/user/${user}`
}

/** The parts of such a URI, or undefined when it is not one, letter for letter. */
export function readClientUri(uri: string): { readonly trustDomain: string; readonly tenant: string; readonly user: string } | undefined {
  const [, trustDomain, tenant, user] = /^spiffe:\/\/([^/]+)\/tenant\/([^/]+)\/user\/([^/]+)$/.exec(uri) ?? []
  if (trustDomain === undefined || tenant === undefined || user === undefined) return undefined
  if (!domainRule.pattern.test(trustDomain) || !tenantNameRule.pattern.test(tenant) || !userNameRule.pattern.test(user)) return undefined
  return { trustDomain, tenant, user }
}

/** A rule that a name keeps, and the sentence that teaches it. */
export interface NameRule {
  readonly pattern: RegExp
  readonly says: string
}

/** Tenants and partitions; also a folder's name and a ledger space's. */
export const tenantNameRule: NameRule = {
  pattern: /^[a-z0-9][a-z0-9-]{0,62}$/,
  says: 'use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit',
}

/** Users of a tenant; the KMIP username too. */
export const userNameRule: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/,
  says: 'use 1 to 128 letters, digits and . _ @ -, beginning with a letter or digit',
}

const domainRule: NameRule = { pattern: /^[a-z0-9][a-z0-9._-]{0,254}$/, says: 'use lower-case letters, digits and . _ -' }
