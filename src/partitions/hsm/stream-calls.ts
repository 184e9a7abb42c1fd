import { KmipError } from '../../../spec/kmip-error.ts'
import type { OpenedStream, Partition, PartitionStreams } from '../partition.ts'
import { type Call, remoteStreamMethods } from './calls.ts'

/** A worker's streams: they are its connection's, and end with it. */
export class StreamCalls {
  readonly #homes = new Map<string, PartitionStreams>()
  #closed = false

  /** What does the call; undefined for one that is about no stream. */
  find(partition: Partition, method: Call['method']): ((values: readonly unknown[]) => Promise<unknown>) | undefined {
    if (!method.startsWith('streams.')) return undefined
    const known = remoteStreamMethods.find((name) => `streams.${name}` === method)
    if (known === undefined) return undefined
    const { streams } = partition
    if (streams === undefined) throw new KmipError('OperationNotSupported', 'This partition does no operations in parts.')
    return async (values) => {
      const call = streams[known] as (...given: unknown[]) => unknown
      if (known === 'end' || known === 'abandon') this.#homes.delete(values[0] as string)
      const result = await call.apply(streams, [...values])
      if (known === 'begin' || known === 'beginHash') this.#keep((result as OpenedStream).stream, streams)
      return result
    }
  }

  close(): void {
    this.#closed = true
    for (const [stream, streams] of this.#homes) streams.abandon(stream)
    this.#homes.clear()
  }

  #keep(stream: string, streams: PartitionStreams): void {
    // Begun while its worker went away.
    if (this.#closed) streams.abandon(stream)
    else this.#homes.set(stream, streams)
  }
}
