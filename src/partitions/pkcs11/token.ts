import { createHmac, randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { readPrivateFile } from '../key-file.ts'
import type { MechanismName } from '../partition.ts'
import { ckr, cku } from './constants.ts'
import type { Cryptoki, Handle, Mechanism, Template } from './cryptoki.ts'
import { codeOf, type Doing, dataError, setupError } from './device-error.ts'
import { namesOf } from './mechanisms.ts'
import { openModule, releaseModule, tokensOf } from './module.ts'
import { SessionPool } from './session-pool.ts'
import { type AttributeName, attributes, numberOf } from './template.ts'

/** Which token, and how it is reached. */
export interface TokenOptions {
  /** The partition's name, for messages. */
  readonly name: string
  /** Path of the PKCS #11 module. */
  readonly module: string
  /** Label of the token. */
  readonly token: string
  /** Serial number, where two tokens have one label. */
  readonly serial?: string
  /** A file with the user's PIN, mode 0600. */
  readonly pinFile: string
  /** Operations at a time, each in a session of its own; 8 unless told. Half as many sessions more handle objects. */
  readonly sessions?: number
  /** Whether short calls go through the thread pool (a box on a network) or are made on the spot (a library). Measured unless told. */
  readonly calls?: 'pooled' | 'direct'
}

/** PINs that a token refused in this process, by token, as digests under a key of the process: they are not tried again. */
const refusedPins = new Set<string>()
const digestKey = randomBytes(32)

/** In milliseconds. A device that answers faster is called on the spot; the way through the thread pool costs about 60 microseconds. */
const directCallLimit = 0.25

/** A token that is logged in: its sessions and its calls, each with the standard's errors. */
export class Token {
  readonly name: string
  readonly names: ReadonlySet<MechanismName>
  readonly details: Readonly<Record<string, string>>
  readonly #library: Cryptoki
  readonly #module: string
  readonly #slot: Handle
  /** For what makes, wraps, reads and destroys objects. */
  readonly #sessions: SessionPool
  /** For encryption, signatures, MACs and hashes. */
  readonly #operations: SessionPool
  readonly #calls: TokenOptions['calls']
  #direct = false

  private constructor(options: TokenOptions, library: Cryptoki) {
    this.name = options.name
    this.#module = options.module
    this.#calls = options.calls
    this.#direct = options.calls === 'direct'
    this.#library = library
    const token = findToken(options, library)
    this.#slot = token.slot
    const sessions = options.sessions ?? 8
    this.#sessions = new SessionPool(library, token.slot, Math.ceil(sessions / 2))
    this.#operations = new SessionPool(library, token.slot, sessions)
    const info = library.C_GetInfo()
    this.names = namesOf((mechanism) => this.flagsOf(mechanism))
    this.details = {
      module: options.module,
      library: `${info.libraryDescription.trimEnd()} ${info.libraryVersion.major}.${info.libraryVersion.minor}, ${info.manufacturerID.trimEnd()}`,
      token: token.label,
      serial: token.serial,
      model: token.model,
    }
  }

  /** Logs in, once: a wrong PIN is not tried again, so that it cannot lock the token. @throws KmipError GeneralFailure. */
  static async open(options: TokenOptions): Promise<Token> {
    const library = openModule(options.module)
    try {
      const token = new Token(options, library)
      await token.#logIn(options.pinFile)
      return token
    } catch (error) {
      releaseModule(options.module)
      throw error instanceof KmipError ? error : setupError({ partition: options.name, mechanism: 'opening the token' }, error)
    }
  }

  /** A mechanism's flags (CKF_*), undefined when the token lacks it. */
  flagsOf(mechanism: number): number | undefined {
    try {
      return this.#library.C_GetMechanismInfo(this.#slot, mechanism).flags
    } catch {
      return undefined
    }
  }

  /** Calls on the spot when an operation is this short, in milliseconds; through the thread pool when it is longer. */
  adaptTo(milliseconds: number): void {
    if (this.#calls === undefined) this.#direct = milliseconds < directCallLimit
  }

  encrypt(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, room: number): Promise<Buffer> {
    return this.#operate(
      doing,
      (session) => this.#library.C_EncryptInit(session, mechanism, key),
      (session) =>
        this.#direct
          ? this.#library.C_Encrypt(session, buffer(data), Buffer.allocUnsafe(room))
          : this.#library.C_EncryptAsync(session, buffer(data), Buffer.allocUnsafe(room)),
    )
  }

  /** `slow` for private keys, as in `sign`. */
  decrypt(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, room: number, slow = false): Promise<Buffer> {
    return this.#operate(
      doing,
      (session) => this.#library.C_DecryptInit(session, mechanism, key),
      (session) =>
        this.#direct && !slow
          ? this.#library.C_Decrypt(session, buffer(data), Buffer.allocUnsafe(room))
          : this.#library.C_DecryptAsync(session, buffer(data), Buffer.allocUnsafe(room)),
    )
  }

  /** A signature or MAC. `slow` for private keys: milliseconds that must not hold the loop whatever the device. */
  sign(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, slow: boolean): Promise<Buffer> {
    return this.#operate(
      doing,
      (session) => this.#library.C_SignInit(session, mechanism, key),
      (session) =>
        this.#direct && !slow
          ? this.#library.C_Sign(session, buffer(data), Buffer.allocUnsafe(longestSignature))
          : this.#library.C_SignAsync(session, buffer(data), Buffer.allocUnsafe(longestSignature)),
    )
  }

  verify(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#operate(
      doing,
      (session) => this.#library.C_VerifyInit(session, mechanism, key),
      async (session) => {
        try {
          return await this.#library.C_VerifyAsync(session, buffer(data), buffer(signature))
        } catch (error) {
          const code = codeOf(error)
          if (code === ckr.SIGNATURE_INVALID || code === ckr.SIGNATURE_LEN_RANGE) return false
          throw error
        }
      },
    )
  }

  digest(doing: Doing, mechanism: number, data: Uint8Array): Promise<Buffer> {
    return this.#operate(
      doing,
      (session) => this.#library.C_DigestInit(session, { mechanism }),
      (session) =>
        this.#direct
          ? this.#library.C_Digest(session, buffer(data), Buffer.allocUnsafe(longestDigest))
          : this.#library.C_DigestAsync(session, buffer(data), Buffer.allocUnsafe(longestDigest)),
    )
  }

  /** The hash of a secret key's value, made inside; undefined where the token does not do that. */
  async digestKey(mechanism: number, key: Handle): Promise<Buffer | undefined> {
    try {
      return await this.#operations.runDisposable((session) => {
        this.#library.C_DigestInit(session, { mechanism })
        this.#library.C_DigestKey(session, key)
        return this.#library.C_DigestFinal(session, Buffer.allocUnsafe(longestDigest))
      })
    } catch {
      return undefined
    }
  }

  generate(doing: Doing, mechanism: number, template: Template): Promise<Handle> {
    return this.#manage(doing, setupError, (session) => this.#library.C_GenerateKey(session, { mechanism }, template))
  }

  generatePair(doing: Doing, mechanism: number, publicTemplate: Template, privateTemplate: Template) {
    return this.#manage(doing, setupError, (session) =>
      this.#library.C_GenerateKeyPairAsync(session, { mechanism }, publicTemplate, privateTemplate),
    )
  }

  create(doing: Doing, template: Template): Promise<Handle> {
    return this.#manage(doing, setupError, (session) => this.#library.C_CreateObject(session, template))
  }

  wrap(doing: Doing, wrapping: Handle, mechanism: Mechanism, target: Handle): Promise<Buffer> {
    return this.#manage(doing, setupError, async (session) => {
      const room = Buffer.allocUnsafe(longestWrapped)
      const wrapped = this.#direct
        ? this.#library.C_WrapKey(session, mechanism, wrapping, target, room)
        : await this.#library.C_WrapKeyAsync(session, mechanism, wrapping, target, room)
      return Buffer.from(wrapped)
    })
  }

  unwrap(doing: Doing, wrapping: Handle, mechanism: Mechanism, wrapped: Uint8Array, template: Template): Promise<Handle> {
    return this.#manage(doing, dataError, (session) =>
      this.#direct
        ? this.#library.C_UnwrapKey(session, mechanism, wrapping, buffer(wrapped), template)
        : this.#library.C_UnwrapKeyAsync(session, mechanism, wrapping, buffer(wrapped), template),
    )
  }

  attribute(object: Handle, name: AttributeName): Promise<Buffer> {
    return this.#manage(
      { partition: this.name, mechanism: `reading ${name}` },
      setupError,
      (session) => this.#library.C_GetAttributeValue(session, object, [{ type: numberOf(name) }])[0]!.value,
    )
  }

  /** Handles of the objects that match; few (the partition's own keys), so 64 are enough. */
  find(wanted: Partial<Record<AttributeName, number | boolean | string>>): Promise<Handle[]> {
    return this.#sessions.run((session) => {
      this.#library.C_FindObjectsInit(session, attributes(wanted))
      try {
        return this.#library.C_FindObjects(session, 64)
      } finally {
        this.#library.C_FindObjectsFinal(session)
      }
    })
  }

  random(length: number): Promise<Buffer> {
    return this.#manage({ partition: this.name, mechanism: 'random bytes' }, setupError, (session) =>
      this.#library.C_GenerateRandom(session, Buffer.alloc(length)),
    )
  }

  /** Never fails: an object that is gone is as good as destroyed. */
  destroy(object: Handle): void {
    void this.#sessions.run((session) => this.#library.C_DestroyObject(session, object)).catch(() => {})
  }

  async close(): Promise<void> {
    this.#operations.close()
    this.#sessions.close()
    releaseModule(this.#module)
  }

  async #logIn(pinFile: string): Promise<void> {
    const pin = readPrivateFile(pinFile)
    const attempt = createHmac('sha256', digestKey).update(`${this.#module}|${this.details.serial}|`).update(pin.expose()).digest('hex')
    try {
      if (refusedPins.has(attempt)) throw this.#wrongPin(pinFile, new Error('CKR_PIN_INCORRECT'))
      await this.#sessions.run((session) => this.#library.C_Login(session, cku.USER, Buffer.from(pin.expose()).toString('utf8').trim()))
    } catch (error) {
      // Another partition of this process on the same token has logged in.
      if (codeOf(error) === ckr.USER_ALREADY_LOGGED_IN) return
      if (codeOf(error) !== undefined) refusedPins.add(attempt)
      throw error instanceof KmipError ? error : this.#wrongPin(pinFile, error)
    } finally {
      pin.wipe()
    }
  }

  #wrongPin(pinFile: string, cause: unknown): KmipError {
    const what = `The token ${this.details.token} does not take the PIN in ${pinFile}: ${messageOf(cause)}.`
    return new KmipError(
      'GeneralFailure',
      `${what} It was tried once and will not be tried again, so as not to lock the token; correct the file.`,
      { cause },
    )
  }

  /** An operation that begins with an Init. */
  #operate<T>(doing: Doing, begin: (session: Handle) => void, action: (session: Handle) => T | Promise<T>): Promise<T> {
    return this.#operations.runDisposable(async (session) => {
      try {
        begin(session)
      } catch (error) {
        throw setupError(doing, error)
      }
      try {
        return await action(session)
      } catch (error) {
        throw dataError(doing, error)
      }
    })
  }

  #manage<T>(doing: Doing, explain: typeof setupError, action: (session: Handle) => T | Promise<T>): Promise<T> {
    return this.#sessions.run(async (session) => {
      try {
        return await action(session)
      } catch (error) {
        throw explain(doing, error)
      }
    })
  }
}

/** RSA of 8,192 bits. */
const longestSignature = 1024
const longestDigest = 64
/** A PKCS #8 of an RSA key of 8,192 bits has 4.7 KB. */
const longestWrapped = 16 * 1024

function findToken(options: TokenOptions, library: Cryptoki) {
  const tokens = tokensOf(library).filter((token) => token.initialized)
  const matching = tokens.filter(
    (token) => token.label === options.token && (options.serial === undefined || token.serial === options.serial),
  )
  const [token] = matching
  if (token !== undefined && matching.length === 1) return token
  const seen = tokens.map(({ label, serial }) => `${label} (${serial})`).join(', ') || 'none'
  const wanted = options.serial === undefined ? options.token : `${options.token} (${options.serial})`
  const problem = matching.length > 1 ? `has ${matching.length} tokens ${wanted}; name one by its serial` : `has no token ${wanted}`
  throw new KmipError('GeneralFailure', `Partition ${options.name}: ${options.module} ${problem}. Its tokens: ${seen}.`)
}

const nowhere = Buffer.alloc(1).subarray(0, 0)

/** The same memory as a Buffer, which pkcs11js insists on. Tokens refuse a null pointer, so no bytes still lie somewhere. */
function buffer(data: Uint8Array): Buffer {
  if (data.length === 0) return nowhere
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
