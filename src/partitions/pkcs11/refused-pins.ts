import { createHmac } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { Secret } from '../../objects/secret.ts'

/** What stands in a PIN's file, without its line end. */
export function typedPin(pin: Secret): string {
  return Buffer.from(pin.expose()).toString('utf8').trim()
}

/**
 * PINs that tokens refused, which must not be tried again: a few wrong ones lock a token. They are kept as digests under a key, and, where there
 * is a file for them, beyond the process: who starts it anew with the same key goes on with the same list. Under another key it is empty.
 */
export class RefusedPins {
  readonly #key: Uint8Array
  readonly #file: string | undefined
  readonly #digests: Set<string>

  constructor(key: Uint8Array, file?: string) {
    this.#key = key
    this.#file = file
    this.#digests = new Set(file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [])
  }

  has(token: string, pin: Secret): boolean {
    return this.#digests.has(this.#digest(token, pin))
  }

  add(token: string, pin: Secret): void {
    const digest = this.#digest(token, pin)
    this.#digests.add(digest)
    if (this.#file !== undefined) appendFileSync(this.#file, `${digest}\n`, { mode: 0o600 })
  }

  /** Of the PIN as the token is told it: another line end in its file makes it no other. */
  #digest(token: string, pin: Secret): string {
    return createHmac('sha256', this.#key)
      .update(`${token}|${typedPin(pin)}`)
      .digest('hex')
  }
}
