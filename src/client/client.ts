import { randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import { isRepeatable } from '../../spec/tresor-extension.ts'
import type { RequestPayload, ResponsePayload, StructureValue } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import {
  type AnsweredItem,
  encodeRequest,
  parseResponse,
  type RequestHeader,
  type RequestItem,
  type ResponseItem,
} from '../messages/index.ts'
import { type Connection, type ConnectionOptions, type Credentials, defaultConnectionOptions, type Endpoint } from './connection.ts'
import { Delivery, type DeliveryOptions, retryOf } from './delivery.ts'
import { Pool } from './pool.ts'
import { repeatOf } from './safe-operations.ts'

/** How soon another node is asked, in milliseconds. */
export interface FailoverOptions extends DeliveryOptions {
  /** In which a probe must be answered, its connection included. */
  readonly probeTimeout: number
}

export const defaultFailoverOptions: FailoverOptions = { suspectAfter: 250, probeTimeout: 250, patience: 5_000 }

export interface ClientOptions extends Credentials {
  /** The nodes of one server, first choice first. */
  readonly endpoints: readonly Endpoint[]
  /** The version to speak; 2.1 unless said. */
  readonly version?: Version
  /** A KMIP user within the certificate's tenant. */
  readonly user?: { readonly username: string; readonly password?: string }
  /** Connections that this client opens to a node at most; 4 unless said. */
  readonly connectionsPerNode?: number
  readonly connection?: Partial<ConnectionOptions>
  readonly failover?: Partial<FailoverOptions>
  /** `none` for servers of other makers that cannot read a Message Extension: nothing that makes objects is repeated then. */
  readonly messageExtensions?: 'Tresor' | 'none'
}

/** What a batch does when one of its items fails (KMIP 2.1 §9.4). */
export interface BatchOptions {
  readonly onError?: 'Stop' | 'Continue' | 'Undo'
  /** Bytes that the answer may have. */
  readonly maximumResponseSize?: number
}

export interface CallOptions {
  /** 16 to 64 bytes, for an operation that makes objects: kept by the caller, it stands for one call over restarts too. Random unless said. */
  readonly idempotencyKey?: Uint8Array
}

/**
 * A KMIP client: typed by the standard's tables, pooled, and failing over between the nodes of a server.
 *
 * ```ts
 * const client = new Client({ endpoints: [{ host: '127.0.0.1', port: 5696 }], ca, cert, key })
 * const { uniqueIdentifier } = await client.call('Create', { objectType: 'SymmetricKey', attributes: [...] })
 * ```
 */
export class Client {
  readonly #pool: Pool
  readonly #version: Version
  readonly #credentials: readonly StructureValue<'Credential'>[]
  readonly #failover: FailoverOptions
  readonly #isExtended: boolean

  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new TypeError('a client needs at least one endpoint')
    this.#version = options.version ?? '2.1'
    this.#credentials = options.user === undefined ? [] : [passwordCredential(options.user)]
    this.#isExtended = options.messageExtensions !== 'none'
    this.#failover = { ...defaultFailoverOptions, ...options.failover }
    this.#pool = new Pool(options.endpoints, {
      credentials: options,
      connection: { ...defaultConnectionOptions, ...options.connection },
      connections: options.connectionsPerNode ?? 4,
      probeTimeout: this.#failover.probeTimeout,
      probe: (connection) => this.#probe(connection),
    })
  }

  /**
   * One operation.
   * @throws KmipError with the server's Result Reason and message
   * @throws OutcomeUnknown when a change may have been carried out and that cannot be told
   * @throws ConnectionLost when no node can be reached
   */
  async call<O extends OperationName>(operation: O, payload: RequestPayload<O>, options: CallOptions = {}): Promise<ResponsePayload<O>> {
    const [item] = await this.batch([{ operation, payload, ...options } as RequestItem])
    if (item === undefined) throw new KmipError('GeneralFailure', `${operation}: the server answered no item`)
    if (item.status === 'OperationFailed') throw item.error
    return item.payload as ResponsePayload<O>
  }

  /** Several operations in one message, carried out in order; the answers in the same order, fewer when the server stopped. */
  async batch(items: readonly RequestItem[], options: BatchOptions = {}): Promise<readonly AnsweredItem[]> {
    const sent = items.map((item, index) => ({
      ...this.#extended(item),
      ...(items.length === 1 ? {} : { uniqueBatchItemId: batchItemId(index) }),
    }))
    const request = {
      frame: this.#encode(sent, options),
      what: items.map((item) => item.operation).join(', '),
      repeat: repeatOf(sent),
    }
    const response = await new Delivery(() => this.#pool.candidates(), request, this.#failover).run()
    return response.items.map(answeredNow)
  }

  /** The nodes in the order given, and whether each is trusted to answer now; one that is not is probed until it is. */
  get nodes(): readonly { readonly endpoint: Endpoint; readonly isTrusted: boolean }[] {
    return this.#pool.nodes.map(({ endpoint, isSuspect }) => ({ endpoint, isTrusted: !isSuspect }))
  }

  close(): void {
    this.#pool.close()
  }

  #extended(item: RequestItem): RequestItem {
    if (!this.#isExtended) return item
    if (!isRepeatable(item.operation)) return { ...item, wantsRetry: true }
    return { ...item, wantsRetry: true, idempotencyKey: item.idempotencyKey ?? randomBytes(idempotencyKeyLength) }
  }

  #encode(items: readonly RequestItem[], options: BatchOptions): Uint8Array {
    const header: RequestHeader = {
      version: this.#version,
      maximumResponseSize: options.maximumResponseSize,
      asynchronousIndicator: 'Prohibited',
      credentials: this.#credentials,
      batchErrorContinuation: options.onError ?? 'Stop',
    }
    return encodeRequest({ header, items })
  }

  /** A look that finds nothing: a node that cannot see all that was answered refuses it, whoever asks. */
  async #probe(connection: Connection): Promise<boolean> {
    const nothing = { attributes: [{ name: 'UniqueIdentifier', value: 'probe' }] } as const
    const frame = this.#encode([this.#extended({ operation: 'Locate', payload: nothing })], {})
    return retryOf(parseResponse(await connection.exchange(frame))) === undefined
  }
}

const idempotencyKeyLength = 16

function answeredNow(item: ResponseItem): AnsweredItem {
  if (item.status !== 'OperationPending') return item
  const error = new KmipError('GeneralFailure', 'The server means to answer later, which this client did not ask for')
  return { operation: item.operation, status: 'OperationFailed', error }
}

function batchItemId(index: number): Uint8Array {
  const id = Buffer.alloc(2)
  id.writeUInt16BE(index + 1)
  return id
}

function passwordCredential({ username, password }: { username: string; password?: string }): StructureValue<'Credential'> {
  return { credentialType: 'UsernameAndPassword', credentialValue: { username, password } }
}
