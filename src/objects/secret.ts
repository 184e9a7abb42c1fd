import { inspect } from 'node:util'

/**
 * Plain key material or a credential on its way through the program. It refuses to be printed, logged or
 * turned into JSON; the bytes are had by asking for them by name, and wiped when no longer needed.
 */
export class Secret {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Length in bytes. */
  get length(): number {
    return this.#bytes.length
  }

  /** The plain bytes themselves, not a copy: for the one call that needs them. */
  expose(): Uint8Array {
    return this.#bytes
  }

  /** Overwrites the bytes. */
  wipe(): void {
    this.#bytes.fill(0)
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
