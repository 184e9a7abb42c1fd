import type { KmipError, ResultReason } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
import type { Instances } from '../../processes/value-codec.ts'
import type { Partition, PartitionStreams } from '../partition.ts'

/** What a worker may ask of the hsm process. `close` is not among them: partitions there belong to the process. */
export const remoteMethods = [
  'describe',
  'generateKey',
  'generateKeyPair',
  'deriveKey',
  'importKey',
  'reveal',
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'mac',
  'verifyMac',
  'wrapKey',
  'unwrapKey',
  'generateResident',
  'generateResidentPair',
  'residents',
  'destroyResident',
  'makeEpoch',
  'dropEarlierEpochs',
  'rewrap',
  'hash',
  'random',
  'digest',
  'sealRecord',
  'checkRecord',
  'forget',
] as const satisfies readonly (keyof Partition)[]

export type RemoteMethod = (typeof remoteMethods)[number]

/** What a worker may ask of a partition's streams. Its streams end with its connection. */
export const remoteStreamMethods = ['begin', 'beginHash', 'update', 'end', 'abandon'] as const satisfies readonly (keyof PartitionStreams)[]

export type RemoteStreamMethod = (typeof remoteStreamMethods)[number]

export interface Call {
  readonly id: number
  readonly partition: string
  /** That of the partition's definition, as far as the caller knows; undefined for one that never had another. */
  readonly epoch: number | undefined
  readonly method: RemoteMethod | `streams.${RemoteStreamMethod}`
  readonly arguments: readonly unknown[]
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly reason: ResultReason; readonly message: string; readonly retry?: KmipError['retry'] }

/** 64 MiB: more than the longest KMIP message, so that only a broken peer meets it. */
export const largestFrame = 64 * 1024 * 1024

/** Of all that is in messages Secrets alone are instances: they refuse to be copied by accident, and are opened here on purpose. */
export const secrets: Instances = {
  bytesOf: (value) => (value instanceof Secret ? value.expose() : undefined),
  of: (bytes) => new Secret(bytes),
}
