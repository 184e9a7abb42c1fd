import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestMessage } from '../messages/index.ts'
import type { BegunStream, FirstPart, StreamPurpose, Streams } from '../operations/index.ts'
import type { OpenedStream, Partition, PartitionStreams, StreamEnd } from '../partitions/index.ts'
import type { LaterPart, StreamOwner } from './stream-table.ts'

/** The streams of a node, as its processes reach them: by Correlation Value, wherever in the node they live. */
export interface NodeStreams {
  open(
    owner: StreamOwner,
    partition: PartitionStreams,
    begin: (streams: PartitionStreams) => Promise<OpenedStream>,
    first: FirstPart,
  ): Promise<{ readonly correlationValue: Uint8Array; readonly data: Uint8Array }>
  part(correlationValue: Uint8Array, owner: StreamOwner, part: LaterPart): Promise<StreamEnd>
  drop(correlationValue: Uint8Array, owner: StreamOwner): Promise<void>
}

/** A part that was taken, and what it gave. */
interface Taken {
  readonly owner: StreamOwner
  readonly correlationValue: Uint8Array
  /** What the request said: the same object whenever the request runs. */
  readonly asked: {
    readonly place: 'first' | 'next' | 'last'
    readonly correlationValue: Uint8Array | undefined
    readonly data: Uint8Array
  }
  readonly gave: BegunStream | StreamEnd
}

/** The parts that one request had taken: a request that runs again has their answers again, and no part is taken twice. */
class RequestStreams {
  readonly #node: NodeStreams
  #taken: Taken[] = []

  constructor(node: NodeStreams) {
    this.#node = node
  }

  find(owner: StreamOwner, asked: Taken['asked'], not: ReadonlySet<Taken>): Taken | undefined {
    return this.#taken.find(
      (one) =>
        !not.has(one) &&
        one.asked.place === asked.place &&
        one.asked.data === asked.data &&
        one.asked.correlationValue === asked.correlationValue &&
        one.owner.tenant === owner.tenant &&
        one.owner.user === owner.user &&
        one.owner.operation === owner.operation &&
        one.owner.uniqueIdentifier === owner.uniqueIdentifier,
    )
  }

  add(taken: Taken): void {
    this.#taken.push(taken)
  }

  /** Ends the streams of these parts: their answers will not be given. */
  async drop(taken: readonly Taken[]): Promise<void> {
    this.#taken = this.#taken.filter((one) => !taken.includes(one))
    // A stream that cannot be reached has ended with its process.
    await Promise.allSettled(taken.map(({ correlationValue, owner }) => this.#node.drop(correlationValue, owner)))
  }

  /** Ends the streams of parts that are not among these. */
  keepOnly(kept: ReadonlySet<Taken>): Promise<void> | undefined {
    const rest = this.#taken.filter((one) => !kept.has(one))
    return rest.length === 0 ? undefined : this.drop(rest)
  }

  dropAll(): Promise<void> {
    return this.drop(this.#taken)
  }
}

/** The streams as one run of a request sees them. */
export class RunStreams implements Streams {
  readonly #node: NodeStreams
  readonly #who: { readonly tenant: string; readonly user: string }
  readonly #partition: Partition
  readonly #request: () => RequestStreams
  #used: Taken[] = []

  /** `request`: what this request had taken, made at its first part. */
  constructor(
    node: NodeStreams,
    who: { readonly tenant: string; readonly user: string },
    partition: Partition,
    request: () => RequestStreams,
  ) {
    this.#node = node
    this.#who = who
    this.#partition = partition
    this.#request = request
  }

  async open(purpose: StreamPurpose, begin: (streams: PartitionStreams) => Promise<OpenedStream>, first: FirstPart): Promise<BegunStream> {
    const owner = this.#owner(purpose)
    const asked = { place: 'first', correlationValue: undefined, data: first.data } as const
    const known = this.#again(owner, asked)
    if (known !== undefined) return known.gave as BegunStream
    const { streams } = this.#partition
    if (streams === undefined)
      throw new KmipError(
        'OperationNotSupported',
        `The partition of tenant ${owner.tenant} does no operations in parts (Init Indicator). Send all of the data in one request.`,
      )
    const gave = { ...(await this.#node.open(owner, streams, begin, first)), iv: first.iv }
    this.#keep({ owner, correlationValue: gave.correlationValue, asked, gave })
    return gave
  }

  async next(correlationValue: Uint8Array, purpose: StreamPurpose, data: Uint8Array): Promise<Uint8Array> {
    return (await this.#part(correlationValue, purpose, { place: 'next', data })).data
  }

  last(correlationValue: Uint8Array, purpose: StreamPurpose, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd> {
    return this.#part(correlationValue, purpose, { place: 'last', data, expected })
  }

  async drop(correlationValue: Uint8Array, purpose: StreamPurpose): Promise<void> {
    // One that cannot be reached, or is not the caller's, is none.
    await this.#node.drop(correlationValue, this.#owner(purpose)).catch(() => undefined)
  }

  /** The parts of this run. */
  get used(): ReadonlySet<Taken> {
    return new Set(this.#used)
  }

  /** How many parts this run has had; a mark to go back to. */
  get mark(): number {
    return this.#used.length
  }

  /** Ends the streams of the parts since the mark. */
  rollback(mark: number): Promise<void> | undefined {
    const gone = this.#used.splice(mark)
    return gone.length === 0 ? undefined : this.#request().drop(gone)
  }

  async #part(correlationValue: Uint8Array, purpose: StreamPurpose, part: LaterPart): Promise<StreamEnd> {
    const owner = this.#owner(purpose)
    const asked = { place: part.place, correlationValue, data: part.data }
    const known = this.#again(owner, asked)
    if (known !== undefined) return known.gave as StreamEnd
    const gave = await this.#node.part(correlationValue, owner, part)
    this.#keep({ owner, correlationValue, asked, gave })
    return gave
  }

  #again(owner: StreamOwner, asked: Taken['asked']): Taken | undefined {
    const known = this.#request().find(owner, asked, new Set(this.#used))
    if (known !== undefined) this.#used.push(known)
    return known
  }

  #keep(taken: Taken): void {
    this.#request().add(taken)
    this.#used.push(taken)
  }

  #owner({ operation, uniqueIdentifier }: StreamPurpose): StreamOwner {
    return { tenant: this.#who.tenant, user: this.#who.user, operation, uniqueIdentifier }
  }
}

/** The requests in progress that have parts of streams. */
export class StreamRequests {
  readonly #node: NodeStreams
  readonly #requests = new WeakMap<RequestMessage, RequestStreams>()

  constructor(node: NodeStreams) {
    this.#node = node
  }

  /** The streams for one run of a request. */
  run(message: RequestMessage, who: { readonly tenant: string; readonly user: string }, partition: Partition): RunStreams {
    return new RunStreams(this.#node, who, partition, () => this.#of(message))
  }

  /** All items have run: parts of an earlier run that this one did not come to are lost to the client. */
  finished(message: RequestMessage, run: RunStreams): Promise<void> | undefined {
    return this.#requests.get(message)?.keepOnly(run.used)
  }

  /** The request came to nothing: its client cannot know where its streams stand. */
  dropped(message: RequestMessage): Promise<void> | undefined {
    return this.#requests.get(message)?.dropAll()
  }

  #of(message: RequestMessage): RequestStreams {
    const known = this.#requests.get(message)
    if (known !== undefined) return known
    const made = new RequestStreams(this.#node)
    this.#requests.set(message, made)
    return made
  }
}
