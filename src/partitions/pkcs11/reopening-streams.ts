import { KmipError } from '../../../spec/kmip-error.ts'
import { noSuchStream } from '../in-parts.ts'
import type { HashName, KeyReference, OpenedStream, PartitionStreams, StreamEnd, StreamOperation } from '../partition.ts'
import { isLost } from './device-error.ts'

/** An opening of the device, with its streams. */
interface Opening {
  readonly streams: PartitionStreams
}

/** What the streams need of the partition that opens its device anew. */
export interface Reopening<P extends Opening> {
  name(): string
  /** Begins in the device that is open now, and once more when that turns out to be gone. */
  begin(action: (streams: PartitionStreams) => Promise<OpenedStream>): Promise<{ readonly partition: P; readonly opened: OpenedStream }>
  isOpen(partition: P): boolean
  lost(partition: P, why: KmipError): void
}

/**
 * The streams of a partition that outlives its device's failures. A stream does not: what it had taken in is gone with its session, so its next part
 * fails, with General Failure and once, and a new one may be begun.
 */
export class ReopeningStreams<P extends Opening> implements PartitionStreams {
  readonly #device: Reopening<P>
  readonly #homes = new Map<string, P>()

  constructor(device: Reopening<P>) {
    this.#device = device
  }

  begin(key: KeyReference, operation: StreamOperation): Promise<OpenedStream> {
    return this.#begin((streams) => streams.begin(key, operation))
  }

  beginHash(hash: HashName): Promise<OpenedStream> {
    return this.#begin((streams) => streams.beginHash(hash))
  }

  async update(stream: string, data: Uint8Array): Promise<Uint8Array> {
    const home = this.#home(stream)
    try {
      return await home.streams.update(stream, data)
    } catch (error) {
      this.#homes.delete(stream)
      throw this.#failed(home, error)
    }
  }

  async end(stream: string, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd> {
    const home = this.#home(stream)
    this.#homes.delete(stream)
    try {
      return await home.streams.end(stream, data, expected)
    } catch (error) {
      throw this.#failed(home, error)
    }
  }

  abandon(stream: string): void {
    this.#homes.get(stream)?.streams.abandon(stream)
    this.#homes.delete(stream)
  }

  async #begin(action: (streams: PartitionStreams) => Promise<OpenedStream>): Promise<OpenedStream> {
    const { partition, opened } = await this.#device.begin(action)
    this.#homes.set(opened.stream, partition)
    return opened
  }

  #home(stream: string): P {
    const home = this.#homes.get(stream)
    if (home === undefined) throw noSuchStream(this.#device.name())
    if (this.#device.isOpen(home)) return home
    this.#homes.delete(stream)
    throw this.#over('was opened anew')
  }

  #failed(home: P, error: unknown): unknown {
    if (!isLost(error)) return error
    this.#device.lost(home, error as KmipError)
    return this.#over('failed', error)
  }

  #over(what: string, cause?: unknown): KmipError {
    const why = cause instanceof Error ? ` ${cause.message}` : ''
    return new KmipError(
      'GeneralFailure',
      `The device of partition ${this.#device.name()} ${what} in the middle of this stream, which is over. Begin it anew.${why}`,
      { cause },
    )
  }
}
