import type { Phase, SessionCall } from './device-session.ts'

/** A call for a thread's session. */
export interface Asked {
  readonly call: SessionCall
  readonly values: readonly unknown[]
}

/** The last message: the thread closes its sessions, or leaves them, and ends. */
export type Ending = 'close' | 'leave'

/** What came of it; `milliseconds` that the device took. */
export type Told =
  | { readonly result: unknown; readonly milliseconds: number }
  | { readonly message: string; readonly code: number | undefined; readonly phase: Phase }

/** Bytes in memory of their own: a message copies all of the memory that a Buffer is a part of. */
export function tight(value: unknown): unknown {
  return overBytes(value, (bytes) => (bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes)))
}

/** Bytes as Buffers again, which pkcs11js insists on: a message makes plain arrays of them. */
export function asBuffers(value: unknown): unknown {
  return overBytes(value, asBuffer)
}

const nowhere = Buffer.alloc(1).subarray(0, 0)

/** The same memory as a Buffer. Tokens refuse a null pointer, so no bytes still lie somewhere. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes.length === 0 ? nowhere : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function overBytes(value: unknown, change: (bytes: Uint8Array) => Uint8Array): unknown {
  if (value instanceof Uint8Array) return change(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((one) => overBytes(one, change))
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, overBytes(one, change)]))
}
