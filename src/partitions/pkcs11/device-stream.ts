import type { Handle, Mechanism } from './cryptoki.ts'
import type { Doing } from './device-error.ts'
import type { PartsKind } from './device-parts.ts'
import type { LentObject } from './held-objects.ts'
import type { Token } from './token.ts'

/** What the token is to do, in parts. */
export interface DeviceOperation {
  readonly doing: Doing
  readonly kind: PartsKind
  readonly mechanism: Mechanism
}

/**
 * One operation in parts in a session of its own, which is no one else's until it is closed: requests in one part keep theirs. Calls are made
 * one after the other, from whatever thread is free.
 */
export class DeviceStream {
  readonly #token: Token
  readonly #operation: DeviceOperation
  readonly #session: Handle
  readonly #key: LentObject | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(token: Token, operation: DeviceOperation, session: Handle, key: LentObject | undefined) {
    this.#token = token
    this.#operation = operation
    this.#session = session
    this.#key = key
  }

  /** Takes the key over, and releases it whatever happens. @throws KmipError as the token's operations in one part. */
  static async begin(token: Token, operation: DeviceOperation, key?: LentObject): Promise<DeviceStream> {
    const { doing, kind, mechanism } = operation
    let stream: DeviceStream | undefined
    try {
      stream = new DeviceStream(token, operation, await token.openParts(doing), key)
      await token.beginParts(doing, stream.#session, kind, mechanism, key?.object)
      return stream
    } catch (error) {
      if (stream === undefined) key?.release()
      else await stream.close()
      throw error
    }
  }

  /** `room`: bytes that the part may give. */
  update(data: Uint8Array, room: number): Promise<Buffer> {
    const { doing, kind } = this.#operation
    return this.#next(() => this.#token.updateParts(doing, this.#session, kind, data, room))
  }

  end(room: number): Promise<Buffer> {
    const { doing, kind } = this.#operation
    return this.#next(() => this.#token.endParts(doing, this.#session, kind, room))
  }

  /** Once the call under way has ended. Never fails. */
  close(): Promise<void> {
    this.#closing ??= this.#next(() => this.#token.closeParts(this.#session)).finally(() => this.#key?.release())
    return this.#closing
  }

  #next<T>(call: () => Promise<T>): Promise<T> {
    const called = this.#turn.then(call)
    this.#turn = called.catch(() => undefined)
    return called
  }
}
