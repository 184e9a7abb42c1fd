import { z } from 'zod'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { checked, pem, text } from './parameters.ts'

const addition = z.strictObject({
  id: text,
  anchor: pem,
  match: z.array(z.strictObject({ field: text, pattern: text })).max(16),
  tenant: text,
  user: text,
  role: text.optional(),
})
const named = z.strictObject({ id: text })

/** Rules that map certificates of foreign authorities to tenants and users. */
export function ruleMethods({ registry }: AdministeredNode): Record<string, AdminMethod> {
  return {
    'rule.add': async (call) => {
      const { role, ...rule } = checked(addition, call)
      return await registry.addRule({ ...rule, ...(role === undefined ? {} : { role }) })
    },
    'rule.list': async () => await registry.listRules(),
    'rule.remove': async (call) => {
      const { id } = checked(named, call)
      await registry.removeRule(id)
      return { id }
    },
  }
}
