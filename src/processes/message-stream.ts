import { createConnection, type Socket } from 'node:net'
import { type Instances, ValueReader, ValueWriter } from './value-codec.ts'

const lengthBytes = 4
const readBytes = 64 * 1024

/**
 * Messages both ways between two processes of a node. A frame is a 4-byte length and an array of messages as values (value-codec.ts): what
 * is ready at the end of a turn of the loop goes out together, so that many messages cost one system call; in more than one frame where it is too much
 * for one.
 */
export class MessageStream<Out, In> {
  readonly #socket: Socket
  readonly #largestFrame: number
  readonly #onMessage: (message: In) => void
  readonly #writer: ValueWriter
  readonly #reader: ValueReader
  #outgoing: Out[] = []
  #chunks: Buffer[] = []
  #held = 0

  /** `largestFrame`: bytes beyond which a frame cannot be an honest peer's; the socket is closed then. */
  constructor(socket: Socket, largestFrame: number, onMessage: (message: In) => void, instances?: Instances) {
    this.#socket = socket
    this.#largestFrame = largestFrame
    this.#onMessage = onMessage
    this.#writer = new ValueWriter(instances)
    this.#reader = new ValueReader(instances)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** Connects to a process that serves such streams on a Unix socket. */
  static connect<Out, In>(
    path: string,
    largestFrame: number,
    onMessage: (message: In) => void,
    instances?: Instances,
  ): { readonly socket: Socket; readonly stream: MessageStream<Out, In> } {
    // One buffer for all reads: a stream's `data` takes a new one of 64 KiB for each, whatever has come.
    const callback = (length: number, buffer: Uint8Array): boolean => {
      stream.#take(Buffer.from(buffer.subarray(0, length)))
      return true
    }
    const socket = createConnection({ path, onread: { buffer: Buffer.allocUnsafeSlow(readBytes), callback } })
    const stream = new MessageStream<Out, In>(socket, largestFrame, onMessage, instances)
    return { socket, stream }
  }

  send(message: Out): void {
    this.#outgoing.push(message)
    if (this.#outgoing.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const messages = this.#outgoing
    this.#outgoing = []
    for (let sent = 0; sent < messages.length && !this.#socket.destroyed; ) {
      const { bytes, count } = this.#writer.writeSome(sent === 0 ? messages : messages.slice(sent), this.#largestFrame / 2, lengthBytes)
      bytes.writeUInt32BE(bytes.length - lengthBytes)
      this.#socket.write(bytes)
      sent += count
    }
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= lengthBytes) {
      const wanted = lengthBytes + this.#peekLength()
      if (wanted > this.#largestFrame) {
        this.#socket.destroy(new Error(`a message of ${wanted} bytes is larger than any that is sent`))
        return
      }
      if (this.#held < wanted) return
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#held)
      this.#chunks = bytes.length > wanted ? [bytes.subarray(wanted)] : []
      this.#held = bytes.length - wanted
      for (const message of this.#read(bytes.subarray(lengthBytes, wanted))) this.#onMessage(message)
    }
  }

  #read(frame: Buffer): readonly In[] {
    try {
      const messages = this.#reader.read(frame)
      if (Array.isArray(messages)) return messages
      throw new Error('a frame has an array of messages')
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
