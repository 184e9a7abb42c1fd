import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader'
import { hostOf, type PeerFiles } from './etcd-endpoint.ts'
import type {
  AlarmMember,
  EtcdMemberInfo,
  PutRequest,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  StatusResponse,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
  WatchResponse,
} from './etcd-messages.ts'
import { etcdSchema } from './etcd-schema.ts'
import { LeanChannel } from './lean-channel.ts'

/** Files in PEM: who is trusted, and the certificate and private key that this side shows. */
export interface TlsFiles {
  readonly ca: string
  readonly certificate: string
  readonly privateKey: string
}

export interface EtcdClientOptions {
  /** `https://HOST:PORT`; the node's own member first. */
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles
}

/** How a call is sent. */
export interface CallOptions {
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED, whatever the server does. */
  readonly deadline: number
  /** Index of the endpoint; the one that answered last when left out. */
  readonly endpoint?: number
}

const packages = fromJSON(etcdSchema, { keepCase: true, longs: String, enums: String, defaults: true, arrays: true })

const methods = {
  range: method('KV', 'Range'),
  put: method('KV', 'Put'),
  txn: method('KV', 'Txn'),
  compact: method('KV', 'Compact'),
  watch: method('Watch', 'Watch'),
  memberAdd: method('Cluster', 'MemberAdd'),
  memberRemove: method('Cluster', 'MemberRemove'),
  memberList: method('Cluster', 'MemberList'),
  memberPromote: method('Cluster', 'MemberPromote'),
  alarm: method('Maintenance', 'Alarm'),
  status: method('Maintenance', 'Status'),
  defragment: method('Maintenance', 'Defragment'),
}

/**
 * A connection to each of several etcd members, over mutual TLS. It sends each call once, to one member: whether a call may be
 * sent again, and where, only its caller can know. `moveOn` makes the next member the preferred one.
 */
export class EtcdClient {
  readonly #endpoints: string[]
  readonly #channels: grpc.Client[]
  readonly #lean: LeanChannel[]
  readonly #tls: TlsFiles
  /** With a certificate from before, for what is under way on them. */
  readonly #leaving: { close(): void }[] = []
  #files: PeerFiles
  #preferred = 0
  #home: NodeJS.Timeout | undefined
  #avoided: number | undefined
  #closed = false

  constructor(options: EtcdClientOptions) {
    if (options.endpoints.length === 0) throw new Error('etcd needs at least one endpoint (https://HOST:PORT)')
    this.#endpoints = [...options.endpoints]
    this.#tls = options.tls
    this.#files = readPeerFiles(options.tls)
    this.#channels = options.endpoints.map((endpoint) => openChannel(endpoint, this.#files))
    this.#lean = options.endpoints.map((endpoint) => new LeanChannel(endpoint, this.#files))
  }

  get endpoints(): readonly string[] {
    return this.#endpoints
  }

  /** Adds members that joined later. One that left stays: it costs a failed call when the others fail too. */
  learn(endpoints: readonly string[]): void {
    for (const endpoint of endpoints) {
      // An operator's etcd may advertise to others what is no use here.
      if (this.#endpoints.includes(endpoint) || !endpoint.startsWith('https://')) continue
      this.#channels.push(openChannel(endpoint, this.#files))
      this.#lean.push(new LeanChannel(endpoint, this.#files))
      this.#endpoints.push(endpoint)
    }
  }

  /** Reads the certificate again, and shows it from the next call on; calls and watches that are under way end on the connections they have. */
  renew(): void {
    this.#files = readPeerFiles(this.#tls)
    const before = [...this.#channels, ...this.#lean]
    this.#leaving.push(...before)
    for (const [index, endpoint] of this.#endpoints.entries()) {
      this.#channels[index] = openChannel(endpoint, this.#files)
      this.#lean[index] = new LeanChannel(endpoint, this.#files)
    }
    setTimeout(() => {
      for (const channel of this.#leaving.splice(0, before.length)) channel.close()
    }, oldChannelMilliseconds).unref()
  }

  /** The member that calls go to now. */
  get preferred(): number {
    return this.#preferred
  }

  /**
   * Leaves a member that did not answer, unless another call left it already. The own member is tried again after some seconds,
   * since it is the nearest.
   */
  moveOn(from: number): void {
    if (this.#preferred !== from || this.#channels.length === 1) return
    this.#preferred = this.#after(from)
    this.#comeHome()
  }

  /** Prefers other members to this one for as long as `work` takes. */
  async without<T>(endpoint: number, work: () => Promise<T>): Promise<T> {
    this.#avoided = endpoint
    this.moveOn(endpoint)
    try {
      return await work()
    } finally {
      this.#avoided = undefined
    }
  }

  #after(endpoint: number): number {
    const next = (endpoint + 1) % this.#channels.length
    return next === this.#avoided ? (next + 1) % this.#channels.length : next
  }

  range(request: RangeRequest, options: CallOptions): Promise<RangeResponse> {
    return this.#call<RangeResponse>(methods.range, request, options)
  }

  /** A range that every request waits for: at half the cost of `range`. Not for answers of more than a few values. */
  async quickRange(request: RangeRequest, options: CallOptions): Promise<RangeResponse> {
    const { path, requestSerialize, responseDeserialize } = methods.range
    const channel = this.#lean[options.endpoint ?? this.#preferred]!
    return responseDeserialize(await channel.unary(path, requestSerialize(request), options.deadline)) as RangeResponse
  }

  put(request: PutRequest, options: CallOptions): Promise<{ readonly header: ResponseHeader }> {
    return this.#call(methods.put, request, options)
  }

  txn(request: TxnRequest, options: CallOptions): Promise<TxnResponse> {
    return this.#call(methods.txn, request, options)
  }

  /** Forgets the history before a revision; the newest value of each key stays. */
  compact(revision: number, options: CallOptions): Promise<{ readonly header: ResponseHeader }> {
    return this.#call(methods.compact, { revision, physical: true }, options)
  }

  memberAdd(
    peerUrl: string,
    options: CallOptions,
  ): Promise<{ readonly member: EtcdMemberInfo; readonly members: readonly EtcdMemberInfo[] }> {
    return this.#call(methods.memberAdd, { peerURLs: [peerUrl], isLearner: true }, options)
  }

  memberRemove(id: string, options: CallOptions): Promise<{ readonly members: readonly EtcdMemberInfo[] }> {
    return this.#call(methods.memberRemove, { ID: id }, options)
  }

  memberList(options: CallOptions): Promise<{ readonly members: readonly EtcdMemberInfo[] }> {
    return this.#call(methods.memberList, { linearizable: true }, options)
  }

  memberPromote(id: string, options: CallOptions): Promise<{ readonly members: readonly EtcdMemberInfo[] }> {
    return this.#call(methods.memberPromote, { ID: id }, options)
  }

  status(options: CallOptions): Promise<StatusResponse> {
    return this.#call(methods.status, {}, options)
  }

  /** Takes a member's alarm back; etcd raises it again when its cause is still there. */
  disarm(alarm: AlarmMember, options: CallOptions): Promise<unknown> {
    return this.#call(methods.alarm, { action: 'DEACTIVATE', ...alarm }, options)
  }

  async alarms(options: CallOptions): Promise<readonly AlarmMember[]> {
    const { alarms } = await this.#call<{ readonly alarms: readonly AlarmMember[] }>(methods.alarm, { action: 'GET' }, options)
    return alarms
  }

  /** Rewrites one member's database file without its holes; that member answers nothing else meanwhile. */
  defragment(options: CallOptions): Promise<unknown> {
    return this.#call(methods.defragment, {}, options)
  }

  /** Opens a watch stream. etcd ends it when its member has lost the leader (`hasleader`). */
  watch(request: WatchCreateRequest, endpoint: number): grpc.ClientDuplexStream<object, WatchResponse> {
    const stream = this.#channels[endpoint]!.makeBidiStreamRequest<object, WatchResponse>(
      methods.watch.path,
      methods.watch.requestSerialize,
      (bytes) => methods.watch.responseDeserialize(bytes) as WatchResponse,
      withLeader,
    )
    stream.write({ createRequest: request })
    return stream
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#home)
    for (const channel of this.#channels) channel.close()
    for (const channel of [...this.#lean, ...this.#leaving.splice(0)]) channel.close()
  }

  #comeHome(): void {
    clearTimeout(this.#home)
    if (this.#preferred === 0 || this.#closed) return
    this.#home = setTimeout(async () => {
      const status = await this.status({ deadline: homeProbeMilliseconds, endpoint: 0 }).catch(() => undefined)
      if (this.#avoided !== 0 && status !== undefined && status.leader !== '0' && !status.isLearner) this.#preferred = 0
      else this.#comeHome()
    }, homeAfterMilliseconds)
    this.#home.unref()
  }

  #call<Response>(definition: MethodDefinition<object, object>, request: object, options: CallOptions): Promise<Response> {
    const channel = this.#channels[options.endpoint ?? this.#preferred]!
    return new Promise((resolve, reject) => {
      channel.makeUnaryRequest<object, object>(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        { deadline: Date.now() + options.deadline },
        (error, response) => (error === null ? resolve(response as Response) : reject(error)),
      )
    })
  }
}

/** Whether etcd (or gRPC before it) refused a call for good, so that it changed nothing and never will; but see `isOutOfSpace`. */
export function isRefusal(error: unknown): boolean {
  return refusals.has((error as Partial<grpc.ServiceError> | undefined)?.code ?? grpc.status.UNKNOWN)
}

/** Whether etcd answered that its database is full, which it says of a refused change, and of the very one that filled it. */
export function isOutOfSpace(error: unknown): boolean {
  return (error as Partial<grpc.ServiceError> | undefined)?.details?.includes('database space exceeded') === true
}

/** What went wrong, without gRPC's numbers. */
export function describeFailure(error: unknown): string {
  const { details, message } = error as Partial<grpc.ServiceError>
  if (isOutOfSpace(error))
    return "etcd's database is full (NOSPACE): keys can be used, nothing can be changed until it has room; /readyz has the cure"
  const text = details !== undefined && details !== '' ? details : (message ?? String(error))
  return text.replace(/\s+/g, ' ').replace(/\.? Resolution note: /, '')
}

const refusals: ReadonlySet<grpc.status> = new Set([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.RESOURCE_EXHAUSTED,
  grpc.status.PERMISSION_DENIED,
  grpc.status.UNAUTHENTICATED,
  grpc.status.UNIMPLEMENTED,
])

/** Longer than any call. */
const oldChannelMilliseconds = 15_000
const homeAfterMilliseconds = 3000
const homeProbeMilliseconds = 500

const withLeader = new grpc.Metadata()
withLeader.set('hasleader', 'true')

const channelOptions: grpc.ChannelOptions = {
  // gRPC must not send a transaction twice on its own: an answer that was lost is settled by the commit queue.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd takes a ping more often than every 5 s for an attack.
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Two ledgers in one process (tests, embedders) may show different certificates to the same member.
  'grpc.use_local_subchannel_pool': 1,
}

function method(service: string, name: string): MethodDefinition<object, object> {
  const definition = packages[`etcdserverpb.${service}`]
  if (definition === undefined || 'format' in definition) throw new Error(`etcd schema: no service ${service}`)
  return (definition as Record<string, MethodDefinition<object, object>>)[name]!
}

export function readPeerFiles({ ca, privateKey, certificate }: TlsFiles): PeerFiles {
  return [readFileSync(ca), readFileSync(privateKey), readFileSync(certificate)]
}

function openChannel(endpoint: string, [ca, privateKey, certificate]: PeerFiles): grpc.Client {
  const url = new URL(endpoint)
  if (url.protocol !== 'https:') throw new Error(`etcd endpoint ${endpoint}: only https:// with client certificates is supported`)
  const host = hostOf(endpoint)
  const credentials = grpc.credentials.createSsl(ca, privateKey, certificate, {
    checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer),
  })
  // Server Name Indication takes no addresses (RFC 6066 §3); the certificate is checked against the address all the same.
  return new grpc.Client(
    url.host,
    credentials,
    isIP(host) === 0 ? channelOptions : { ...channelOptions, 'grpc.ssl_target_name_override': 'etcd' },
  )
}
