import { describeFailure, type EtcdClient } from './etcd-client.ts'
import type { WatchResponse } from './etcd-messages.ts'
import type { Keys } from './keys.ts'
import { type Log, sleep } from './timing.ts'

export interface ClockWatchOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly node: string
  readonly log: Log
  /** The clock, as `Date.now`. */
  readonly now: () => number
  /** Milliseconds between two stamps of a node. */
  readonly interval?: number
}

/** What a node writes under its name: its clock, and how late by its own clock each other node's last stamp came. */
interface Stamp {
  readonly at: number
  readonly lateness: Readonly<Record<string, number>>
}

interface Peer {
  /** Its clock minus this node's, and how far that may be wrong; milliseconds. */
  readonly offset: number
  readonly uncertainty: number
  /** `performance.now()`. */
  readonly heard: number
}

/** How far this node's clock is off by the median of all nodes' clocks, in milliseconds; positive when it is ahead. */
export interface ClockView {
  readonly deviation: number
  /** A sentence, when a majority of the clocks agrees that this one is off. */
  readonly problem: string | undefined
  /** A sentence, when clocks differ and no majority tells which is off. */
  readonly notice: string | undefined
}

/**
 * Compares this node's clock with the others'. Each node writes its time to etcd every few seconds and watches what the others write. From
 * how late a stamp came there, and how late one came here, follow the difference of the clocks and its bound, half of both ways together
 * (as NTP and Cristian have it), however long etcd took. No one clock is trusted: the median says what time it is.
 */
export class ClockWatch {
  readonly #options: Required<ClockWatchOptions>
  readonly #peers = new Map<string, Peer>()
  readonly #lateness = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #stop: (() => void) | undefined
  #endpoint = 0
  #closed = false
  readonly #done: Promise<void>

  constructor(options: ClockWatchOptions) {
    this.#options = { interval: defaultInterval, ...options }
    this.#timer = setInterval(() => void this.#write(), this.#options.interval)
    this.#done = this.#listen()
    void this.#write()
  }

  view(): ClockView {
    const oldest = performance.now() - 3 * this.#options.interval - graceMilliseconds
    const heard = [...this.#peers].filter(([, peer]) => peer.heard >= oldest)
    const [near, far] = middle(heard.map(([, peer]) => peer))
    const others = heard.map(([name, { offset }]) => `${name} ${signed(Math.round(offset))} ms`).join(', ')
    const isOff = ({ offset, uncertainty }: Sample) => Math.abs(offset) - uncertainty > clockToleranceMilliseconds
    const problem = isOff(near)
      ? `this node's clock is ${Math.abs(Math.round(near.offset))} ms ${near.offset < 0 ? 'ahead of' : 'behind'} the others' (${others}): set it; activation and deactivation dates take effect by it`
      : undefined
    const notice =
      problem === undefined && isOff(far) ? `the nodes' clocks differ (${others}), and no majority tells which is off: set them` : undefined
    return { deviation: -near.offset, problem, notice }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    this.#stop?.()
    await this.#done
  }

  async #write(): Promise<void> {
    const { client, keys, node, now, interval } = this.#options
    const key = keys.time(node)
    const endpoint = client.preferred
    try {
      const stamp: Stamp = { at: now(), lateness: Object.fromEntries(this.#lateness) }
      await client.put({ key, value: Buffer.from(JSON.stringify(stamp)) }, { deadline: Math.min(interval, callMilliseconds), endpoint })
    } catch {
      // Without a majority, or room, no clock can be compared; that is said elsewhere.
      client.moveOn(endpoint)
    }
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#follow()
      } catch (error) {
        if (this.#closed) return
        this.#options.log('info', `the nodes' clocks cannot be compared for a moment: ${describeFailure(error)}`)
        this.#endpoint = (this.#endpoint + 1) % this.#options.client.endpoints.length
        await sleep(retryMilliseconds)
      }
    }
  }

  #follow(): Promise<void> {
    const { client, keys, interval } = this.#options
    const request = { ...keys.times, startRevision: 0, progressNotify: false, fragment: false }
    const stream = client.watch(request, this.#endpoint)
    return new Promise((resolve, reject) => {
      // A member that is paused says nothing, not even this node's own stamps.
      const silence = setTimeout(() => stream.destroy(new Error('the member watched at is silent')), 3 * interval + graceMilliseconds)
      // A stream that was cancelled may never say that it is closed.
      silence.unref()
      this.#stop = () => {
        clearTimeout(silence)
        stream.cancel()
        resolve()
      }
      stream.on('data', (response: WatchResponse) => {
        silence.refresh()
        for (const { kv } of response.events) this.#hear(kv.key.toString().slice(keys.times.key.length), kv.value)
      })
      stream.on('error', reject)
      stream.on('end', () => reject(new Error('etcd ended the watch')))
      stream.on('close', () => clearTimeout(silence))
    })
  }

  #hear(name: string, value: Buffer): void {
    const { node, now } = this.#options
    if (name === node) return
    const stamp = readStamp(value)
    if (stamp === undefined) return
    const here = now() - stamp.at
    this.#lateness.set(name, here)
    const there = stamp.lateness[node]
    if (there === undefined) return
    this.#peers.set(name, { offset: (there - here) / 2, uncertainty: Math.abs(there + here) / 2, heard: performance.now() })
  }
}

interface Sample {
  readonly offset: number
  readonly uncertainty: number
}

/** The median of the others' clocks and this one's, which is 0. Of an even number the two in the middle: the one nearer to this clock first. */
function middle(others: readonly Sample[]): readonly [near: Sample, far: Sample] {
  const all = [{ offset: 0, uncertainty: 0 }, ...others].sort((a, b) => a.offset - b.offset)
  const [low, high] = [all[(all.length - 1) >> 1]!, all[all.length >> 1]!]
  return Math.abs(low.offset) <= Math.abs(high.offset) ? [low, high] : [high, low]
}

function readStamp(value: Buffer): Stamp | undefined {
  try {
    const { at, lateness } = JSON.parse(value.toString()) as Partial<Stamp>
    return typeof at === 'number' && typeof lateness === 'object' && lateness !== null ? { at, lateness } : undefined
  } catch {
    return undefined
  }
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value)
}

/** A clock that is off by more than this is said to be. */
const clockToleranceMilliseconds = 500
const defaultInterval = 5000
const graceMilliseconds = 1000
const callMilliseconds = 2000
const retryMilliseconds = 500
