import type { KmipError, ResultReason } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
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

/** A value as structured data: a Secret, which refuses to be copied by accident, is marked and opened here on purpose. */
export function pack(value: unknown): unknown {
  // Most messages have none, and are sent as they are.
  return some(value, (part) => part instanceof Secret) ? packed(value) : value
}

export function unpack(value: unknown): unknown {
  return some(value, isMarked) ? unpacked(value) : value
}

function packed(value: unknown): unknown {
  if (value instanceof Secret) return { $secret: value.expose() }
  return isTree(value) ? mapped(value, packed) : value
}

function unpacked(value: unknown): unknown {
  if (isMarked(value)) return new Secret(value.$secret)
  return isTree(value) ? mapped(value, unpacked) : value
}

function isMarked(value: unknown): value is { readonly $secret: Uint8Array } {
  return isTree(value) && '$secret' in value && value.$secret instanceof Uint8Array
}

function isTree(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)
}

function some(value: unknown, is: (part: unknown) => boolean): boolean {
  if (!isTree(value)) return false
  return is(value) || Object.values(value).some((part) => some(part, is))
}

function mapped(value: object, change: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change)
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, change(part)]))
}
