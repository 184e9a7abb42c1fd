import { z } from 'zod'
import type { ManagedObject } from '../objects/index.ts'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { BadCall, checked, text } from './parameters.ts'
import { shownAttributes } from './shown-attributes.ts'

const listing = z.strictObject({
  tenant: text,
  name: text.optional(),
  destroyed: z.boolean().default(false),
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(1000).default(100),
})
const one = z.strictObject({ tenant: text, id: text })
const givingUp = z.strictObject({ tenant: text, id: text, confirm: text.optional() })

/** A tenant's objects: their attributes, never their values. */
export function keyMethods(node: AdministeredNode): Record<string, AdminMethod> {
  return {
    'key.list': async (call) => {
      const { tenant: tenantName, name, destroyed, offset, limit } = checked(listing, call)
      const { tenant } = await node.registry.showTenant(tenantName)
      const objects = await node.objects(tenant.id)
      const attributes = name === undefined ? [] : [{ name: 'Name', value: { value: name, type: 'UninterpretedTextString' } } as const]
      const { ids, total } = objects.find({ attributes, onLine: true, destroyed, offset, limit })
      return { total, keys: await Promise.all(ids.map(async (id) => summary(await objects.open(id)))) }
    },
    'key.show': async (call) => {
      const { tenant: name, id } = checked(one, call)
      const { tenant } = await node.registry.showTenant(name)
      const object = await (await node.objects(tenant.id)).open(id)
      const { key } = object
      return {
        ...summary(object),
        wrapped: key === undefined ? null : { mechanism: key.mechanism, epoch: key.epoch },
        attributes: shownAttributes(object.attributes),
      }
    },
    'key.give-up': async (call) => {
      const { tenant: name, id, confirm } = checked(givingUp, call)
      const { tenant } = await node.registry.showTenant(name)
      const shown = { tenant: name, id }
      if (confirm === undefined) return { ...shown, problem: await node.damage(tenant.id, id), givenUp: false }
      if (confirm !== id) throw new BadCall(`what is confirmed is ${confirm}, and what was to be given up ${id}`)
      return { ...shown, problem: await node.giveUp(tenant.id, id), givenUp: true }
    },
  }
}

function summary(object: ManagedObject) {
  const { attributes } = object
  const created = attributes.get('InitialDate')
  return {
    id: object.uniqueIdentifier,
    type: object.objectType,
    algorithm: attributes.get('CryptographicAlgorithm') ?? null,
    length: attributes.get('CryptographicLength') ?? null,
    state: object.state,
    names: attributes.all('Name').map(({ value }) => value.value),
    created: created === undefined ? null : new Date(created * 1000).toISOString(),
  }
}
