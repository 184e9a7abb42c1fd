/** A typed, pooled KMIP client that fails over between nodes. */
export { KmipError } from '../../spec/kmip-error.ts'
export type { BatchOptions, ClientOptions } from './client.ts'
export { Client, OutcomeUnknown } from './client.ts'
export type { ConnectionOptions, Credentials, Endpoint } from './connection.ts'
export { Connection, ConnectionLost, defaultConnectionOptions } from './connection.ts'
