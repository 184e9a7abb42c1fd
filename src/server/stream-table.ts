import { randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { FirstPart, StreamPurpose } from '../operations/index.ts'
import type { OpenedStream, PartitionStreams, StreamEnd } from '../partitions/index.ts'
import type { ServerLimits } from './limits.ts'

/** Who may continue a stream, and with what. */
export interface StreamOwner extends StreamPurpose {
  readonly tenant: string
  readonly user: string
}

export type StreamLimits = Pick<
  ServerLimits,
  'streams' | 'streamsPerTenant' | 'streamIdleTimeout' | 'streamHeldBytes' | 'streamHeldBytesPerTenant'
>

/** A part and how it is to be taken: `last` ends the stream. */
export interface LaterPart {
  readonly place: 'next' | 'last'
  readonly data: Uint8Array
  readonly expected?: Uint8Array | undefined
}

interface Open {
  readonly owner: StreamOwner
  readonly streams: PartitionStreams
  readonly stream: string
  readonly holdsBack: boolean
  readonly expected: Uint8Array | undefined
  /** Bytes of plain text that wait for their tag. */
  held: number
  usedAt: number
  /** The part before; the next one waits for it. */
  turn: Promise<unknown>
  waiting: number
}

interface Share {
  streams: number
  held: number
}

/**
 * The streams that live in this process. Each has a secret name that only its client is told, and belongs to one tenant, user, operation and key.
 * What was not used for the idle time-out ends.
 */
export class StreamTable {
  readonly #limits: StreamLimits
  readonly #now: () => number
  readonly #open = new Map<string, Open>()
  readonly #shares = new Map<string, Share>()
  readonly #all: Share = { streams: 0, held: 0 }
  #sweeping: NodeJS.Timeout | undefined

  /** `now` in milliseconds. */
  constructor(limits: StreamLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#all.streams
  }

  /** Bytes of plain text that wait for their tag. */
  get held(): number {
    return this.#all.held
  }

  /** @throws KmipError ServerLimitExceeded; whatever `begin` and the first part throw: there is no stream then. */
  async open(
    owner: StreamOwner,
    partition: PartitionStreams,
    begin: (streams: PartitionStreams) => Promise<OpenedStream>,
    first: FirstPart,
  ): Promise<{ readonly name: Buffer; readonly data: Uint8Array }> {
    const share = this.#enter(owner.tenant)
    const name = randomBytes(nameBytes)
    const key = name.toString('hex')
    try {
      const { stream, holdsBack } = await begin(partition)
      const expected = first.expected && Uint8Array.from(first.expected)
      const usedAt = this.#now()
      this.#open.set(key, { owner, streams: partition, stream, holdsBack, expected, held: 0, usedAt, turn: done, waiting: 0 })
      this.#sweepLater()
    } catch (error) {
      this.#leave(owner.tenant, share, 0)
      throw error
    }
    const data = first.data.length === 0 ? nothing : (await this.part(name, owner, { place: 'next', data: first.data })).data
    return { name, data }
  }

  /** @throws KmipError InvalidCorrelationValue; whatever else it throws ends the stream. */
  async part(name: Uint8Array, owner: StreamOwner, part: LaterPart): Promise<StreamEnd> {
    const key = Buffer.from(name).toString('hex')
    const open = this.#find(key, owner)
    open.waiting++
    const taken = open.turn.then(() => this.#take(key, open, part))
    open.turn = taken.catch(() => undefined)
    try {
      return await taken
    } finally {
      open.waiting--
      open.usedAt = this.#now()
    }
  }

  /** Ends a stream, if it is there and the owner's. */
  drop(name: Uint8Array, owner: StreamOwner): void {
    const key = Buffer.from(name).toString('hex')
    const open = this.#open.get(key)
    if (open !== undefined && isSame(open.owner, owner)) this.#end(key, open)
  }

  /** Ends what was idle for too long. */
  sweep(): void {
    const oldest = this.#now() - this.#limits.streamIdleTimeout
    for (const [key, open] of this.#open) if (open.waiting === 0 && open.usedAt < oldest) this.#end(key, open)
    if (this.#open.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  close(): void {
    for (const [key, open] of this.#open) this.#end(key, open)
    this.sweep()
  }

  async #take(key: string, open: Open, { place, data, expected }: LaterPart): Promise<StreamEnd> {
    // The part before may have ended it while this one waited.
    if (this.#open.get(key) !== open) throw unknownStream()
    try {
      if (place === 'last') return await open.streams.end(open.stream, data, expected ?? open.expected)
      if (open.holdsBack) this.#hold(open, data.length)
      return { data: await open.streams.update(open.stream, data) }
    } catch (error) {
      this.#end(key, open)
      throw error
    } finally {
      if (place === 'last') this.#end(key, open)
    }
  }

  /** Before the bytes are taken. @throws KmipError ServerLimitExceeded. */
  #hold(open: Open, bytes: number): void {
    const { streamHeldBytes, streamHeldBytesPerTenant } = this.#limits
    const share = this.#share(open.owner.tenant)
    if (share.held + bytes > streamHeldBytesPerTenant || this.#all.held + bytes > streamHeldBytes)
      throw new KmipError(
        'ServerLimitExceeded',
        `Plain text is held back until its tag is verified, at most ${streamHeldBytesPerTenant} bytes of a tenant and ${streamHeldBytes} in all ` +
          '(limits.streamHeldBytesPerTenant, limits.streamHeldBytes): decrypt it in fewer streams at a time, or encrypt it in smaller messages.',
      )
    for (const one of [open, share, this.#all]) one.held += bytes
  }

  #find(key: string, owner: StreamOwner): Open {
    const open = this.#open.get(key)
    if (open === undefined || open.owner.tenant !== owner.tenant || open.owner.user !== owner.user) throw unknownStream()
    if (isSame(open.owner, owner)) return open
    throw new KmipError(
      'InvalidCorrelationValue',
      `This stream was begun by ${open.owner.operation}${open.owner.uniqueIdentifier === undefined ? '' : ` with ${open.owner.uniqueIdentifier}`}, and goes on only so.`,
    )
  }

  /** Before anything is begun. @throws KmipError ServerLimitExceeded. */
  #enter(tenant: string): Share {
    const { streams, streamsPerTenant } = this.#limits
    const share = this.#share(tenant)
    if (share.streams >= streamsPerTenant || this.#all.streams >= streams)
      throw new KmipError(
        'ServerLimitExceeded',
        `${this.#all.streams} streams are open, ${share.streams} of this tenant; there may be ${streams} and ${streamsPerTenant} ` +
          '(limits.streams, limits.streamsPerTenant). End one, or let one run out.',
      )
    for (const one of [share, this.#all]) one.streams++
    this.#shares.set(tenant, share)
    return share
  }

  #leave(tenant: string, share: Share, held: number): void {
    for (const one of [share, this.#all]) {
      one.streams--
      one.held -= held
    }
    if (share.streams === 0) this.#shares.delete(tenant)
  }

  #share(tenant: string): Share {
    return this.#shares.get(tenant) ?? { streams: 0, held: 0 }
  }

  #end(key: string, open: Open): void {
    if (!this.#open.delete(key)) return
    open.streams.abandon(open.stream)
    this.#leave(open.owner.tenant, this.#share(open.owner.tenant), open.held)
  }

  #sweepLater(): void {
    this.#sweeping ??= setInterval(() => this.sweep(), sweepEvery).unref()
  }
}

/** The same error for a stream that never was, is over, or is another's: nobody learns of what is not theirs. */
export function unknownStream(): KmipError {
  return new KmipError('InvalidCorrelationValue', 'There is no such stream: it has ended, failed, or was idle for too long. Begin anew.')
}

function isSame(one: StreamOwner, other: StreamOwner): boolean {
  return (
    one.tenant === other.tenant &&
    one.user === other.user &&
    one.operation === other.operation &&
    one.uniqueIdentifier === other.uniqueIdentifier
  )
}

/** Too many to be guessed. */
export const nameBytes = 16
/** Milliseconds. */
const sweepEvery = 1000
const done: Promise<unknown> = Promise.resolve()
const nothing = new Uint8Array()
