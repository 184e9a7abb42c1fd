import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { TtlvError } from '../ttlv/index.ts'
import { FrameReader } from './frames.ts'
import type { ServerLimits } from './limits.ts'
import type { Log } from './log.ts'
import { writeThisTurn } from './write-turn.ts'

/** What the connections of a listener share. */
export interface ConnectionHost<Peer> {
  readonly limits: ServerLimits
  readonly log: Log
  readonly counters: ConnectionCounters
  /** Milliseconds of a clock that ticks with the listener's sweep: reading it costs nothing. */
  readonly clock: { now: number }
  /** The answer to a message. What goes wrong is an answer too. @throws LastAnswer when nothing after it can be read */
  respond(frame: Buffer, peer: Peer): Promise<Uint8Array>
  /** The answer to bytes that are no message. */
  refuse(error: TtlvError, bytes: Buffer): Uint8Array
  /** Called as a connection begins to hold more bytes; may close this or another one. */
  held(): void
}

/** One client's connection, whatever carries its messages: what a listener does with it. */
export interface Conversation<Peer> {
  peer: Peer
  /** Bytes that its unfinished messages and the one being answered take. */
  readonly held: number
  /** Answers what is in progress, then closes. */
  finish(): void
  /** Closes at once. */
  destroy(why: string): void
  /** Called when the socket is gone. */
  closed(): void
  /** Closes the connection when it has kept the server waiting for longer than a limit. */
  sweep(): void
}

export type Converse<Peer> = (socket: TLSSocket, peer: Peer, host: ConnectionHost<Peer>) => Conversation<Peer>

/** Plain numbers: the hot path only adds. */
export interface ConnectionCounters {
  bytesRead: number
  bytesWritten: number
  framesRefused: number
  closedForIdle: number
  closedForSlowFrame: number
  closedForSlowReading: number
  closedForMemory: number
}

/** Thrown by a service in place of an answer: this one is sent, then the connection is closed. */
export class LastAnswer extends Error {
  readonly answer: Uint8Array

  constructor(answer: Uint8Array, why: string) {
    super(why)
    this.name = 'LastAnswer'
    this.answer = answer
  }
}

type Phase = 'open' | 'ending' | 'closed'

/** One client: its messages are answered one after the other, in their order, and read no faster than it takes the answers. */
export class Connection<Peer> implements Conversation<Peer> {
  readonly socket: TLSSocket
  peer: Peer
  readonly #host: ConnectionHost<Peer>
  readonly #reader: FrameReader
  #phase: Phase = 'open'
  #busy = false
  #inProgress = 0
  #paused = false
  /** The client will send no more. */
  #ended = false
  #lastByte: number
  #frameBegan: number | undefined
  #writeBegan: number | undefined
  #endingBegan = 0

  constructor(socket: TLSSocket, peer: Peer, host: ConnectionHost<Peer>) {
    this.socket = socket
    this.peer = peer
    this.#host = host
    this.#reader = new FrameReader(host.limits.frameBytes)
    this.#lastByte = host.clock.now
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.#endOfInput())
  }

  get held(): number {
    return this.#reader.allocated + this.#inProgress
  }

  finish(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'ending'
    this.#endingBegan = this.#host.clock.now
    if (!this.#busy) this.#end()
  }

  destroy(why: string): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#reader.clear()
    this.#host.log.verbose('connection closed', { why, peer: address(this.socket) })
    this.socket.destroy()
  }

  closed(): void {
    this.#phase = 'closed'
    this.#reader.clear()
  }

  sweep(): void {
    const why = this.#overdue()
    if (why !== undefined) this.destroy(why)
  }

  #overdue(): string | undefined {
    const { limits, counters, clock } = this.#host
    const waited = (since: number | undefined) => (since === undefined ? 0 : clock.now - since)
    if (waited(this.#writeBegan) > limits.writeTimeout) {
      counters.closedForSlowReading++
      return `the client did not take an answer within ${limits.writeTimeout} ms`
    }
    if (this.#busy) return undefined
    if (this.#phase === 'ending') return waited(this.#endingBegan) > lingering ? 'the client did not close its side' : undefined
    if (waited(this.#frameBegan) > limits.frameTimeout) {
      counters.closedForSlowFrame++
      return `a message took longer than ${limits.frameTimeout} ms to arrive`
    }
    if (waited(this.#lastByte) <= limits.idleTimeout) return undefined
    counters.closedForIdle++
    return `nothing came for ${limits.idleTimeout} ms`
  }

  #take(chunk: Buffer): void {
    if (this.#phase !== 'open') return
    const host = this.#host
    host.counters.bytesRead += chunk.length
    this.#lastByte = host.clock.now
    this.#reader.push(chunk)
    if (!this.#busy) void this.#serve()
    else if (this.#reader.buffered > host.limits.readAhead && !this.#paused) {
      this.#paused = true
      this.socket.pause()
    }
  }

  /** Answers all the messages that are there. Only one such loop runs at a time. */
  async #serve(): Promise<void> {
    const { limits, counters } = this.#host
    this.#busy = true
    try {
      for (let answered = 0; ; ) {
        const frame = this.#reader.next()
        if (frame === undefined) break
        this.#frameBegan = undefined
        this.#inProgress = frame.length
        const answer = await this.#host.respond(frame, this.peer)
        this.#inProgress = 0
        if (this.#phase === 'closed') break
        counters.bytesWritten += answer.length
        if (!writeThisTurn(this.socket, answer)) await this.#drained()
        if (this.#phase !== 'open') break
        if (++answered >= limits.framesPerTurn && this.#reader.buffered > 0) {
          answered = 0
          await nextTurn()
        }
      }
    } catch (error) {
      this.#lost(error)
    }
    this.#busy = false
    this.#inProgress = 0
    this.#rest()
  }

  /** All that came whole is answered: waits for more, or ends. */
  #rest(): void {
    if (this.#ended) this.finish()
    if (this.#phase !== 'open') {
      this.#end()
      return
    }
    if (this.#reader.buffered > 0) {
      this.#frameBegan ??= this.#host.clock.now
      this.#host.held()
    }
    if (this.#paused && this.#phase === 'open') {
      this.#paused = false
      this.socket.resume()
    }
  }

  /** The stream cannot be cut into messages any more: says why, then closes (KMIP 1.4 §11.1, KMIP 2.1 §11.46 Codec Error). */
  #lost(error: unknown): void {
    if (this.#phase === 'closed') return
    const host = this.#host
    const known = error instanceof LastAnswer || error instanceof TtlvError
    if (!known) {
      host.log.error('a connection failed', { error })
      this.destroy('an internal error')
      return
    }
    host.counters.framesRefused++
    host.log.verbose('bytes that are no message', { problem: error.message, peer: address(this.socket) })
    this.socket.write(error instanceof LastAnswer ? error.answer : host.refuse(error, this.#reader.bytes))
    this.#phase = 'ending'
    this.#endingBegan = host.clock.now
  }

  #endOfInput(): void {
    this.#ended = true
    if (!this.#busy) this.finish()
  }

  #end(): void {
    if (this.#phase === 'closed') return
    this.#reader.clear()
    this.#frameBegan = undefined
    this.socket.end()
    // What still comes is read and dropped: unread bytes would turn the close into a reset that loses the answer.
    this.socket.resume()
  }

  #drained(): Promise<void> {
    this.#writeBegan = this.#host.clock.now
    return new Promise((resolve) => {
      const done = () => {
        this.#writeBegan = undefined
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }
}

/** Milliseconds that a client has to close its side after the server closed its own. */
const lingering = 2000

/** The client's address and port: unique among the connections that are open. */
export function address(socket: Socket): string {
  return `${socket.remoteAddress ?? 'gone'}:${socket.remotePort ?? 0}`
}
