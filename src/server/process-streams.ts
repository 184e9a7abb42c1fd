import type { FirstPart } from '../operations/index.ts'
import type { OpenedStream, PartitionStreams, StreamEnd } from '../partitions/index.ts'
import { correlationValue, readCorrelationValue, type StreamPlace } from './correlation-value.ts'
import type { NodeStreams } from './request-streams.ts'
import { RemoteStreams, serveStreams } from './stream-routes.ts'
import { type LaterPart, type StreamLimits, type StreamOwner, StreamTable, unknownStream } from './stream-table.ts'

export interface ProcessStreamsOptions extends StreamPlace {
  readonly limits: StreamLimits
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The socket of each process of this node by its number; undefined where this one serves alone. */
  readonly socketOf: ((process: number) => string | undefined) | undefined
}

/** The streams of this process, and the way to those of its siblings. */
export class ProcessStreams implements NodeStreams {
  readonly table: StreamTable
  readonly #options: ProcessStreamsOptions
  readonly #siblings = new Map<number, RemoteStreams>()
  #server: { close(): Promise<void> } | undefined

  constructor(options: ProcessStreamsOptions) {
    this.#options = options
    this.table = new StreamTable(options.limits, options.now)
  }

  /** Lets the siblings in. @throws Error when the socket cannot be opened. */
  async listen(): Promise<void> {
    const { socketOf, process } = this.#options
    const path = socketOf?.(process)
    if (path !== undefined) this.#server = await serveStreams(this.table, path)
  }

  async open(
    owner: StreamOwner,
    partition: PartitionStreams,
    begin: (streams: PartitionStreams) => Promise<OpenedStream>,
    first: FirstPart,
  ): Promise<{ readonly correlationValue: Uint8Array; readonly data: Uint8Array }> {
    const { name, data } = await this.table.open(owner, partition, begin, first)
    return { correlationValue: correlationValue(this.#options, name), data }
  }

  part(value: Uint8Array, owner: StreamOwner, part: LaterPart): Promise<StreamEnd> {
    const { process, name } = readCorrelationValue(this.#options.node, value)
    return this.#of(process).part(name, owner, part)
  }

  async drop(value: Uint8Array, owner: StreamOwner): Promise<void> {
    const { process, name } = readCorrelationValue(this.#options.node, value)
    await this.#of(process).drop(name, owner)
  }

  async close(): Promise<void> {
    for (const sibling of this.#siblings.values()) sibling.close()
    await this.#server?.close()
    this.table.close()
  }

  /** @throws KmipError InvalidCorrelationValue for a process that this node has not. */
  #of(process: number): StreamTable | RemoteStreams {
    if (process === this.#options.process) return this.table
    const known = this.#siblings.get(process)
    if (known !== undefined) return known
    const path = this.#options.socketOf?.(process)
    if (path === undefined) throw unknownStream()
    const sibling = new RemoteStreams(path)
    this.#siblings.set(process, sibling)
    return sibling
  }
}
