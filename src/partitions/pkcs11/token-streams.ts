import { randomUUID } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { noSuchStream } from '../in-parts.ts'
import type { HashName, KeyReference, OpenedStream, PartitionStreams, StreamEnd, StreamOperation } from '../partition.ts'
import type { TokenStream } from './token-stream.ts'

/** How a stream is begun. */
export interface StreamMaker {
  begin(key: KeyReference, operation: StreamOperation): Promise<TokenStream>
  beginHash(hash: HashName): Promise<TokenStream>
}

/** The streams of a token: bounded, since each takes one of the token's sessions as long as it lives. */
export class TokenStreams implements PartitionStreams {
  readonly #partition: string
  readonly #most: number
  readonly #maker: StreamMaker
  readonly #open = new Map<string, TokenStream>()
  /** Those that are being begun and ended: their sessions are open too. */
  #underWay = 0
  #closed = false

  constructor(partition: string, most: number, maker: StreamMaker) {
    this.#partition = partition
    this.#most = most
    this.#maker = maker
  }

  begin(key: KeyReference, operation: StreamOperation): Promise<OpenedStream> {
    return this.#keep(() => this.#maker.begin(key, operation))
  }

  beginHash(hash: HashName): Promise<OpenedStream> {
    return this.#keep(() => this.#maker.beginHash(hash))
  }

  async update(name: string, data: Uint8Array): Promise<Uint8Array> {
    const stream = this.#open.get(name)
    if (stream === undefined) throw noSuchStream(this.#partition)
    try {
      return await stream.update(data)
    } catch (error) {
      await this.#end(name)
      throw error
    }
  }

  async end(name: string, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd> {
    const stream = this.#open.get(name)
    if (stream === undefined) throw noSuchStream(this.#partition)
    // What comes behind the last part finds nothing.
    this.#open.delete(name)
    this.#underWay++
    try {
      return await stream.end(data, expected)
    } finally {
      await this.#shut(stream)
    }
  }

  abandon(name: string): void {
    void this.#end(name)
  }

  /** Ends all, once what they are at is done; those that are being begun are refused. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#open.keys()].map((name) => this.#end(name)))
  }

  async #keep(make: () => Promise<TokenStream>): Promise<OpenedStream> {
    if (this.#open.size + this.#underWay >= this.#most)
      throw new KmipError(
        'ServerLimitExceeded',
        `${this.#most} operations in parts are open on the token of partition ${this.#partition}, as many as may have a session of their own there. ` +
          'End one, let one run out, or send all of the data in one request.',
      )
    this.#underWay++
    let stream: TokenStream
    try {
      stream = await make()
    } catch (error) {
      this.#underWay--
      throw error
    }
    if (this.#closed) {
      await this.#shut(stream)
      throw new KmipError('GeneralFailure', `Partition ${this.#partition} was closed meanwhile. Begin anew.`)
    }
    this.#underWay--
    const name = randomUUID()
    this.#open.set(name, stream)
    return { stream: name, holdsBack: stream.holdsBack }
  }

  async #end(name: string): Promise<void> {
    const stream = this.#open.get(name)
    if (stream === undefined) return
    this.#open.delete(name)
    this.#underWay++
    await this.#shut(stream)
  }

  async #shut(stream: TokenStream): Promise<void> {
    await stream.close()
    this.#underWay--
  }
}
