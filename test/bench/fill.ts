import type { RunningNode } from '../../src/main.ts'
import { type Context, operationTable } from '../../src/operations/index.ts'
import { ObjectStore } from '../../src/operations/object-store.ts'
import { ObjectCache } from '../../src/server/object-cache.ts'
import { Records } from '../../src/server/object-records.ts'
import { formatOf, tenantSpace } from '../../src/store/index.ts'
import { OpenPartitions } from '../../src/tenants/index.ts'
import { aesKey, keyName } from './cells.ts'

/** Keys that one commit makes. */
const perCommit = 500

/**
 * Makes keys `from` to `to` of a tenant through the Create handler, in commits of many: a million over the wire would take too long.
 */
export async function fill(node: RunningNode, tenant: string, from: number, to: number, progress: (made: number) => void): Promise<void> {
  const { registry, replica, ledger } = node
  const partitions = new OpenPartitions(registry.settings, node.openPartition, tenantSpace)
  const view = await registry.settings.current()
  const found = [...view.tenants.values()].find(({ value }) => value.id === tenant)
  if (found === undefined) throw new Error(`there is no tenant ${tenant}`)
  const scope = partitions.contextOf({ tenant: found.value.id } as Parameters<OpenPartitions['contextOf']>[0])
  const partition = await scope.partition()
  for (let at = from; at < to; at += perCommit) {
    await ledger.barrier()
    const nowMilliseconds = Date.now()
    const records = new Records({
      tenant,
      format: formatOf(ledger),
      space: scope.space,
      guard: scope.guard,
      wrapping: scope.wrapping,
      partition,
      replica,
      cache: new ObjectCache(),
    })
    const context = {
      now: Math.floor(nowMilliseconds / 1000),
      nowMilliseconds,
      objects: new ObjectStore(records, nowMilliseconds),
      partition,
      policy: { sensitive: false, extractable: true },
      attributeInstances: 'by-value',
    } as Context
    for (let index = at; index < Math.min(at + perCommit, to); index++) await operationTable.Create.handler(context, aesKey(keyName(index)))
    const changes = await records.changes()
    if (changes === undefined) continue
    const outcome = await ledger.commit(changes)
    if (outcome.outcome !== 'committed') throw new Error(`filling the store: ${outcome.outcome}`)
    progress(Math.min(at + perCommit, to))
  }
  await partitions.close()
}
