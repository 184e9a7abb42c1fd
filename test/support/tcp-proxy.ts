import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay on a loopback port that can lose one direction. */
export class TcpProxy {
  readonly #server: Server
  readonly #pairs = new Set<readonly [client: Socket, target: Socket]>()
  #holdsRequests = false
  #holdsAnswers = false

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const target = connect(targetPort, '127.0.0.1')
      const pair = [client, target] as const
      this.#pairs.add(pair)
      const end = () => {
        client.destroy()
        target.destroy()
        this.#pairs.delete(pair)
      }
      client
        .on('data', (data) => target.write(data))
        .on('close', end)
        .on('error', end)
      target
        .on('data', (data) => client.write(data))
        .on('close', end)
        .on('error', end)
      this.#apply(pair)
    })
  }

  static async start(targetPort: number, host: string = '127.0.0.1'): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, host, resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** What the client sends is kept back until `release`. */
  holdRequests(): void {
    this.#holdsRequests = true
    for (const pair of this.#pairs) this.#apply(pair)
  }

  /** What the target answers is kept back until `release`. */
  holdAnswers(): void {
    this.#holdsAnswers = true
    for (const pair of this.#pairs) this.#apply(pair)
  }

  release(): void {
    this.#holdsRequests = false
    this.#holdsAnswers = false
    for (const [client, target] of this.#pairs) {
      client.resume()
      target.resume()
    }
  }

  /** Ends the connections that are open, with what was kept back. */
  cut(): void {
    for (const [client, target] of this.#pairs) {
      client.destroy()
      target.destroy()
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #apply([client, target]: readonly [Socket, Socket]): void {
    if (this.#holdsRequests) client.pause()
    if (this.#holdsAnswers) target.pause()
  }
}
