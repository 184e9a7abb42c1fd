import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { TtlvError } from '../ttlv/index.ts'
import { address, Connection, type ConnectionCounters, type ConnectionHost, type Conversation, type Converse } from './connection.ts'
import type { ServerLimits } from './limits.ts'
import type { Log } from './log.ts'
import { contextOf, type TlsSettings } from './tls-settings.ts'

/** What answers on a listener's connections. */
export interface Service<Peer> {
  /**
   * Who is at the other end, or why nobody is let in. Asked for each connection, resumed ones included, and again after each `reconsider`.
   */
  identify(socket: TLSSocket): { readonly peer: Peer; readonly tenant: string } | { readonly refused: string }
  /** Resolves when `identify` knows every tenant, user and rule that was answered anywhere before this call. */
  current?(): Promise<void>
  /** Whether two evaluations found the same peer with the same rights. */
  same(before: Peer, after: Peer): boolean
  respond(frame: Buffer, peer: Peer): Promise<Uint8Array>
  refuse(error: TtlvError, bytes: Buffer): Uint8Array
}

export interface ListenerOptions<Peer> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly tls: TlsSettings
  readonly limits: ServerLimits
  readonly log: Log
  readonly service: Service<Peer>
  /** How messages travel on a connection; bare TTLV when left out. */
  readonly converse?: Converse<Peer>
}

export interface ListenerCounters extends ConnectionCounters {
  accepted: number
  refusedForLimit: number
  refusedForTenantLimit: number
  refusedForIdentity: number
  handshakesFailed: number
  handshakesEvicted: number
  resumed: number
}

export interface Listener {
  readonly port: number
  readonly counters: Readonly<ListenerCounters>
  /** Connections that are past their handshake. */
  connections(): number
  /** New certificates and authorities for the handshakes that follow. */
  reload(tls: TlsSettings): void
  /** The keys of session tickets, shared by all processes of the node. */
  setTicketKeys(keys: Buffer): void
  /** Identifies every open connection again, as after a new CRL or rule, and closes those that are refused or have become another. */
  reconsider(): void
  /** Stops accepting, answers what is in progress, closes; after `milliseconds` whatever is left is cut. */
  drain(milliseconds: number): Promise<void>
}

/** Opens a mutual-TLS port. @throws when the address cannot be had or the certificate does not fit its key. */
export async function listen<Peer>(options: ListenerOptions<Peer>): Promise<Listener> {
  const listener = new TlsListener(options)
  await listener.open(options.host, options.port)
  return listener
}

class TlsListener<Peer> implements Listener {
  readonly counters: ListenerCounters = newCounters()
  readonly #options: ListenerOptions<Peer>
  readonly #host: ConnectionHost<Peer>
  readonly #doorway: NetServer
  readonly #tls: TlsServer
  readonly #open = new Map<TLSSocket, { readonly connection: Conversation<Peer>; readonly tenant: string }>()
  readonly #perTenant = new Map<string, number>()
  /** Raw sockets whose handshake is in progress, by the client's address, oldest first. */
  readonly #handshakes = new Map<string, Socket>()
  readonly #sweeper: NodeJS.Timeout
  #held = 0
  #draining = false

  constructor(options: ListenerOptions<Peer>) {
    this.#options = options
    const { limits, log, service } = options
    this.#host = {
      limits,
      log,
      counters: this.counters,
      clock: { now: Date.now() },
      respond: (frame, peer) => service.respond(frame, peer),
      refuse: (error, bytes) => service.refuse(error, bytes),
      held: () => this.#boundMemory(),
    }
    this.#tls = createTlsServer({
      ...contextOf(options.tls),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeTimeout,
      allowHalfOpen: true,
    })
    this.#tls.on('secureConnection', (socket) => this.#admit(socket))
    this.#tls.on('tlsClientError', (error, socket) => this.#handshakeFailed(error, socket))
    this.#doorway = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#sweeper = setInterval(() => this.#sweep(), sweepEvery)
    this.#sweeper.unref()
  }

  get port(): number {
    const address = this.#doorway.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async open(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#doorway.once('error', reject)
      this.#doorway.listen({ host, port, backlog: 1024 }, () => {
        this.#doorway.off('error', reject)
        this.#doorway.on('error', (error) => this.#options.log.error('the listener failed', { error }))
        resolve()
      })
    }).catch((error: unknown) => {
      clearInterval(this.#sweeper)
      throw error
    })
  }

  connections(): number {
    return this.#open.size
  }

  reload(tls: TlsSettings): void {
    this.#tls.setSecureContext(contextOf(tls))
  }

  setTicketKeys(keys: Buffer): void {
    this.#tls.setTicketKeys(keys)
  }

  reconsider(): void {
    for (const [socket, { connection }] of this.#open) {
      const found = this.#identify(socket)
      if ('refused' in found) connection.destroy(found.refused)
      else if (this.#options.service.same(connection.peer, found.peer)) connection.peer = found.peer
      else connection.destroy('its identity or rights have changed')
    }
  }

  async drain(milliseconds: number): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#doorway.close(() => resolve()))
    for (const socket of this.#handshakes.values()) socket.destroy()
    for (const { connection } of this.#open.values()) connection.finish()
    const cut = setTimeout(() => {
      for (const { connection } of this.#open.values()) connection.destroy('the server stops')
    }, milliseconds)
    await closed
    // A TLS socket reports its end a moment after the socket under it.
    while (this.#open.size > 0) await nextTurn()
    clearTimeout(cut)
    clearInterval(this.#sweeper)
  }

  #accept(socket: Socket): void {
    const { limits } = this.#options
    this.counters.accepted++
    socket.on('error', () => socket.destroy())
    if (this.#handshakes.size >= limits.handshakes) this.#evictHandshake()
    if (this.#open.size + this.#handshakes.size >= limits.connections && !this.#evictHandshake()) {
      this.counters.refusedForLimit++
      this.#options.log.verbose('connection refused: the limit of all connections is reached', { limit: limits.connections })
      socket.destroy()
      return
    }
    const key = address(socket)
    this.#handshakes.set(key, socket)
    socket.once('close', () => this.#handshakes.get(key) === socket && this.#handshakes.delete(key))
    this.#tls.emit('connection', socket)
  }

  /** Ends the handshake that has lasted longest. A live client needs milliseconds; what is oldest here is most likely stalled. */
  #evictHandshake(): boolean {
    for (const [key, oldest] of this.#handshakes) {
      this.#handshakes.delete(key)
      this.counters.handshakesEvicted++
      oldest.destroy()
      return true
    }
    return false
  }

  #handshakeFailed(error: Error, socket: TLSSocket): void {
    this.counters.handshakesFailed++
    this.#options.log.verbose('handshake failed', { problem: error.message, peer: address(socket) })
    socket.destroy()
  }

  #admit(socket: TLSSocket): void {
    socket.on('error', (error) => {
      this.#options.log.verbose('connection failed', { problem: error.message, peer: address(socket) })
      socket.destroy()
    })
    const found = this.#identify(socket)
    if (!('refused' in found)) this.#welcome(socket, found)
    else if (verificationProblem(socket) === undefined) void this.#admitOnSecondLook(socket)
    else this.#refuse(socket, found.refused)
  }

  /** A client may be quicker than the settings that let it in: it was enrolled a moment ago, on this node or another. */
  async #admitOnSecondLook(socket: TLSSocket): Promise<void> {
    await this.#options.service.current?.().catch(() => undefined)
    const found = this.#identify(socket)
    if ('refused' in found) this.#refuse(socket, found.refused)
    else this.#welcome(socket, found)
  }

  #refuse(socket: TLSSocket, why: string): void {
    this.#handshakes.delete(address(socket))
    this.counters.refusedForIdentity++
    this.#options.log.info('connection refused', { why, peer: address(socket) })
    socket.destroy()
  }

  #welcome(socket: TLSSocket, found: { readonly peer: Peer; readonly tenant: string }): void {
    const { limits, log } = this.#options
    this.#handshakes.delete(address(socket))
    if (this.#draining || socket.destroyed) return void socket.destroy()
    if (socket.isSessionReused()) this.counters.resumed++
    const held = this.#perTenant.get(found.tenant) ?? 0
    if (held >= limits.connectionsPerTenant) {
      this.counters.refusedForTenantLimit++
      log.info('connection refused: the limit of the tenant is reached', { tenant: found.tenant, limit: limits.connectionsPerTenant })
      socket.destroy()
      return
    }
    this.#perTenant.set(found.tenant, held + 1)
    const connection = (this.#options.converse ?? conversation)(socket, found.peer, this.#host)
    this.#open.set(socket, { connection, tenant: found.tenant })
    socket.once('close', () => this.#gone(socket))
    if (log.writes('verbose')) {
      log.verbose('connection', {
        tenant: found.tenant,
        peer: address(socket),
        protocol: socket.getProtocol(),
        resumed: socket.isSessionReused(),
      })
    }
  }

  #identify(socket: TLSSocket): ReturnType<Service<Peer>['identify']> {
    try {
      const problem = verificationProblem(socket)
      if (problem !== undefined) return { refused: `the client's certificate does not verify: ${problem}` }
      return this.#options.service.identify(socket)
    } catch (error) {
      this.#options.log.error('an identity could not be evaluated', { error, peer: address(socket) })
      return { refused: 'the identity could not be evaluated' }
    }
  }

  #gone(socket: TLSSocket): void {
    const entry = this.#open.get(socket)
    if (entry === undefined) return
    this.#open.delete(socket)
    entry.connection.closed()
    const left = (this.#perTenant.get(entry.tenant) ?? 1) - 1
    if (left === 0) this.#perTenant.delete(entry.tenant)
    else this.#perTenant.set(entry.tenant, left)
  }

  #sweep(): void {
    this.#host.clock.now = Date.now()
    let held = 0
    for (const { connection } of this.#open.values()) {
      connection.sweep()
      held += connection.held
    }
    this.#held = held
  }

  /** Called for each piece of an unfinished message: counts upward between sweeps, and looks closely only near the limit. */
  #boundMemory(): void {
    const { limits, log } = this.#options
    this.#held += pieceBound
    if (this.#held <= limits.bufferedBytes) return
    const connections = [...this.#open.values()].map(({ connection }) => connection)
    this.#held = connections.reduce((sum, connection) => sum + connection.held, 0)
    while (this.#held > limits.bufferedBytes) {
      const largest = connections.reduce((a, b) => (b.held > a.held ? b : a))
      this.#held -= largest.held
      this.counters.closedForMemory++
      log.warn('too many bytes of unfinished messages; the connection that holds the most is closed', {
        bytes: largest.held,
        limit: limits.bufferedBytes,
      })
      largest.destroy('the limit of buffered bytes is reached')
    }
  }
}

function verificationProblem(socket: TLSSocket): string | undefined {
  const problem = socket.authorizationError as unknown as string | null
  // An anchor that is itself an intermediate ends the path for the service, which verifies it; OpenSSL would look for a root above.
  if (socket.authorized || problem === 'UNABLE_TO_GET_ISSUER_CERT') return undefined
  return problem ?? 'there is none'
}

function conversation<Peer>(socket: TLSSocket, peer: Peer, host: ConnectionHost<Peer>): Conversation<Peer> {
  return new Connection(socket, peer, host)
}

/** Milliseconds between two looks at all connections: the precision of the time limits. */
const sweepEvery = 250

/** A piece of input is at most one TLS record's worth of read buffer; a buffer at most doubles for it. */
const pieceBound = 128 * 1024

function newCounters(): ListenerCounters {
  return {
    bytesRead: 0,
    bytesWritten: 0,
    framesRefused: 0,
    closedForIdle: 0,
    closedForSlowFrame: 0,
    closedForSlowReading: 0,
    closedForMemory: 0,
    accepted: 0,
    refusedForLimit: 0,
    refusedForTenantLimit: 0,
    refusedForIdentity: 0,
    handshakesFailed: 0,
    handshakesEvicted: 0,
    resumed: 0,
  }
}
