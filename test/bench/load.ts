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
  /** The next message of a connection; the same bytes over and over, as a rule. */
  readonly next: (connection: number) => Uint8Array
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
  await Promise.all(
    clients.map(async (client, index) => {
      for (let now = performance.now(); now < until; ) {
        const answer = await client.request(options.next(index))
        const after = performance.now()
        if (now >= countFrom) latencies.push(after - now)
        if (options.accept !== undefined && !options.accept(answer)) failures++
        now = after
      }
    }),
  )
  for (const client of clients) client.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { requests: latencies.length, rate: latencies.length / (options.duration / 1000), p50: at(0.5), p99: at(0.99), failures }
}
