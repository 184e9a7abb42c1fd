import { type ClientBundle, RawClient } from '../support/tls-client.ts'

export interface LoadResult {
  readonly requests: number
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Answers that were not what was expected. */
  readonly failures: number
}

export interface LoadOptions {
  readonly connections: number
  /** Milliseconds before counting begins. */
  readonly warmUp: number
  /** Milliseconds of counting. */
  readonly duration: number
  /** The next message of a connection; the same bytes over and over, as a rule. Undefined when there are no more: the connection ends. */
  readonly next: (connection: number) => Uint8Array | undefined
  /** Whether an answer counts. */
  readonly accept?: (answer: Buffer) => boolean
}

/** Keeps each connection at one request in flight, and counts. Run it in a process of its own: it takes as much CPU as the server. */
export async function load(port: number, bundle: ClientBundle, options: LoadOptions): Promise<LoadResult> {
  const clients = await Promise.all(Array.from({ length: options.connections }, () => RawClient.open(port, bundle)))
  const latencies: number[] = []
  let failures = 0
  const began = performance.now()
  const countFrom = began + options.warmUp
  const until = countFrom + options.duration
  let ended = until
  await Promise.all(
    clients.map(async (client, index) => {
      for (let now = performance.now(); now < until; ) {
        const message = options.next(index)
        if (message === undefined) {
          // What is measured is the time in which all connections were busy.
          ended = Math.min(ended, now)
          return
        }
        const answer = await client.request(message)
        const after = performance.now()
        if (now >= countFrom && after <= ended) latencies.push(after - now)
        if (options.accept !== undefined && !options.accept(answer)) failures++
        now = after
      }
    }),
  )
  for (const client of clients) client.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  const seconds = (ended - countFrom) / 1000
  if (seconds <= 0) throw new Error('the messages of this load ran out during the warm-up: make more of them')
  return { requests: latencies.length, rate: latencies.length / seconds, p50: at(0.5), p99: at(0.99), failures }
}
