import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload } from '../../spec/values.ts'
import { Client, type ClientOptions } from '../../src/client/index.ts'
import { encodeRequest, parseResponse, type RequestHeader, type RequestItem, type ResponseMessage } from '../../src/messages/index.ts'
import type { ClientBundle, RawClient } from './tls-client.ts'

/** One item of a request, as pairs of operation and payload. */
export type Asked = { [O in OperationName]: readonly [O, RequestPayload<O>] }[OperationName]

/** A request's bytes: each item is numbered, so that the answers can be told apart. */
export function requestBytes(items: readonly Asked[], header: Partial<RequestHeader> = {}): Uint8Array {
  return encodeRequest({
    header: { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop', ...header },
    items: items.map(([operation, payload], index) => ({ operation, payload, uniqueBatchItemId: Buffer.of(index) }) as RequestItem),
  })
}

export async function ask(from: RawClient, items: readonly Asked[], header: Partial<RequestHeader> = {}): Promise<ResponseMessage> {
  return parseResponse(await from.request(requestBytes(items, header)))
}

/** Each item as its status, or its Result Reason. */
export function outcomes({ items }: ResponseMessage): string[] {
  return items.map((item) => (item.status === 'OperationFailed' ? item.error.reason : item.status))
}

/** Tresor's own client at a test node's port. */
export function clientAt(port: number, bundle: ClientBundle, options: Partial<ClientOptions> = {}): Client {
  return new Client({
    endpoints: [{ host: '127.0.0.1', port }],
    ca: bundle.authority,
    cert: bundle.certificate,
    key: bundle.privateKey,
    ...options,
  })
}

/** An AES-256 key for Encrypt, Decrypt and wrapping, Active since a moment ago. */
export const aesKey = {
  objectType: 'SymmetricKey',
  attributes: [
    { name: 'CryptographicAlgorithm', value: 'AES' },
    { name: 'CryptographicLength', value: 256 },
    { name: 'CryptographicUsageMask', value: 0x3c },
    { name: 'ActivationDate', value: 1_000_000_000 },
  ],
} as const satisfies RequestPayload<'Create'>

/** The same key with more attributes. */
export function aesKeyWith(...more: RequestPayload<'Create'>['attributes'][number][]): RequestPayload<'Create'> {
  return { ...aesKey, attributes: [...aesKey.attributes, ...more] }
}

export function named(value: string): RequestPayload<'Create'>['attributes'][number] {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}
