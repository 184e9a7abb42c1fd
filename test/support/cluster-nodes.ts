import { callAdmin } from '../../src/admin/index.ts'
import { type NodeSettings, type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import { Client, type Credentials } from '../../src/client/index.ts'

/** Three whole nodes with the etcd ledger, as a person would make them, and two tenants. */
export interface ClusterNodes extends ScratchCluster {
  /** A client of a tenant at one node alone; closed with the cluster. */
  client(index: number, choice?: ClientChoice): Client
  /** Which node's etcd member leads now. */
  leader(): Promise<ScratchClusterNode>
}

export interface ClientChoice {
  /** `demo` unless said. */
  readonly tenant?: TenantName
  /** Connections at most; 1 unless said. */
  readonly connections?: number
  /** Milliseconds for which it asks its node again that says that it cannot serve now; 0 unless said: what the node answers is what is wanted. */
  readonly patience?: number
}

const tenants = ['demo', 'other'] as const
export type TenantName = (typeof tenants)[number]

export async function startClusterNodes(settings: NodeSettings = {}): Promise<ClusterNodes> {
  const cluster = await startScratchCluster({ settings: { workers: 1, log: { level: 'error' }, ...settings } })
  try {
    const [first] = cluster.nodes as [ScratchClusterNode]
    const credentials: Partial<Record<TenantName, Credentials>> = {}
    for (const tenant of tenants) {
      await callAdmin(first.data, 'tenant.add', { tenant })
      credentials[tenant] = await cluster.enroll(tenant, 'app')
    }
    const clients: Client[] = []
    return {
      ...cluster,
      client: (index, { tenant = 'demo', connections = 1, patience = 0 } = {}) => {
        const { endpoint } = cluster.nodes[index] as ScratchClusterNode
        const client = new Client({
          endpoints: [endpoint],
          ...(credentials[tenant] as Credentials),
          connectionsPerNode: connections,
          failover: { patience },
        })
        clients.push(client)
        return client
      },
      leader: () => leaderOf(cluster.nodes),
      remove: async () => {
        for (const client of clients) client.close()
        await cluster.remove()
      },
    }
  } catch (error) {
    await cluster.remove()
    throw error
  }
}

async function leaderOf(nodes: readonly ScratchClusterNode[]): Promise<ScratchClusterNode> {
  for (;;) {
    const running = nodes.find((node) => node.process.isRunning) as ScratchClusterNode
    const { members } = (await callAdmin(running.data, 'cluster.status')) as {
      readonly members: readonly { readonly name: string; readonly role: string }[]
    }
    const leading = members.find(({ role }) => role === 'leader')
    const node = nodes.find(({ name }) => name === leading?.name)
    if (node !== undefined) return node
  }
}
