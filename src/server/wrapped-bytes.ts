import { Secret } from '../objects/index.ts'
import type { Partition, WrappedKey } from '../partitions/index.ts'

/** Bytes that only a tenant's partition can open, as they are stored: how they are wrapped as JSON, a zero byte, the wrapped bytes. */
export interface WrappedBytes {
  readonly value: Uint8Array
  /** The epoch whose KEK opens them; with it they are gone. */
  readonly epoch: number
}

type Wrapping = Pick<Partition, 'importKey' | 'reveal'>

export async function wrapBytes(partition: Pick<Wrapping, 'importKey'>, bytes: Uint8Array): Promise<WrappedBytes> {
  const plain = { kind: 'data', type: undefined, value: new Secret(Buffer.from(bytes)) } as const
  const { bytes: wrapped, mechanism, epoch } = await partition.importKey(plain, policy)
  return { value: Buffer.concat([Buffer.from(`${JSON.stringify({ mechanism, epoch })}\0`), wrapped]), epoch }
}

/** Under which epoch's KEK stored bytes lie. */
export function wrappedEpoch(stored: Uint8Array): number {
  return headOf(stored).head.epoch
}

/** @param handle names these very bytes @throws KmipError when the partition cannot open them */
export async function openBytes(partition: Pick<Wrapping, 'reveal'>, handle: string, stored: Uint8Array): Promise<Uint8Array> {
  const { head, bytes } = headOf(stored)
  const key: WrappedKey = { kind: 'data', type: undefined, policy, bytes, ...head }
  const { value } = await partition.reveal({ handle, key })
  try {
    return Buffer.from(value.expose())
  } finally {
    value.wipe()
  }
}

function headOf(stored: Uint8Array): { readonly head: Pick<WrappedKey, 'mechanism' | 'epoch'>; readonly bytes: Uint8Array } {
  const end = stored.indexOf(0)
  const text = Buffer.from(stored.subarray(0, Math.max(end, 0))).toString('utf8')
  return { head: JSON.parse(text) as Pick<WrappedKey, 'mechanism' | 'epoch'>, bytes: stored.subarray(end + 1) }
}

const policy = { sensitive: false, extractable: true } as const
