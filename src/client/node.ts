import { Connection, ConnectionLost, type ConnectionOptions, type Credentials, type Endpoint } from './connection.ts'

export interface NodeOptions {
  readonly credentials: Credentials
  readonly connection: ConnectionOptions
  /** Connections at most. */
  readonly connections: number
  /** Milliseconds in which a probe must be answered, its connection included. */
  readonly probeTimeout: number
  /** Whether the node serves, asked over a connection of its own. */
  readonly probe: (connection: Connection) => Promise<boolean>
}

/** Milliseconds from one probe of a suspect node to the next: twice as many each time. */
const probeEvery = { first: 250, most: 4_000 } as const

/** One node of a server: the connections to it, and whether it is trusted to answer. */
export class Node {
  readonly endpoint: Endpoint
  readonly #options: NodeOptions
  readonly #opening = new Set<Promise<Connection>>()
  #connections: Connection[] = []
  /** No more is sent on them; some answers are still to come. */
  #ending: Connection[] = []
  #probing: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined
  #isSuspect = false
  #isClosed = false

  constructor(endpoint: Endpoint, options: NodeOptions) {
    this.endpoint = endpoint
    this.#options = options
  }

  get isSuspect(): boolean {
    return this.#isSuspect
  }

  /**
   * The least busy open connection, or a new one while there are few. One that is open is answered at once: who sends on it before the
   * next one asks is counted. @throws ConnectionLost
   */
  connection(): Connection | Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new ConnectionLost('this client is closed', false, { isPassing: false }))
    this.#connections = this.#connections.filter((connection) => connection.isOpen)
    const open = this.#connections
    const idle = open.find((connection) => connection.inFlight === 0)
    if (idle !== undefined) return idle
    if (open.length + this.#opening.size < this.#options.connections) return this.#open()
    const [first] = this.#opening
    return open.length === 0 && first !== undefined ? first : leastBusy(open)
  }

  /** Tried last from now on, and probed until it serves again. Its connections end with the answers that are still to come. */
  suspect(): void {
    if (this.#isSuspect || this.#isClosed) return
    this.#isSuspect = true
    const ending = this.#connections.splice(0)
    for (const connection of ending) connection.end()
    this.#ending = [...this.#ending, ...ending].filter(({ inFlight }) => inFlight > 0)
    this.#probeLater(probeEvery.first)
  }

  /** It has answered. */
  trust(): void {
    this.#isSuspect = false
    clearTimeout(this.#timer)
  }

  /** Whether it serves now; those who ask at the same time share one probe. */
  probe(): Promise<boolean> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined
    })
    return this.#probing
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const connection of [...this.#connections, ...this.#ending]) connection.close()
  }

  async #probe(): Promise<boolean> {
    const { credentials, connection: options, probeTimeout: most, probe } = this.#options
    let connection: Connection | undefined
    try {
      connection = await Connection.open(this.endpoint, credentials, { ...options, connectTimeout: most, answerTimeout: most })
      return await probe(connection)
    } catch {
      return false
    } finally {
      connection?.close()
    }
  }

  /** Somewhat off the even times, so that clients do not all come back at once. */
  #probeLater(pause: number): void {
    const again = () => this.#probeLater(Math.min(2 * pause, probeEvery.most))
    this.#timer = setTimeout(
      async () => {
        const serves = await this.probe()
        if (this.#isClosed || !this.#isSuspect) return
        if (serves) this.trust()
        else again()
      },
      pause * (0.75 + Math.random() / 2),
    ).unref()
  }

  #open(): Promise<Connection> {
    const { credentials, connection: options } = this.#options
    const opening = Connection.open(this.endpoint, credentials, options)
      .then((connection) => {
        if (this.#isClosed) connection.close()
        this.#connections.push(connection)
        return connection
      })
      .finally(() => this.#opening.delete(opening))
    this.#opening.add(opening)
    return opening
  }
}

function leastBusy(connections: readonly Connection[]): Connection {
  return connections.reduce((best, connection) => (connection.inFlight < best.inFlight ? connection : best))
}
