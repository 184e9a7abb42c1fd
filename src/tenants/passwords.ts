import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Secret } from '../objects/secret.ts'
import type { PasswordVerifier } from './settings.ts'

const derive = promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt)

/** scrypt's N: about 60 ms and 32 MiB a try. */
const cost = 2 ** 15
const hashBytes = 32
/** Tries that may run or wait at once: a flood of wrong passwords must not eat the memory, nor the threads that keys need. */
const atOnce = 2
const waiting = 64
const remembered = 10_000

export async function makeVerifier(password: Secret): Promise<PasswordVerifier> {
  if (password.length < 8) throw new Error('a password has at least 8 bytes')
  const salt = randomBytes(16)
  const hash = await hashOf(password, salt, cost)
  return { cost, salt: salt.toString('base64'), hash: hash.toString('base64') }
}

/** Checks passwords; a good one is remembered by a hash under a key that only this process knows, so that a password a request costs little. */
export class Passwords {
  readonly #key = randomBytes(32)
  readonly #good = new Set<string>()
  #running = 0
  readonly #queue: (() => void)[] = []

  /** Whether the password is the verifier's. An unknown user (no verifier) costs as much time as a known one. */
  async check(verifier: PasswordVerifier | undefined, password: Secret): Promise<boolean> {
    const mark = createHmac('sha256', this.#key).update(`${verifier?.salt}.${verifier?.hash}.`).update(password.expose()).digest('base64')
    if (verifier !== undefined && this.#good.has(mark)) return true
    const salt = verifier === undefined ? this.#key.subarray(0, 16) : Buffer.from(verifier.salt, 'base64')
    const hash = await this.#inTurn(() => hashOf(password, salt, verifier?.cost ?? cost))
    if (verifier === undefined || !timingSafeEqual(hash, Buffer.from(verifier.hash, 'base64'))) return false
    if (this.#good.size >= remembered) this.#good.clear()
    this.#good.add(mark)
    return true
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= atOnce) {
      if (this.#queue.length >= waiting)
        throw new KmipError('AuthenticationNotSuccessful', 'Too many passwords are being checked; try again in some seconds.')
      await new Promise<void>((resolve) => this.#queue.push(resolve))
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#queue.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

function hashOf(password: Secret, salt: Uint8Array, N: number): Promise<Buffer> {
  return derive(password.expose(), salt, hashBytes, { N, r: 8, p: 1, maxmem: 256 * N * 8 })
}
