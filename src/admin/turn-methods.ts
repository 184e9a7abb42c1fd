import { z } from 'zod'
import { tenantOf } from '../store/index.ts'
import type { TurnProgress } from '../tenants/index.ts'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { checked, text } from './parameters.ts'
import { hasEpochSecrets } from './partition-protection.ts'

const named = z.strictObject({ partition: text })
const move = z.strictObject({ tenant: text, partition: text })
const moved = z.strictObject({ tenant: text })

/** Epoch turns and moves of tenants: begun here, done by whichever node has its turn, and seen from every node. */
export function turnMethods(node: AdministeredNode): Record<string, AdminMethod> {
  return {
    'partition.turn': async (call) => {
      const { partition } = checked(named, call)
      const definition = (await node.registry.listPartitions()).find(({ name }) => name === partition)
      return { partition, to: await node.turnPartition(partition), endsOldCopies: definition !== undefined && hasEpochSecrets(definition) }
    },
    'partition.migrate': async (call) => {
      const { tenant, partition } = checked(move, call)
      const { partition: before } = (await node.registry.showTenant(tenant)).tenant
      await node.moveTenant(tenant, partition)
      return { tenant, partition, wasThere: before === partition }
    },
    'partition.migrate-state': async (call) => {
      const { tenant: name } = checked(moved, call)
      const { tenant } = await node.registry.showTenant(name)
      const { moving, partition } = tenant
      if (moving === undefined) return { tenant: name, partition, move: null }
      return { tenant: name, partition, move: { to: moving.to, ...shownProgress(node.turnProgress(`move/${name}`)) } }
    },
    'partition.turn-state': async (call) => await turnState(node, checked(named, call).partition),
  }
}

/** `turn` null: none is under way. */
export async function turnState({ registry, turnProgress }: AdministeredNode, name: string) {
  const definition = (await registry.listPartitions()).find((candidate) => candidate.name === name)
  if (definition === undefined) throw new Error(`partition ${name} does not exist; see: tresor partition list`)
  const { turn } = definition
  if (turn === undefined) return { partition: name, epoch: definition.epoch, turn: null }
  return { partition: name, epoch: definition.epoch, turn: { ...turn, ...shownProgress(turnProgress(name)) } }
}

/** `stuck`: objects that keep it from its end, the first ones by name. */
function shownProgress({ seen = 0, total = 0, rewrapped = 0, problem, stuck }: Partial<TurnProgress> = {}) {
  const named = stuck?.first.map(({ space, id, problem, isDamaged }) => ({ tenant: tenantOf(space), id, problem, isDamaged })) ?? []
  return { seen, total, rewrapped, problem, stuck: { count: stuck?.count ?? 0, first: named } }
}
