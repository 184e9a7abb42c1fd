import { z } from 'zod'
import type { AdminMethod } from './admin-server.ts'
import type { AdministeredCluster, AdministeredNode } from './administered-node.ts'
import { checked, text } from './parameters.ts'

const invitation = z.strictObject({ uses: z.int().min(1).max(100).optional(), minutes: z.int().min(1).max(10_080).optional() })
const backup = z.strictObject({ file: text })
const eviction = z.strictObject({ member: text })

/** The cluster as its members see it. */
export function clusterMethods(node: AdministeredNode): Record<string, AdminMethod> {
  return {
    'cluster.status': async () => {
      const cluster = clusterOf(node)
      return { node: cluster.node, ...(await cluster.state()) }
    },
    'cluster.invite': async (call) => ({ token: await clusterOf(node).invite(checked(invitation, call)) }),
    'cluster.backup': async (call) => clusterOf(node).backUp(checked(backup, call).file),
    'cluster.evict': async (call) => {
      const { name } = await clusterOf(node).evict(checked(eviction, call).member)
      return { member: name }
    },
  }
}

function clusterOf({ cluster }: AdministeredNode): AdministeredCluster {
  if (cluster === undefined)
    throw new Error('this node stands alone. To begin a cluster with it: stop it, run tresor cluster init, and start it again')
  return cluster
}
