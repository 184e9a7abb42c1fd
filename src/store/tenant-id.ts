/** A tenant's name, which is its identifier for good. Made by the room that checks names, `tenants/`. */
export type TenantId = string & { readonly __brand: 'TenantId' }
