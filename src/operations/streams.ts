import type { OpenedStream, PartitionStreams, StreamEnd } from '../partitions/partition.ts'

/** The operations that may be asked for in parts (KMIP 2.1 §6.1). */
export type StreamedOperation = 'Decrypt' | 'Encrypt' | 'Hash' | 'MAC' | 'MACVerify' | 'Sign' | 'SignatureVerify'

/** What a stream was begun for, and may be continued for. The caller's tenant and user belong to it too. */
export interface StreamPurpose {
  readonly operation: StreamedOperation
  /** The key; undefined for Hash, which has none. */
  readonly uniqueIdentifier: string | undefined
}

/** The first part of a stream. */
export interface FirstPart {
  readonly data: Uint8Array
  /** The signature or MAC to verify, where it comes with the first part. */
  readonly expected?: Uint8Array | undefined
  /** The IV that was made for the stream. */
  readonly iv?: Uint8Array | undefined
}

export interface BegunStream {
  readonly correlationValue: Uint8Array
  /** What the first part gave already. */
  readonly data: Uint8Array
  /** The IV that the stream has: when a request runs again, that of its first run. */
  readonly iv: Uint8Array | undefined
}

/**
 * The streams of one request's caller. A part is taken once, however often its request runs; when the request comes to nothing after
 * all, the stream ends, since its client could not know where it stands.
 * @throws KmipError InvalidCorrelationValue for a stream that is not there, or is another user's, operation's or key's; it then goes on.
 *   Whatever else is thrown ends the stream: as `PartitionStreams`, and GeneralFailure when a limit is reached.
 */
export interface Streams {
  /** @throws KmipError OperationNotSupported when the tenant's partition has no streams. */
  open(purpose: StreamPurpose, begin: (streams: PartitionStreams) => Promise<OpenedStream>, first: FirstPart): Promise<BegunStream>
  next(correlationValue: Uint8Array, purpose: StreamPurpose, data: Uint8Array): Promise<Uint8Array>
  /** `expected`: the signature or MAC to verify, where it comes with the last part. */
  last(correlationValue: Uint8Array, purpose: StreamPurpose, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd>
  /** Ends the stream, if there is one for this purpose. */
  drop(correlationValue: Uint8Array, purpose: StreamPurpose): Promise<void>
}
