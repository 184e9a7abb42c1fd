import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import type { StreamEnd } from '../partitions/index.ts'
import { MessageStream } from '../processes/message-stream.ts'
import { type LaterPart, type StreamOwner, type StreamTable, unknownStream } from './stream-table.ts'

/** What one worker asks of another that has the stream. */
interface Ask {
  readonly call: number
  readonly name: Uint8Array
  readonly owner: StreamOwner
  readonly part: LaterPart | 'drop'
}

type Told = { readonly call: number } & (
  | { readonly end: StreamEnd | undefined }
  | { readonly reason: ResultReason; readonly message: string }
)

/** Bytes: more than the longest KMIP message, so that only a broken peer meets it. */
const largestFrame = 64 * 1024 * 1024

/** Lets the other processes of this node reach the streams of this one, on a Unix socket for their user alone (mode 0600). */
export async function serveStreams(table: StreamTable, socketPath: string): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    const stream: MessageStream<Told, Ask> = new MessageStream(socket, largestFrame, (ask) => {
      void answer(table, ask).then((told) => stream.send(told))
    })
  })
  // A socket file that a killed process left would be in the way.
  rmSync(socketPath, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  chmodSync(socketPath, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

async function answer(table: StreamTable, { call, name, owner, part }: Ask): Promise<Told> {
  try {
    if (part !== 'drop') return { call, end: await table.part(name, owner, part) }
    table.drop(name, owner)
    return { call, end: undefined }
  } catch (error) {
    if (error instanceof KmipError) return { call, reason: error.reason, message: error.message }
    return {
      call,
      reason: 'GeneralFailure',
      message: `A part could not be taken: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}

interface Live {
  readonly socket: Socket
  readonly stream: MessageStream<Ask, Told>
  readonly pending: Map<number, (told: Told | undefined) => void>
}

/** The streams of one other process of this node. It connects at the first call, and again after the connection broke. */
export class RemoteStreams {
  readonly #path: string
  #live: Live | undefined
  #next = 0

  constructor(socketPath: string) {
    this.#path = socketPath
  }

  /** @throws KmipError as `StreamTable.part`; InvalidCorrelationValue when the process is gone, and the stream with it. */
  async part(name: Uint8Array, owner: StreamOwner, part: LaterPart): Promise<StreamEnd> {
    const end = await this.#ask(name, owner, part)
    if (end === undefined) throw unknownStream()
    return end
  }

  async drop(name: Uint8Array, owner: StreamOwner): Promise<void> {
    await this.#ask(name, owner, 'drop')
  }

  close(): void {
    this.#live?.socket.destroy()
  }

  async #ask(name: Uint8Array, owner: StreamOwner, part: Ask['part']): Promise<StreamEnd | undefined> {
    const live = this.#live ?? this.#connect()
    const call = this.#next++
    const told = await new Promise<Told | undefined>((resolve) => {
      live.pending.set(call, resolve)
      live.stream.send({ call, name, owner, part })
    })
    if (told === undefined) return undefined
    if ('reason' in told) throw new KmipError(told.reason, told.message)
    return told.end
  }

  #connect(): Live {
    const pending: Live['pending'] = new Map()
    const onTold = (told: Told) => {
      pending.get(told.call)?.(told)
      pending.delete(told.call)
    }
    const { socket, stream } = MessageStream.connect<Ask, Told>(this.#path, largestFrame, onTold)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#live = undefined
      for (const resolve of pending.values()) resolve(undefined)
      pending.clear()
    })
    this.#live = { socket, stream, pending }
    return this.#live
  }
}
