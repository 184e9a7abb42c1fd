import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type DecodeLimits, decode, encode, fromJson, fromXml, type Item, TtlvError, toJson, toXml } from '../ttlv/index.ts'
import { address, type ConnectionHost, type Conversation } from './connection.ts'
import { decodeLimits } from './limits.ts'

/** A tree's form in an HTTP body, by its media type (KMIP Profiles 2.1 §3.2, Additional Message Encodings). */
interface Encoding {
  read(body: Buffer, limits: DecodeLimits): Item
  write(item: Item): Buffer
}

const encodings: Readonly<Record<string, Encoding>> = {
  'application/octet-stream': {
    read: decode,
    write: (item) => Buffer.from(encode(item)),
  },
  'text/xml': { read: fromXml, write: (item) => Buffer.from(toXml(item)) },
  'application/json': { read: fromJson, write: (item) => Buffer.from(toJson(item)) },
}

/** What answers trees, whatever carried them. */
export interface TreeService<Peer> {
  /** Never rejects. */
  respondTree(request: Item, peer: Peer): Promise<Item>
  refuseTree(error: TtlvError): Item
}

/** HTTP on connections that are already encrypted and identified: POST /kmip, one message a request. */
export class HttpProtocol<Peer> {
  readonly #service: TreeService<Peer>
  readonly #server: Server
  readonly #connections = new WeakMap<object, HttpConversation<Peer>>()

  constructor(service: TreeService<Peer>) {
    this.#service = service
    this.#server = createServer({ maxHeaderSize: 8192 }, (request, response) => void this.#serve(request, response))
    this.#server.keepAliveTimeout = 0
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  readonly converse = (socket: TLSSocket, peer: Peer, host: ConnectionHost<Peer>): Conversation<Peer> => {
    const conversation = new HttpConversation(socket, peer, host)
    this.#connections.set(socket, conversation)
    this.#server.emit('connection', socket)
    return conversation
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const conversation = this.#connections.get(request.socket)
    if (conversation === undefined) return void request.socket.destroy()
    if (conversation.inProgress >= pipelinedAtMost)
      return conversation.destroy(`more than ${pipelinedAtMost} requests were sent ahead of their answers`)
    try {
      conversation.began()
      await this.#answer(conversation, request, response)
    } catch (error) {
      conversation.host.log.error('an HTTP request failed', { error })
      response.destroy()
    } finally {
      conversation.answered(response)
    }
  }

  async #answer(conversation: HttpConversation<Peer>, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0]
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
    const encoding = Object.hasOwn(encodings, type) ? encodings[type] : undefined
    if (path !== '/kmip') return refuse(response, 404, 'KMIP is served at /kmip')
    if (request.method !== 'POST') return refuse(response, 405, 'KMIP requests are sent by POST')
    if (encoding === undefined) return refuse(response, 415, `the Content-Type is one of ${Object.keys(encodings).join(', ')}`)
    const body = await conversation.body(request)
    if (body === undefined) return refuse(response, 413, `a message has at most ${conversation.host.limits.frameBytes} bytes`)
    let answer: Item
    try {
      answer = await this.#service.respondTree(encoding.read(body, decodeLimits(conversation.host.limits)), conversation.peer)
    } catch (error) {
      if (!(error instanceof TtlvError)) throw error
      answer = this.#service.refuseTree(error)
    }
    const bytes = encoding.write(answer)
    conversation.host.counters.bytesWritten += bytes.length
    response.writeHead(200, {
      'content-type': type,
      'content-length': bytes.length,
      'cache-control': 'no-cache',
      ...conversation.lastHeader(),
    })
    response.end(bytes)
  }
}

class HttpConversation<Peer> implements Conversation<Peer> {
  peer: Peer
  readonly host: ConnectionHost<Peer>
  readonly #socket: TLSSocket
  #requests = 0
  #held = 0
  #began: number | undefined
  #lastByte: number
  #finishing: number | undefined

  constructor(socket: TLSSocket, peer: Peer, host: ConnectionHost<Peer>) {
    this.#socket = socket
    this.peer = peer
    this.host = host
    this.#lastByte = host.clock.now
  }

  get held(): number {
    return this.#held
  }

  /** Requests that came and were not answered yet. */
  get inProgress(): number {
    return this.#requests
  }

  finish(): void {
    this.#finishing ??= this.host.clock.now
    if (this.#requests === 0) this.#socket.end()
  }

  destroy(why: string): void {
    this.host.log.verbose('connection closed', { why, peer: address(this.#socket) })
    this.#held = 0
    this.#socket.destroy()
  }

  closed(): void {
    this.#held = 0
  }

  sweep(): void {
    const { limits, counters, clock } = this.host
    if (this.#began !== undefined && clock.now - this.#began > limits.frameTimeout + limits.writeTimeout) {
      counters.closedForSlowFrame++
      this.destroy('a request took too long to arrive or its answer to be taken')
    } else if (this.#requests === 0 && this.#finishing !== undefined && clock.now - this.#finishing > lingering) {
      this.destroy('the client did not close its side')
    } else if (this.#requests === 0 && clock.now - this.#lastByte > limits.idleTimeout) {
      counters.closedForIdle++
      this.destroy(`nothing came for ${limits.idleTimeout} ms`)
    }
  }

  began(): void {
    this.#requests++
    this.#began = this.host.clock.now
    this.#lastByte = this.#began
  }

  answered(response: ServerResponse): void {
    const done = () => {
      this.#requests--
      this.#began = undefined
      this.#held = 0
      if (this.#finishing !== undefined) this.#socket.end()
    }
    if (response.writableFinished || response.destroyed) done()
    else response.once('close', done)
  }

  /** Tells a client on a closing connection that this answer is its last. */
  lastHeader(): Readonly<Record<string, string>> {
    return this.#finishing === undefined ? {} : { connection: 'close' }
  }

  /** The whole body, or undefined when it is larger than a message may be. */
  async body(request: IncomingMessage): Promise<Buffer | undefined> {
    const { limits, counters } = this.host
    if (Number(request.headers['content-length'] ?? 0) > limits.frameBytes) return undefined
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of request as AsyncIterable<Buffer>) {
      counters.bytesRead += piece.length
      bytes += piece.length
      if (bytes > limits.frameBytes) return undefined
      pieces.push(piece)
      this.#held = bytes
      this.host.held()
    }
    return Buffer.concat(pieces)
  }
}

/** Milliseconds that a client has to close its side after the server closed its own. */
const lingering = 2000

/** Node.js takes in whatever is sent ahead: each request costs memory until it is answered. */
const pipelinedAtMost = 16

function refuse(response: ServerResponse, status: number, why: string): void {
  const body = Buffer.from(`${why}\n`)
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    connection: 'close',
    ...(status === 405 ? { allow: 'POST' } : {}),
  })
  response.end(body)
}
