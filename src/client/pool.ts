import { Connection, type ConnectionOptions, type Credentials, type Endpoint } from './connection.ts'

interface Node {
  readonly endpoint: Endpoint
  readonly connections: Connection[]
  opening: Promise<Connection> | undefined
  /** Milliseconds (monotonic) before which this node is tried last. */
  restUntil: number
}

/** How long a node that failed is tried last, in milliseconds. */
const rest = 1_000

/** Connections to the nodes of one server: the first healthy node in the order given serves, the others stand by. */
export class Pool {
  readonly #nodes: readonly Node[]
  readonly #credentials: Credentials
  readonly #options: ConnectionOptions
  readonly #connectionsPerNode: number

  constructor(endpoints: readonly Endpoint[], credentials: Credentials, options: ConnectionOptions, connectionsPerNode: number) {
    this.#nodes = endpoints.map((endpoint) => ({ endpoint, connections: [], opening: undefined, restUntil: 0 }))
    this.#credentials = credentials
    this.#options = options
    this.#connectionsPerNode = connectionsPerNode
  }

  /** The nodes to try, most promising first. */
  candidates(): readonly Node[] {
    const now = performance.now()
    return [...this.#nodes].sort((a, b) => Number(a.restUntil > now) - Number(b.restUntil > now))
  }

  /** The least busy open connection of a node, or a new one while there are few. @throws ConnectionLost */
  async connectionTo(node: Node): Promise<Connection> {
    const open = node.connections.filter((connection) => connection.isOpen)
    node.connections.splice(0, node.connections.length, ...open)
    const idle = open.find((connection) => connection.inFlight === 0)
    if (idle !== undefined) return idle
    if (open.length >= this.#connectionsPerNode) return leastBusy(open)
    node.opening ??= this.#open(node)
    return node.opening
  }

  /** Marks a node as one to try last for a while. */
  avoid(node: Node): void {
    node.restUntil = performance.now() + rest
  }

  close(): void {
    for (const node of this.#nodes) for (const connection of node.connections) connection.close()
  }

  async #open(node: Node): Promise<Connection> {
    try {
      const connection = await Connection.open(node.endpoint, this.#credentials, this.#options)
      node.connections.push(connection)
      return connection
    } finally {
      node.opening = undefined
    }
  }
}

function leastBusy(connections: readonly Connection[]): Connection {
  return connections.reduce((best, connection) => (connection.inFlight < best.inFlight ? connection : best))
}
