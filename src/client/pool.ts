import type { Endpoint } from './connection.ts'
import { Node, type NodeOptions } from './node.ts'

/** The nodes of one server: the first in the order given that is trusted serves, the others stand by. */
export class Pool {
  readonly #nodes: readonly Node[]

  constructor(endpoints: readonly Endpoint[], options: NodeOptions) {
    this.#nodes = endpoints.map((endpoint) => new Node(endpoint, options))
  }

  /** In the order given. */
  get nodes(): readonly Node[] {
    return this.#nodes
  }

  /** The nodes to try, most promising first. */
  candidates(): readonly Node[] {
    return this.#nodes.some(({ isSuspect }) => isSuspect)
      ? [...this.#nodes].sort((a, b) => Number(a.isSuspect) - Number(b.isSuspect))
      : this.#nodes
  }

  close(): void {
    for (const node of this.#nodes) node.close()
  }
}
