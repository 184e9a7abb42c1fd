import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { status } from '@grpc/grpc-js'
import { openHttp2, type PeerFiles } from './etcd-endpoint.ts'

/**
 * Unary gRPC calls over HTTP/2, for the one call that every request of a cluster waits for: the same bytes as `@grpc/grpc-js` would send,
 * at half of its CPU time a call. One connection, made when it is needed and made anew when it is lost; each call is sent once.
 */
export class LeanChannel {
  readonly #endpoint: string
  readonly #files: PeerFiles
  #session: ClientHttp2Session | undefined

  constructor(endpoint: string, files: PeerFiles) {
    this.#endpoint = endpoint
    this.#files = files
  }

  /**
   * @param path `/package.Service/Method`
   * @param deadline milliseconds
   * @returns the answer's message
   * @throws Error with gRPC's `code` and `details`, as `@grpc/grpc-js` throws them
   */
  unary(path: string, message: Uint8Array, deadline: number): Promise<Buffer> {
    const session = this.#connected()
    return new Promise((resolve, reject) => {
      const stream = session.request({ ...requestHeaders, [constants.HTTP2_HEADER_PATH]: path, 'grpc-timeout': `${Math.ceil(deadline)}m` })
      const timer = setTimeout(() => {
        end(() => failure(status.DEADLINE_EXCEEDED, `no answer within ${Math.ceil(deadline)} ms`))
        stream.close(constants.NGHTTP2_CANCEL)
        leaveIfDead(session)
      }, deadline)
      let hasEnded = false
      const end = (outcome: Buffer | (() => Error)) => {
        if (hasEnded) return
        hasEnded = true
        clearTimeout(timer)
        if (typeof outcome === 'function') reject(outcome())
        else resolve(outcome)
      }
      readAnswer(stream, end)
      stream.end(framed(message))
    })
  }

  close(): void {
    this.#session?.destroy()
  }

  #connected(): ClientHttp2Session {
    if (this.#session !== undefined) return this.#session
    const session = openHttp2(this.#endpoint, this.#files)
    const forget = () => {
      if (this.#session === session) this.#session = undefined
    }
    // What fails is told by the streams; without a listener it would end the process.
    session.on('error', forget).on('close', forget).on('goaway', forget)
    session.unref()
    this.#session = session
    return session
  }
}

/** Ends a call with its message, or with what gRPC says in its trailers: an answer without a message has them in its headers. */
function readAnswer(stream: ClientHttp2Stream, end: (outcome: Buffer | (() => Error)) => void): void {
  const chunks: Buffer[] = []
  let held = 0
  const look = (headers: Readonly<Record<string, unknown>>) => {
    const code = headers['grpc-status']
    if (code === undefined || code === '0') return
    end(() => failure(Number(code), decodeURIComponent(String(headers['grpc-message'] ?? 'no reason given'))))
  }
  stream.on('response', look).on('trailers', look)
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    held += chunk.length
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, held)
    // The message is whole; the trailers that follow a message of a read add nothing.
    if (held >= prefixBytes && held >= prefixBytes + bytes.readUInt32BE(1))
      end(bytes.subarray(prefixBytes, prefixBytes + bytes.readUInt32BE(1)))
  })
  stream.on('error', (error) => end(() => failure(status.UNAVAILABLE, error.message)))
  stream.on('close', () => end(() => failure(status.UNAVAILABLE, 'the connection was closed')))
}

/** gRPC's length-prefixed message, not compressed. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** A peer that vanished without a word keeps its connection open here: one that answers no ping is left. */
function leaveIfDead(session: ClientHttp2Session): void {
  if (session.destroyed) return
  const timer = setTimeout(() => session.destroy(), pingMilliseconds)
  timer.unref()
  if (!session.connecting) session.ping(() => clearTimeout(timer))
  else session.once('connect', () => clearTimeout(timer))
}

function failure(code: number, details: string): Error {
  return Object.assign(new Error(details), { code, details })
}

const requestHeaders = {
  [constants.HTTP2_HEADER_METHOD]: constants.HTTP2_METHOD_POST,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  [constants.HTTP2_HEADER_TE]: 'trailers',
}

const prefixBytes = 5
const pingMilliseconds = 1000
