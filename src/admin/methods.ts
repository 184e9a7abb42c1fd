import type { AdminMethod } from './admin-server.ts'
import type { AdministeredNode } from './administered-node.ts'
import { clusterMethods } from './cluster-methods.ts'
import { keyMethods } from './key-methods.ts'
import { partitionMethods } from './partition-methods.ts'
import { ruleMethods } from './rule-methods.ts'
import { tenantMethods } from './tenant-methods.ts'
import { turnMethods } from './turn-methods.ts'

/** Every call of the admin API on this node. */
export function adminMethods(node: AdministeredNode): Readonly<Record<string, AdminMethod>> {
  return {
    'node.status': () => node.status(),
    'node.reload': () => node.reload(),
    ...tenantMethods(node),
    ...ruleMethods(node),
    ...partitionMethods(node),
    ...turnMethods(node),
    ...keyMethods(node),
    ...clusterMethods(node),
  }
}
