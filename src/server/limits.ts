import type { RequestLimits } from '../messages/index.ts'
import type { DecodeLimits } from '../ttlv/index.ts'

/** What clients may cost this process. Each limit is checked before the thing it bounds is allocated or begun. */
export interface ServerLimits {
  /** Connections of this process in all; handshakes in progress count. */
  readonly connections: number
  /** Connections of this process that one tenant may hold. */
  readonly connectionsPerTenant: number
  /** Handshakes in progress. One more ends the oldest, so that stalled ones never keep a live client out. */
  readonly handshakes: number
  /** Milliseconds from the accepted connection to the end of its handshake. */
  readonly handshakeTimeout: number
  /** Bytes of one message, header included. */
  readonly frameBytes: number
  /** Milliseconds from the first byte of a message to its last. */
  readonly frameTimeout: number
  /** Bytes of unfinished messages of all connections; beyond it the connection that holds the most is closed. */
  readonly bufferedBytes: number
  /** Bytes that are read ahead of a request in progress before the connection is read no further. */
  readonly readAhead: number
  /** Messages of one connection that are answered before the others get their turn. */
  readonly framesPerTurn: number
  /** Milliseconds without a byte after which a connection is closed. */
  readonly idleTimeout: number
  /** Milliseconds that an answer may wait for a client that does not read it. */
  readonly writeTimeout: number
  /** Batch Items of one request. */
  readonly batchItems: number
  /** Structures inside structures. */
  readonly depth: number
  /** Items in the tree of one message. */
  readonly items: number
  /** Tickets that a tenant may have. */
  readonly ticketsPerTenant: number
  /** Requests that a tenant may have that are to be answered later, or whose answer was not had yet. */
  readonly jobsPerTenant: number
  /** Cryptographic operations in parts that this process has open. */
  readonly streams: number
  /** Those of one tenant. */
  readonly streamsPerTenant: number
  /** Milliseconds without a part after which a stream ends. */
  readonly streamIdleTimeout: number
  /** Bytes of plain text that wait in this process for their authentication tag to be verified. */
  readonly streamHeldBytes: number
  /** Those of one tenant. */
  readonly streamHeldBytesPerTenant: number
}

export const defaultServerLimits: ServerLimits = {
  connections: 4096,
  connectionsPerTenant: 1024,
  handshakes: 256,
  handshakeTimeout: 10_000,
  frameBytes: 4 * 1024 * 1024,
  frameTimeout: 30_000,
  bufferedBytes: 128 * 1024 * 1024,
  readAhead: 64 * 1024,
  framesPerTurn: 8,
  idleTimeout: 10 * 60_000,
  writeTimeout: 30_000,
  batchItems: 1000,
  depth: 32,
  items: 100_000,
  ticketsPerTenant: 10_000,
  jobsPerTenant: 1000,
  streams: 1024,
  streamsPerTenant: 256,
  streamIdleTimeout: 60_000,
  streamHeldBytes: 64 * 1024 * 1024,
  streamHeldBytesPerTenant: 16 * 1024 * 1024,
}

/** The limits of one message, as its decoders take them. */
export function decodeLimits({ frameBytes, depth, items }: ServerLimits): DecodeLimits {
  return { maxBytes: frameBytes, maxDepth: depth, maxItems: items }
}

export function requestLimits(limits: ServerLimits): RequestLimits {
  return { ...decodeLimits(limits), maxBatchItems: limits.batchItems }
}
