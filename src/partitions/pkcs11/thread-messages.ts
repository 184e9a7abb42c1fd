import type { Phase, SessionCall } from './device-session.ts'

/** A call for a thread's session. Calls go to a thread, and what came of them comes back, as the bytes of a `ValueWriter`. */
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

const nowhere = Buffer.alloc(1).subarray(0, 0)

/** The same memory as a Buffer. Tokens refuse a null pointer, so no bytes still lie somewhere. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return bytes.length === 0 ? nowhere : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
