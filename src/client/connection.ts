import { connect, type TLSSocket } from 'node:tls'
import { decode, frameLength, headerBytes, type Item } from '../ttlv/index.ts'

/** Where a KMIP server listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What a client proves and whom it believes: PEM, as a bundle of `tresor tenant enroll` holds it. */
export interface Credentials {
  readonly ca: string | Uint8Array
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
}

export interface ConnectionOptions {
  /** Milliseconds for TCP and TLS to be established. */
  readonly connectTimeout: number
  /** Milliseconds from a request's last byte to its answer. */
  readonly answerTimeout: number
  /** Bytes that an answer may have. */
  readonly maximumAnswer: number
}

export const defaultConnectionOptions: ConnectionOptions = { connectTimeout: 5_000, answerTimeout: 30_000, maximumAnswer: 64 * 1024 * 1024 }

/** What a node or a balancer that is just going away does to a connection that is being made. */
const passingCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT'])

/** The connection is gone. `sent` tells whether the server may have seen the request. */
export class ConnectionLost extends Error {
  readonly sent: boolean

  /** Whether another try is sensible soon; not where nobody listens, or who listens is not believed. */
  readonly isPassing: boolean

  constructor(message: string, sent: boolean, options?: ErrorOptions & { readonly isPassing?: boolean }) {
    super(message, options)
    this.name = 'ConnectionLost'
    this.sent = sent
    const code = (options?.cause as NodeJS.ErrnoException | undefined)?.code
    this.isPassing = options?.isPassing ?? (sent || code === undefined || passingCodes.has(code))
  }
}

interface Waiting {
  readonly resolve: (frame: Uint8Array) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** One mutual-TLS connection: frames go out and their answers come back in the same order. */
export class Connection {
  readonly #socket: TLSSocket
  readonly #options: ConnectionOptions
  readonly #waiting: Waiting[] = []
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #wanted = headerBytes
  #lost: ConnectionLost | undefined
  #isEnding = false

  private constructor(socket: TLSSocket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => this.#take(chunk))
    socket.on('error', (error) => this.#lose(error.message, error))
    socket.on('close', () => this.#lose('the server closed the connection'))
  }

  /** @throws ConnectionLost naming the endpoint and what TLS or TCP said. */
  static open(endpoint: Endpoint, credentials: Credentials, options: ConnectionOptions = defaultConnectionOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: endpoint.host, port: endpoint.port, ...tlsOptions(endpoint, credentials) })
      const refuse = (why: string, cause?: Error) => {
        socket.destroy()
        reject(new ConnectionLost(`${endpoint.host}:${endpoint.port}: ${why}`, false, { cause }))
      }
      const timer = setTimeout(() => refuse(`no TLS connection within ${options.connectTimeout} ms`), options.connectTimeout)
      socket.once('error', (error) => {
        clearTimeout(timer)
        refuse(error.message, error)
      })
      socket.once('secureConnect', () => {
        clearTimeout(timer)
        socket.removeAllListeners('error')
        resolve(new Connection(socket, options))
      })
    })
  }

  get isOpen(): boolean {
    return this.#lost === undefined && !this.#isEnding
  }

  /** Requests on their way. */
  get inFlight(): number {
    return this.#waiting.length
  }

  /** Sends one message and resolves with the answer to it. @throws ConnectionLost */
  exchange(frame: Uint8Array): Promise<Uint8Array> {
    if (this.#lost !== undefined) return Promise.reject(new ConnectionLost(this.#lost.message, false))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(`no answer within ${this.#options.answerTimeout} ms`), this.#options.answerTimeout)
      this.#waiting.push({ resolve, reject, timer })
      this.#socket.write(frame)
    })
  }

  async exchangeItem(frame: Uint8Array): Promise<Item> {
    return decode(await this.exchange(frame), { maxBytes: this.#options.maximumAnswer, maxDepth: 64, maxItems: 1_000_000 })
  }

  /** Sends no more; closed when the answers that are on their way have come. */
  end(): void {
    this.#isEnding = true
    if (this.#waiting.length === 0) this.close()
  }

  close(): void {
    this.#lose('closed by this client')
  }

  #take(chunk: Uint8Array): void {
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    while (this.#pendingBytes >= this.#wanted) {
      const bytes = this.#pending.length === 1 ? (this.#pending[0] as Uint8Array) : Buffer.concat(this.#pending, this.#pendingBytes)
      this.#pending = [bytes]
      if (this.#wanted === headerBytes && !this.#learnLength(bytes)) return
      if (this.#pendingBytes < this.#wanted) return
      const frame = bytes.subarray(0, this.#wanted)
      const rest = bytes.subarray(this.#wanted)
      this.#pending = rest.length === 0 ? [] : [rest]
      this.#pendingBytes = rest.length
      this.#wanted = headerBytes
      this.#answer(frame)
    }
  }

  #learnLength(bytes: Uint8Array): boolean {
    try {
      this.#wanted = frameLength(bytes.subarray(0, headerBytes), this.#options.maximumAnswer)
      return true
    } catch (error) {
      this.#lose(`the answer is not KMIP: ${(error as Error).message}`)
      return false
    }
  }

  #answer(frame: Uint8Array): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) {
      this.#lose('the server sent a message that answers no request')
      return
    }
    clearTimeout(waiting.timer)
    waiting.resolve(frame)
    if (this.#isEnding && this.#waiting.length === 0) this.close()
  }

  #lose(why: string, cause?: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = new ConnectionLost(why, true, { cause })
    this.#socket.destroy()
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting.timer)
      waiting.reject(this.#lost)
    }
  }
}

function tlsOptions(endpoint: Endpoint, { ca, cert, key }: Credentials) {
  const isAddress = /^[\d.]+$|:/.test(endpoint.host)
  const pem = (value: string | Uint8Array) => (typeof value === 'string' ? value : Buffer.from(value))
  return {
    ca: pem(ca),
    cert: pem(cert),
    key: pem(key),
    minVersion: 'TLSv1.2' as const,
    ...(isAddress ? {} : { servername: endpoint.host }),
  }
}
