import type { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { ChangeSet, CommitOutcome } from './ledger.ts'

/**
 * What travels between a node's workers and its ledger process on a Unix socket that only their user can open.
 * A frame is a 4-byte length and a batch of messages in V8's serialization: what is ready at the end of a turn goes out together.
 */
export type ToLedger = { readonly call: number; readonly barrier: true } | { readonly call: number; readonly commit: ChangeSet }

/** `instance` is new for each ledger process. */
export type FromLedger =
  | { readonly hello: { readonly barrier: BarrierKind; readonly instance: string } }
  | { readonly problem: string | undefined }
  | { readonly call: number; readonly outcome?: CommitOutcome; readonly error?: { readonly reason: string; readonly message: string } }

/** Whether a barrier must ask the ledger process, or is only a look at the newest commit in the shared file. */
export type BarrierKind = 'local' | 'asked'

const lengthBytes = 4
/** Bytes of a frame at most: a change set holds records of one request, bounded by the server's frame limit. */
const largestFrame = 256 * 1024 * 1024

/** Sends and receives batches of messages. */
export class MessageStream<Out, In> {
  readonly #socket: Socket
  #outgoing: Out[] = []
  #chunks: Buffer[] = []
  #held = 0

  constructor(socket: Socket, onMessage: (message: In) => void) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk, onMessage))
  }

  send(message: Out): void {
    this.#outgoing.push(message)
    if (this.#outgoing.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const body = serialize(this.#outgoing)
    this.#outgoing = []
    if (this.#socket.destroyed) return
    const length = Buffer.allocUnsafe(lengthBytes)
    length.writeUInt32BE(body.length)
    this.#socket.cork()
    this.#socket.write(length)
    this.#socket.write(body)
    this.#socket.uncork()
  }

  #take(chunk: Buffer, onMessage: (message: In) => void): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= lengthBytes) {
      const wanted = lengthBytes + this.#peekLength()
      if (wanted > largestFrame) {
        this.#socket.destroy(new Error(`a message of ${wanted} bytes is larger than any that is sent`))
        return
      }
      if (this.#held < wanted) return
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#held)
      this.#chunks = bytes.length > wanted ? [bytes.subarray(wanted)] : []
      this.#held = bytes.length - wanted
      for (const message of this.#read(bytes.subarray(lengthBytes, wanted))) onMessage(message)
    }
  }

  #read(frame: Buffer): readonly In[] {
    try {
      return deserialize(frame) as In[]
    } catch (error) {
      this.#socket.destroy(new Error('a message cannot be read: the processes of this node are of different versions', { cause: error }))
      return []
    }
  }

  #peekLength(): number {
    const [first] = this.#chunks as [Buffer]
    if (first.length < lengthBytes) this.#chunks = [Buffer.concat(this.#chunks, this.#held)]
    return (this.#chunks[0] as Buffer).readUInt32BE(0)
  }
}
