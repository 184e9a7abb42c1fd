import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { FrameReader } from '../../src/server/frames.ts'

/** What a client shows and trusts, PEM. */
export interface ClientBundle {
  readonly authority: string
  readonly certificate: string
  readonly privateKey: string
}

/** A client that sends bytes as they are and reads whole messages: for tests that look below any KMIP client. */
export class RawClient {
  readonly socket: TLSSocket
  readonly #reader = new FrameReader(64 * 1024 * 1024)
  readonly #frames: Buffer[] = []
  readonly #waiting: ((frame: Buffer | undefined) => void)[] = []
  /** The newest session ticket. */
  session: Buffer | undefined
  #closed = false

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('session', (session: Buffer) => {
      this.session = session
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
  }

  /** @throws when the handshake fails. */
  static async open(
    port: number,
    bundle: ClientBundle,
    options: ConnectionOptions & { readonly allowHalfOpen?: boolean } = {},
  ): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ...tlsOptions(bundle), ...options })
    socket.setNoDelay(true)
    const client = new RawClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed during the handshake')))
      socket.setTimeout(20_000, () => reject(new Error('no handshake within 20 s')))
    })
    socket.setTimeout(0)
    return client
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** The next message, or undefined when the server closed instead. */
  receive(): Promise<Buffer | undefined> {
    const frame = this.#frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#closed) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async request(bytes: Uint8Array): Promise<Buffer> {
    this.send(bytes)
    const answer = await this.receive()
    if (answer === undefined) throw new Error('the server closed the connection instead of answering')
    return answer
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    // Not `once`, which an error would reject: a reset is a way of closing.
    if (!this.#closed) await new Promise<void>((resolve) => this.socket.once('close', () => resolve()))
  }

  close(): void {
    this.socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#reader.push(chunk)
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#frames.push(frame)
      else waiting(frame)
    }
  }

  #end(): void {
    this.#closed = true
    for (const waiting of this.#waiting.splice(0)) waiting(undefined)
  }
}

export function tlsOptions(bundle: ClientBundle): ConnectionOptions {
  return { ca: bundle.authority, cert: bundle.certificate, key: bundle.privateKey }
}
