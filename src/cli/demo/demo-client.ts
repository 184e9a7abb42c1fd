/** What the demonstration asks of a KMIP client; `port` chooses the node. Keys are AES-256, encryption is CBC with padding. */
export interface DemoClient {
  /** For people: `PyKMIP 0.11.0, KMIP 1.4`. */
  readonly name: string
  create(port: number): Promise<string>
  activate(port: number, id: string): Promise<void>
  /** The key's bytes. */
  get(port: number, id: string): Promise<Uint8Array>
  encrypt(port: number, id: string, data: Uint8Array, iv: Uint8Array): Promise<Uint8Array>
  revoke(port: number, id: string): Promise<void>
  destroy(port: number, id: string): Promise<void>
  /** The node was killed: what comes next for it opens a new connection. */
  leave(port: number): Promise<void>
  close(): void
}

/** The server refused, as a client of any make sees it. */
export class Refused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Refused'
  }
}
