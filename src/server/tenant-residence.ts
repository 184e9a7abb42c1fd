import { type ResidentRule, usualResidentRule } from '../operations/index.ts'
import type { PartitionDefinition, Tenant } from '../tenants/index.ts'

/** A tenant's rule for resident keys, with what stands against them in the partition where its new keys are made. */
export function residentRuleOf(
  { policy }: Pick<Tenant, 'policy'>,
  definition: PartitionDefinition | undefined,
  place: 'in a cluster' | 'alone',
): ResidentRule {
  const { residentKeys: keys = usualResidentRule.keys, mostResidentKeys: most = usualResidentRule.most } = policy
  const isOneToken = place === 'alone' || definition?.kind !== 'pkcs11' || definition.serial !== undefined
  return { keys, most, obstacle: isOneToken ? undefined : notOneToken(definition.name) }
}

/** A key that is in one token only can be used at the nodes that have it: its serial number says that all have the same. */
function notOneToken(partition: string): string {
  return (
    `In a cluster resident keys need a token that all nodes share, and the definition of partition ${partition} names none by its serial number, ` +
    'so that each node may have one of its own. Add the partition with --serial.'
  )
}
