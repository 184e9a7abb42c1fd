/** What an identity may be allowed; the operation table says which one each operation needs. */
export const permissions = {
  create: 'make objects or bring them in: Create, Create Key Pair, Derive Key, Register',
  locate: 'find objects and see their attributes: Locate, Get Attributes, Get Attribute List',
  read: 'take objects out: Get',
  use: 'encrypt, decrypt, sign, verify, MAC inside the partition',
  attributes: 'change attributes: Add, Modify and Delete Attribute',
  lifecycle: 'change states: Activate, Revoke, Destroy',
} as const

export type Permission = keyof typeof permissions

/** Named sets of permissions, for `tenant enroll --role`. */
export const roles = {
  full: ['create', 'locate', 'read', 'use', 'attributes', 'lifecycle'],
  operator: ['create', 'locate', 'attributes', 'lifecycle'],
  user: ['locate', 'use'],
  reader: ['locate', 'read'],
  auditor: ['locate'],
} as const satisfies Record<string, readonly Permission[]>

export type Role = keyof typeof roles

/** The permissions of a role; `full` when nothing is said. @throws Error naming the roles. */
export function permissionsOf(role: string = 'full'): readonly Permission[] {
  if (!Object.hasOwn(roles, role)) throw new Error(`role "${role}" does not exist; use one of ${Object.keys(roles).join(', ')}`)
  return roles[role as Role]
}
