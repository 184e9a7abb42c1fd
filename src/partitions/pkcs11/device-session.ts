import { generateKeyPairSync, verify } from 'node:crypto'
import { ckf, ckr } from './constants.ts'
import type { Cryptoki, Handle, Mechanism, Template } from './cryptoki.ts'
import { type PartsKind, partsCalls } from './device-parts.ts'

/** Whether a call failed before data went in, when its mechanism and key were set up, or on the data. */
export type Phase = 'setup' | 'data'

/** A call that the device refused: the CKR_* number, where it was one, and when. */
export class DeviceFailure extends Error {
  readonly code: number | undefined
  readonly phase: Phase

  constructor(message: string, code: number | undefined, phase: Phase) {
    super(message)
    this.name = 'DeviceFailure'
    this.code = code
    this.phase = phase
  }
}

/**
 * One thread's way to a token: calls made on the spot, one at a time, with plain data as arguments and results.
 *
 * It has two sessions. Objects end with the session that made them, so the one that makes them is kept; the one for operations is replaced
 * when an operation fails in it, because some tokens leave the operation active then.
 * @throws DeviceFailure
 */
export class DeviceSession {
  readonly #library: Cryptoki
  readonly #slot: Handle
  readonly #objects: Handle
  #operations: Handle

  constructor(library: Cryptoki, slot: Handle) {
    this.#library = library
    this.#slot = slot
    this.#objects = this.#open()
    try {
      this.#operations = this.#open()
    } catch (error) {
      library.C_CloseSession(this.#objects)
      throw error
    }
  }

  logIn(userType: number, pin: string): void {
    this.#manage(() => this.#library.C_Login(this.#objects, userType, pin))
  }

  encrypt(mechanism: Mechanism, key: Handle, data: Buffer, room: number): Buffer {
    return this.#operate(
      (session) => this.#library.C_EncryptInit(session, mechanism, key),
      (session) => this.#library.C_Encrypt(session, data, Buffer.allocUnsafe(room)),
    )
  }

  decrypt(mechanism: Mechanism, key: Handle, data: Buffer, room: number): Buffer {
    return this.#operate(
      (session) => this.#library.C_DecryptInit(session, mechanism, key),
      (session) => this.#library.C_Decrypt(session, data, Buffer.allocUnsafe(room)),
    )
  }

  sign(mechanism: Mechanism, key: Handle, data: Buffer): Buffer {
    return this.#operate(
      (session) => this.#library.C_SignInit(session, mechanism, key),
      (session) => this.#library.C_Sign(session, data, Buffer.allocUnsafe(longestSignature)),
    )
  }

  verify(mechanism: Mechanism, key: Handle, data: Buffer, signature: Buffer): boolean {
    return this.#operate(
      (session) => this.#library.C_VerifyInit(session, mechanism, key),
      (session) => {
        try {
          return this.#library.C_Verify(session, data, signature)
        } catch (error) {
          const code = codeOf(error)
          const invalid = code === ckr.SIGNATURE_INVALID || code === ckr.SIGNATURE_LEN_RANGE
          // NSS calls some wrong signatures an error of the device; one that is in order otherwise means the signature.
          if (!invalid && (!(code === ckr.DEVICE_ERROR || code === ckr.ARGUMENTS_BAD) || this.random(1).length !== 1)) throw error
          clearErrorQueue()
          return false
        }
      },
    )
  }

  digest(mechanism: number, data: Buffer): Buffer {
    return this.#operate(
      (session) => this.#library.C_DigestInit(session, { mechanism }),
      (session) => this.#library.C_Digest(session, data, Buffer.allocUnsafe(longestDigest)),
    )
  }

  /** The hash of a secret key's value, made inside. */
  digestKey(mechanism: number, key: Handle): Buffer {
    return this.#operate(
      (session) => this.#library.C_DigestInit(session, { mechanism }),
      (session) => {
        this.#library.C_DigestKey(session, key)
        return this.#library.C_DigestFinal(session, Buffer.allocUnsafe(longestDigest))
      },
    )
  }

  generate(mechanism: number, template: Template): Handle {
    return this.#manage(() => this.#library.C_GenerateKey(this.#objects, { mechanism }, template))
  }

  generatePair(mechanism: number, publicTemplate: Template, privateTemplate: Template): { privateKey: Handle; publicKey: Handle } {
    return this.#manage(() => this.#library.C_GenerateKeyPair(this.#objects, { mechanism }, publicTemplate, privateTemplate))
  }

  derive(mechanism: Mechanism, base: Handle, template: Template): Handle {
    return this.#manage(() => this.#library.C_DeriveKey(this.#objects, mechanism, base, template))
  }

  create(template: Template): Handle {
    return this.#manage(() => this.#library.C_CreateObject(this.#objects, template))
  }

  wrap(mechanism: Mechanism, wrapping: Handle, target: Handle): Buffer {
    return this.#manage(() =>
      Buffer.from(this.#library.C_WrapKey(this.#objects, mechanism, wrapping, target, Buffer.allocUnsafe(longestWrapped))),
    )
  }

  unwrap(mechanism: Mechanism, wrapping: Handle, wrapped: Buffer, template: Template): Handle {
    return this.#manage(() => this.#library.C_UnwrapKey(this.#objects, mechanism, wrapping, wrapped, template), 'data')
  }

  attribute(object: Handle, type: number): Buffer {
    return this.#manage(() => this.#library.C_GetAttributeValue(this.#objects, object, [{ type }])[0]!.value)
  }

  /** Handles of the objects that match. */
  find(wanted: Template): Handle[] {
    return this.#manage(() => {
      this.#library.C_FindObjectsInit(this.#objects, wanted)
      try {
        const found: Handle[] = []
        for (;;) {
          const page = this.#library.C_FindObjects(this.#objects, 64)
          if (page.length === 0) return found
          found.push(...page)
        }
      } finally {
        this.#library.C_FindObjectsFinal(this.#objects)
      }
    })
  }

  random(length: number): Buffer {
    return this.#manage(() => this.#library.C_GenerateRandom(this.#objects, Buffer.alloc(length)))
  }

  destroy(object: Handle): void {
    this.#manage(() => this.#library.C_DestroyObject(this.#objects, object))
  }

  /** A session for one operation in parts. Sessions belong to the process: whichever thread is free takes a part to it, one at a time. */
  openParts(): Handle {
    return this.#open()
  }

  /** `key` is none for a digest. */
  beginParts(session: Handle, kind: PartsKind, mechanism: Mechanism, key: Handle | undefined): void {
    this.#manage(() => partsCalls[kind].begin(this.#library, session, mechanism, key ?? noHandle))
  }

  updateParts(session: Handle, kind: PartsKind, data: Buffer, room: number): Buffer {
    return this.#manage(() => partsCalls[kind].update(this.#library, session, data, room), 'data')
  }

  endParts(session: Handle, kind: PartsKind, room: number): Buffer {
    return this.#manage(() => partsCalls[kind].end(this.#library, session, room), 'data')
  }

  /** Ends what is going on in it too. Never fails: a session that is gone is closed. */
  closeParts(session: Handle): void {
    this.#end(session)
  }

  /** Never fails: a session that is gone is closed. */
  close(): void {
    for (const session of [this.#operations, this.#objects]) this.#end(session)
  }

  #open(): Handle {
    try {
      return this.#library.C_OpenSession(this.#slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
    } catch (error) {
      throw failure(error, 'setup')
    }
  }

  #end(session: Handle): void {
    try {
      this.#library.C_CloseSession(session)
    } catch {
      // Gone already.
    }
  }

  #operate<T>(begin: (session: Handle) => void, action: (session: Handle) => T): T {
    let phase: Phase = 'setup'
    try {
      begin(this.#operations)
      phase = 'data'
      return action(this.#operations)
    } catch (error) {
      this.#replace()
      throw failure(error, phase)
    }
  }

  #manage<T>(action: () => T, phase: Phase = 'setup'): T {
    try {
      return action()
    } catch (error) {
      throw failure(error, phase)
    }
  }

  #replace(): void {
    try {
      const fresh = this.#open()
      this.#end(this.#operations)
      this.#operations = fresh
    } catch {
      // A device that gives no session is out of order, and the next call will say so.
    }
  }
}

/** What a session can be asked. */
export type SessionCall = Exclude<keyof DeviceSession, 'close'>

/** The CKR_* number of an error that pkcs11js threw. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

export function failure(error: unknown, phase: Phase): DeviceFailure {
  if (error instanceof DeviceFailure) return error
  clearErrorQueue()
  return new DeviceFailure(error instanceof Error ? error.message : String(error), codeOf(error), phase)
}

/**
 * A module that uses OpenSSL may share it with Node.js, and leaves its errors in the thread's queue: the next private key that node:crypto
 * parses would be refused for them. Of the calls that empty the queue in every version of Node.js this is the cheapest: about 10 microseconds.
 */
function clearErrorQueue(): void {
  verify('sha256', noBytes, anyKey, noBytes)
}

const noBytes = Buffer.alloc(0)
const anyKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
const noHandle = Buffer.alloc(8)
/** RSA of 8,192 bits. */
const longestSignature = 1024
const longestDigest = 64
/** A PKCS #8 of an RSA key of 8,192 bits has 4.7 KB. */
const longestWrapped = 16 * 1024
