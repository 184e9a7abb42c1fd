import type { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { ResultReason } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
import type { Partition } from '../partition.ts'

/** What a worker may ask of the hsm process. `close` is not among them: partitions there belong to the process. */
export const remoteMethods = [
  'describe',
  'generateKey',
  'generateKeyPair',
  'importKey',
  'reveal',
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'mac',
  'verifyMac',
  'wrapKey',
  'unwrapKey',
  'hash',
  'random',
  'digest',
  'sealRecord',
  'checkRecord',
  'forget',
] as const satisfies readonly (keyof Partition)[]

export type RemoteMethod = (typeof remoteMethods)[number]

export interface Call {
  readonly id: number
  readonly partition: string
  readonly method: RemoteMethod
  readonly arguments: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly reason: ResultReason; readonly message: string }

/** 64 MiB: more than the longest KMIP message, so that only a broken peer meets it. */
const longestFrame = 64 * 1024 * 1024
const lengthBytes = 4

/**
 * Messages both ways over a socket: a length of 4 bytes, then an array of messages in V8's structured serialization.
 * What is sent within one turn of the loop travels together, so that many calls cost one system call.
 */
export class FrameStream<Out, In> {
  readonly #socket: Socket
  readonly #receive: (message: In) => void
  #outgoing: Out[] = []
  #incoming: Buffer[] = []
  #length = 0

  constructor(socket: Socket, receive: (message: In) => void) {
    this.#socket = socket
    this.#receive = receive
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  send(message: Out): void {
    if (this.#outgoing.push(message) === 1) setImmediate(() => this.#flush())
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

  #take(chunk: Buffer): void {
    this.#incoming.push(chunk)
    this.#length += chunk.length
    while (this.#length >= lengthBytes) {
      const head = this.#incoming[0]!
      if (head.length < lengthBytes) this.#incoming = [Buffer.concat(this.#incoming)]
      const end = lengthBytes + this.#incoming[0]!.readUInt32BE(0)
      if (end > longestFrame) {
        this.#socket.destroy(new Error(`A frame of ${end} bytes on the hsm socket: the other side is not Tresor.`))
        return
      }
      if (this.#length < end) return
      const all = this.#incoming.length === 1 ? this.#incoming[0]! : Buffer.concat(this.#incoming)
      this.#incoming = all.length > end ? [all.subarray(end)] : []
      this.#length = all.length - end
      for (const message of deserialize(all.subarray(lengthBytes, end)) as In[]) this.#receive(message)
    }
  }
}

/** A value as structured data: a Secret, which refuses to be copied by accident, is marked and opened here on purpose. */
export function pack(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.expose() }
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(pack)
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, pack(field)]))
}

export function unpack(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(unpack)
  if ('$secret' in value && value.$secret instanceof Uint8Array) return new Secret(value.$secret)
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, unpack(field)]))
}
