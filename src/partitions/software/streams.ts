import { randomUUID } from 'node:crypto'
import { noSuchStream } from '../in-parts.ts'
import type { HashName, KeyReference, OpenedStream, PartitionStreams, StreamEnd, StreamOperation } from '../partition.ts'
import { cipherStream } from './cipher-streams.ts'
import { macStream, signStream, verifyMacStream, verifyStream } from './digest-streams.ts'
import type { HeldKey } from './held-key.ts'
import type { SoftwareStream } from './software-stream.ts'

/** The streams of a software partition: OpenSSL's contexts, in this process's memory. */
export class SoftwareStreams implements PartitionStreams {
  readonly #partition: string
  readonly #hold: (key: KeyReference) => HeldKey
  readonly #hash: (hash: HashName) => SoftwareStream
  readonly #open = new Map<string, SoftwareStream>()

  constructor(partition: string, hold: (key: KeyReference) => HeldKey, hash: (hash: HashName) => SoftwareStream) {
    this.#partition = partition
    this.#hold = hold
    this.#hash = hash
  }

  async begin(key: KeyReference, operation: StreamOperation): Promise<OpenedStream> {
    return this.#keep(keyedStream(this.#partition, this.#hold(key), operation))
  }

  async beginHash(hash: HashName): Promise<OpenedStream> {
    return this.#keep(this.#hash(hash))
  }

  async update(stream: string, data: Uint8Array): Promise<Uint8Array> {
    const open = this.#find(stream)
    try {
      return open.update(data)
    } catch (error) {
      this.#open.delete(stream)
      throw error
    }
  }

  async end(stream: string, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd> {
    const open = this.#find(stream)
    this.#open.delete(stream)
    return open.end(data, expected)
  }

  abandon(stream: string): void {
    this.#open.delete(stream)
  }

  clear(): void {
    this.#open.clear()
  }

  #keep(stream: SoftwareStream): OpenedStream {
    const name = randomUUID()
    this.#open.set(name, stream)
    return { stream: name, holdsBack: stream.holdsBack }
  }

  #find(stream: string): SoftwareStream {
    const open = this.#open.get(stream)
    if (open !== undefined) return open
    throw noSuchStream(this.#partition)
  }
}

function keyedStream(partition: string, held: HeldKey, operation: StreamOperation): SoftwareStream {
  switch (operation.operation) {
    case 'encrypt':
    case 'decrypt':
      return cipherStream(partition, held, operation)
    case 'sign':
      return signStream(partition, held, operation.mechanism)
    case 'verify':
      return verifyStream(partition, held, operation.mechanisms)
    case 'mac':
      return macStream(partition, held, operation.mechanism)
    case 'verifyMac':
      return verifyMacStream(partition, held, operation.mechanism)
  }
}
