/** A typed, pooled KMIP client that fails over between nodes. */
export { KmipError } from '../../spec/kmip-error.ts'
export type { BatchOptions, CallOptions, ClientOptions, FailoverOptions } from './client.ts'
export { Client, defaultFailoverOptions } from './client.ts'
export type { ConnectionOptions, Credentials, Endpoint } from './connection.ts'
export { Connection, ConnectionLost, defaultConnectionOptions } from './connection.ts'
export { OutcomeUnknown } from './delivery.ts'
