import { z } from 'zod'
import type { PartitionDefinition } from '../tenants/index.ts'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { checked, text } from './parameters.ts'
import { protectionOf } from './partition-protection.ts'
import { turnState } from './turn-methods.ts'

const named = z.strictObject({ partition: text })
const addition = z.strictObject({
  partition: text,
  module: text,
  token: text,
  serial: text.optional(),
  parameters: text.optional(),
  pinFile: text,
})

/** Partitions: where tenants' keys are made and used. */
export function partitionMethods(node: AdministeredNode): Record<string, AdminMethod> {
  const { registry } = node
  return {
    'partition.add': async (call) => {
      const { partition: name, module, token, serial, parameters, pinFile } = checked(addition, call)
      const more = { ...(serial !== undefined && { serial }), ...(parameters !== undefined && { parameters }) }
      const definition = { kind: 'pkcs11', name, module, token, pinFile, ...more } as const
      node.checkStart(definition)
      await registry.addPartition(definition)
      try {
        await node.takePartition(name)
        return await shown(node, name)
      } catch (error) {
        // What cannot be opened is not left behind: the name stays free for the next attempt.
        await node.removePartition(name)
        throw error
      }
    },
    'partition.list': async () => {
      const tenants = await registry.listTenants()
      return (await registry.listPartitions()).map((definition) => ({
        ...described(definition),
        tenants: tenants.filter(({ partition }) => partition === definition.name).map(({ id }) => id),
      }))
    },
    'partition.show': async (call) => await shown(node, checked(named, call).partition),
    'partition.remove': async (call) => {
      const { partition } = checked(named, call)
      const kind = (await registry.listPartitions()).find(({ name }) => name === partition)?.kind
      await node.removePartition(partition)
      return { partition, kind }
    },
  }
}

async function shown(node: AdministeredNode, name: string) {
  const definitions = await node.registry.listPartitions()
  const definition = definitions.find((candidate) => candidate.name === name)
  if (definition === undefined) {
    const names = definitions.map((candidate) => candidate.name).join(', ')
    throw new Error(`partition ${name} does not exist; ${names === '' ? 'there are none yet' : `the partitions are: ${names}`}`)
  }
  const partition = await node.partition(name)
  const { epoch, mechanisms, details } = await partition.describe()
  const residentKeys = (await partition.residents?.())?.length ?? null
  const housed = (await node.registry.listTenants()).filter((tenant) => tenant.partition === name)
  const tenants = housed.map(({ id }) => id)
  // The partition can do it for whom its tenant's policy lets.
  const tripleDes = housed.filter(({ policy }) => policy.tripleDes === true).map(({ id }) => id)
  const { turn } = await turnState(node, name)
  const protection = protectionOf(definition, node.root, details)
  const nodes = await nodesOf(node, name)
  return { ...described(definition), tenants, epoch, turn, residentKeys, tripleDes, details, ...protection, ...nodes, mechanisms }
}

/** In a cluster, what each of its nodes has of the partition. */
async function nodesOf({ cluster, holdings }: AdministeredNode, partition: string) {
  if (cluster === undefined) return {}
  const told = holdings()
  const { members } = await cluster.state()
  return {
    nodes: members.map(({ name: node }) => ({ node, ...(told.get(node)?.[partition] ?? { problem: 'it has not told yet' }) })),
  }
}

/** A definition without its sealed keys. */
function described(definition: PartitionDefinition) {
  if (definition.kind === 'software') return { partition: definition.name, kind: definition.kind }
  const { name, kind, module, token, serial, pinFile } = definition
  return { partition: name, kind, module, token, serial, pinFile }
}
