import { connect, createServer, type Server, type Socket } from 'node:net'

export interface BalancedNode {
  readonly port: number
  /** Where `/readyz` is asked. */
  readonly operatorPort: number
}

/** Milliseconds: how often readiness is asked, and for how long an answer is waited for. */
const poll = { every: 200, patience: 200 } as const

/**
 * A TCP load balancer as they all are: it knows nothing of KMIP, sends each connection to the first node whose `/readyz` says 200, and ends
 * the connections of a node that says anything else, or nothing in time.
 */
export class TcpBalancer {
  readonly #server: Server
  readonly #nodes: readonly BalancedNode[]
  readonly #pairs = new Set<{ readonly node: BalancedNode; readonly client: Socket; readonly target: Socket }>()
  readonly #ready = new Set<BalancedNode>()
  readonly #polls: NodeJS.Timeout[]

  private constructor(nodes: readonly BalancedNode[]) {
    this.#nodes = nodes
    this.#server = createServer((client) => this.#accept(client))
    this.#polls = nodes.map((node) => setInterval(() => void this.#poll(node), poll.every))
  }

  static async start(nodes: readonly BalancedNode[]): Promise<TcpBalancer> {
    const balancer = new TcpBalancer(nodes)
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve))
    while (balancer.#ready.size < nodes.length) await Promise.all(nodes.map((node) => balancer.#poll(node)))
    return balancer
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  isReady(node: BalancedNode): boolean {
    return this.#ready.has(node)
  }

  async close(): Promise<void> {
    for (const timer of this.#polls) clearInterval(timer)
    for (const pair of this.#pairs) end(pair)
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const node = this.#nodes.find((each) => this.#ready.has(each))
    if (node === undefined) {
      client.destroy()
      return
    }
    const pair = { node, client, target: connect(node.port, '127.0.0.1') }
    this.#pairs.add(pair)
    for (const [from, to] of [
      [client, pair.target],
      [pair.target, client],
    ] as const) {
      from
        .on('error', () => undefined)
        .on('close', () => {
          end(pair)
          this.#pairs.delete(pair)
        })
      from.on('data', (data) => to.write(data))
    }
  }

  async #poll(node: BalancedNode): Promise<void> {
    if (await isReady(node)) {
      this.#ready.add(node)
      return
    }
    this.#ready.delete(node)
    for (const pair of this.#pairs) if (pair.node === node) end(pair)
  }
}

async function isReady({ operatorPort }: BalancedNode): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${operatorPort}/readyz`, { signal: AbortSignal.timeout(poll.patience) })).status === 200
  } catch {
    return false
  }
}

function end({ client, target }: { readonly client: Socket; readonly target: Socket }): void {
  client.destroy()
  target.destroy()
}
