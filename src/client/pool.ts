import { Connection, type ConnectionOptions, type Credentials, type Endpoint } from './connection.ts'

interface Node {
  readonly endpoint: Endpoint
  readonly connections: Connection[]
  readonly opening: Set<Promise<Connection>>
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
    this.#nodes = endpoints.map((endpoint) => ({ endpoint, connections: [], opening: new Set<Promise<Connection>>(), restUntil: 0 }))
    this.#credentials = credentials
    this.#options = options
    this.#connectionsPerNode = connectionsPerNode
  }

  /** The nodes to try, most promising first. */
  candidates(): readonly Node[] {
    const now = performance.now()
    return [...this.#nodes].sort((a, b) => Number(a.restUntil > now) - Number(b.restUntil > now))
  }

  /**
   * The least busy open connection of a node, or a new one while there are few. One that is open is answered at once: who sends on it
   * before the next one asks is counted. @throws ConnectionLost
   */
  connectionTo(node: Node): Connection | Promise<Connection> {
    const open = node.connections.filter((connection) => connection.isOpen)
    node.connections.splice(0, node.connections.length, ...open)
    const idle = open.find((connection) => connection.inFlight === 0)
    if (idle !== undefined) return idle
    if (open.length + node.opening.size < this.#connectionsPerNode) return this.#open(node)
    const [first] = node.opening
    return open.length === 0 && first !== undefined ? first : leastBusy(open)
  }

  /** Marks a node as one to try last for a while. */
  avoid(node: Node): void {
    node.restUntil = performance.now() + rest
  }

  close(): void {
    for (const node of this.#nodes) for (const connection of node.connections) connection.close()
  }

  #open(node: Node): Promise<Connection> {
    const opening = Connection.open(node.endpoint, this.#credentials, this.#options)
      .then((connection) => {
        node.connections.push(connection)
        return connection
      })
      .finally(() => node.opening.delete(opening))
    node.opening.add(opening)
    return opening
  }
}

function leastBusy(connections: readonly Connection[]): Connection {
  return connections.reduce((best, connection) => (connection.inFlight < best.inFlight ? connection : best))
}
