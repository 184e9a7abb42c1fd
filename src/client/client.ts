import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload, StructureValue } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import {
  encodeRequest,
  parseResponse,
  type RequestHeader,
  type RequestItem,
  type ResponseItem,
  type ResponseMessage,
} from '../messages/index.ts'
import { ConnectionLost, type ConnectionOptions, type Credentials, defaultConnectionOptions, type Endpoint } from './connection.ts'
import { Pool } from './pool.ts'
import { safeOperations } from './safe-operations.ts'

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
}

/** What a batch does when one of its items fails (KMIP 2.1 §9.4). */
export interface BatchOptions {
  readonly onError?: 'Stop' | 'Continue' | 'Undo'
  /** Bytes that the answer may have. */
  readonly maximumResponseSize?: number
}

/** The request was sent and no answer came: it may have been carried out. Only for operations that change something. */
export class OutcomeUnknown extends Error {
  constructor(operation: string, options?: ErrorOptions) {
    super(
      `${operation}: the connection was lost before the answer came; it may have been carried out. Look before you send it again.`,
      options,
    )
    this.name = 'OutcomeUnknown'
  }
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

  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) throw new TypeError('a client needs at least one endpoint')
    this.#pool = new Pool(
      options.endpoints,
      options,
      { ...defaultConnectionOptions, ...options.connection },
      options.connectionsPerNode ?? 4,
    )
    this.#version = options.version ?? '2.1'
    this.#credentials = options.user === undefined ? [] : [passwordCredential(options.user)]
  }

  /**
   * One operation.
   * @throws KmipError with the server's Result Reason and message
   * @throws OutcomeUnknown when a change was sent and its answer lost
   * @throws ConnectionLost when no node can be reached
   */
  async call<O extends OperationName>(operation: O, payload: RequestPayload<O>): Promise<ResponsePayload<O>> {
    const [item] = await this.batch([{ operation, payload } as RequestItem])
    if (item === undefined) throw new KmipError('GeneralFailure', `${operation}: the server answered no item`)
    if (item.status === 'OperationFailed') throw item.error
    return item.payload as ResponsePayload<O>
  }

  /** Several operations in one message, carried out in order; the answers in the same order, fewer when the server stopped. */
  async batch(items: readonly RequestItem[], options: BatchOptions = {}): Promise<readonly ResponseItem[]> {
    const numbered = items.length === 1 ? items : items.map((item, index) => ({ ...item, uniqueBatchItemId: Buffer.from([index + 1]) }))
    const header: RequestHeader = {
      version: this.#version,
      maximumResponseSize: options.maximumResponseSize,
      asynchronousIndicator: 'Prohibited',
      credentials: this.#credentials,
      batchErrorContinuation: options.onError ?? 'Stop',
    }
    const isSafe = items.every((item) => safeOperations.has(item.operation))
    const response = await this.#send(encodeRequest({ header, items: numbered }), isSafe, items.map((item) => item.operation).join(', '))
    return response.items
  }

  close(): void {
    this.#pool.close()
  }

  /** Tries the nodes in turn. A request that a server may have seen goes to another node only when that is safe. */
  async #send(frame: Uint8Array, isSafe: boolean, what: string): Promise<ResponseMessage> {
    let last: Error | undefined
    for (const node of this.#pool.candidates()) {
      try {
        const found = this.#pool.connectionTo(node)
        const connection = found instanceof Promise ? await found : found
        return parseResponse(await connection.exchange(frame))
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        this.#pool.avoid(node)
        if (error.sent && !isSafe) throw new OutcomeUnknown(what, { cause: error })
        last = error
      }
    }
    throw last as Error
  }
}

function passwordCredential({ username, password }: { username: string; password?: string }): StructureValue<'Credential'> {
  return { credentialType: 'UsernameAndPassword', credentialValue: { username, password } }
}
