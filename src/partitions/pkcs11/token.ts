import { randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { readPrivateFile } from '../key-file.ts'
import type { TokenWay } from '../mechanism-table.ts'
import { residentOnlyName } from '../mechanisms.ts'
import type { MechanismName } from '../partition.ts'
import { type CallPace, CallPaces } from './call-pace.ts'
import { ckf, ckr, cku } from './constants.ts'
import type { Cryptoki, Handle, Mechanism, Template } from './cryptoki.ts'
import { type Doing, deviceError, isLost, pinRefusals } from './device-error.ts'
import type { PartsKind } from './device-parts.ts'
import { codeOf, DeviceFailure, DeviceSession, failure, type SessionCall } from './device-session.ts'
import { type MechanismFacts, type TokenWays, waysOf } from './mechanisms.ts'
import { duringCall, generationOf, isStartedOtherwise, openModule, releaseModule, tokensOf } from './module.ts'
import { RefusedPins, typedPin } from './refused-pins.ts'
import { type CallSort, SessionThreads, type Span } from './session-threads.ts'
import { type AttributeName, attributes, numberOf } from './template.ts'
import { asBuffer } from './thread-messages.ts'

/** Which token, and how it is reached. */
export interface TokenOptions {
  /** The partition's name, for messages. */
  readonly name: string
  /** Path of the PKCS #11 module. */
  readonly module: string
  /** What the module wants to be told at its start, where it does: NSS has `configdir='sql:/path'` and more there. */
  readonly parameters?: string
  /** Label of the token. */
  readonly token: string
  /** Serial number, where two tokens have one label. */
  readonly serial?: string
  /** A file with the user's PIN, mode 0600. */
  readonly pinFile: string
  /** Calls at a time, each in a thread with sessions of its own; 8 unless told. */
  readonly sessions?: number
  /** Operations in parts at a time, each with a session of its own beside these, so that other calls never wait for one; 32 unless told. */
  readonly streams?: number
  /** Whether short calls are made in threads (a box on a network) or on the spot (a library). As it is measured unless told. */
  readonly calls?: 'threads' | 'direct'
  /** PINs that were refused and are not tried again; those of this process unless told. */
  readonly refusedPins?: RefusedPins
}

const refusedHere = new RefusedPins(randomBytes(32))

/** Bytes above which a call is no short one, whatever the device. */
const shortData = 16 * 1024

/** A token that is logged in: its calls, each with the standard's errors. */
export class Token {
  readonly name: string
  /** What it offers, and how it has each. */
  ways: TokenWays
  /** Keys that it makes and that cannot lie outside it: resident ones alone. */
  #confined: TokenWays = new Map()
  readonly details: Readonly<Record<string, string>>
  readonly #library: Cryptoki
  readonly #module: string
  /** The module's generation that this belongs to. */
  readonly #generation: number
  readonly #slot: Handle
  readonly #here: DeviceSession
  readonly #threads: SessionThreads
  readonly #calls: TokenOptions['calls']
  readonly #refusedPins: RefusedPins
  /** Whether the module serves no other thread than this one, so that all calls are made on the spot. */
  #alone = false
  readonly #paces = new CallPaces()

  private constructor(options: TokenOptions, library: Cryptoki) {
    this.name = options.name
    this.#module = options.module
    this.#generation = generationOf(options.module)
    this.#calls = options.calls
    this.#refusedPins = options.refusedPins ?? refusedHere
    this.#library = library
    const token = findToken(options, library)
    this.#slot = token.slot
    this.#here = new DeviceSession(library, token.slot)
    this.#threads = new SessionThreads({
      module: options.module,
      slot: token.slot,
      most: options.sessions ?? 8,
    })
    const info = library.C_GetInfo()
    this.ways = waysOf((mechanism) => this.#factsOf(mechanism) ?? this.#factsByTrial(mechanism))
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
    const library = openModule(options.module, options.parameters)
    let token: Token | undefined
    try {
      token = new Token(options, library)
      token.#logIn(options.pinFile)
      return token
    } catch (error) {
      if (token !== undefined) token.#here.close()
      releaseModule(options.module)
      throw error instanceof KmipError
        ? error
        : deviceError({ partition: options.name, mechanism: 'opening the token' }, failure(error, 'setup'))
    }
  }

  /** A mechanism's flags (CKF_*), undefined when the token lacks it. */
  flagsOf(mechanism: number): number | undefined {
    return this.#factsOf(mechanism)?.flags
  }

  /** The ways of keys that stay inside. */
  get residentWays(): TokenWays {
    return new Map([...this.ways, ...this.#confined])
  }

  /** Names of what it offers. */
  get names(): ReadonlySet<MechanismName> {
    return new Set([...this.ways.keys(), ...[...this.#confined.keys()].map(residentOnlyName)])
  }

  #factsOf(mechanism: number): MechanismFacts | undefined {
    try {
      return this.#library.C_GetMechanismInfo(this.#slot, mechanism)
    } catch {
      return undefined
    }
  }

  encrypt(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, room: number): Promise<Buffer> {
    return this.#call(doing, spanOf(data), 'encrypt', mechanism, key, asBuffer(data), room)
  }

  /** Offers these no more: it has the mechanism, and not what else is needed. */
  withdraw(which: (name: MechanismName) => boolean): void {
    const without = (ways: TokenWays) => new Map([...ways].filter(([name]) => !which(name)))
    this.ways = without(this.ways)
    this.#confined = without(this.#confined)
  }

  /** Offers these for resident keys alone. */
  confine(which: (name: MechanismName) => boolean): void {
    const confined = new Map([...this.#confined, ...[...this.ways].filter(([name]) => which(name))])
    this.withdraw(which)
    this.#confined = confined
  }

  /** Offers what its list does not name, and a trial has shown. */
  offer(name: MechanismName, way: TokenWay): void {
    this.ways = new Map([...this.ways, [name, way]])
  }

  /** NSS lists its hashes for another slot only, and does them in every one. */
  #factsByTrial(mechanism: number): MechanismFacts | undefined {
    if (!digestNumbers.has(mechanism)) return undefined
    try {
      this.#here.digest(mechanism, Buffer.from('abc'))
      return { flags: ckf.DIGEST, minKeySize: 0, maxKeySize: 0 }
    } catch {
      return undefined
    }
  }

  /** `span`: `private ...` for private keys. */
  decrypt(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, room: number, span: Span = 'short'): Promise<Buffer> {
    return this.#call(doing, data.length > shortData ? 'long' : span, 'decrypt', mechanism, key, asBuffer(data), room)
  }

  /** A signature or MAC; `span` as in `decrypt`. */
  sign(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, span: Span = 'short'): Promise<Buffer> {
    return this.#call(doing, data.length > shortData ? 'long' : span, 'sign', mechanism, key, asBuffer(data))
  }

  verify(doing: Doing, key: Handle, mechanism: Mechanism, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return this.#call(doing, spanOf(data), 'verify', mechanism, key, asBuffer(data), asBuffer(signature))
  }

  digest(doing: Doing, mechanism: number, data: Uint8Array): Promise<Buffer> {
    return this.#call(doing, spanOf(data), 'digest', mechanism, asBuffer(data))
  }

  /** The hash of a secret key's value, made inside; undefined where the token does not do that. */
  async digestKey(mechanism: number, key: Handle): Promise<Buffer | undefined> {
    try {
      return await this.#call({ partition: this.name, mechanism: 'digest of a key' }, 'short', 'digestKey', mechanism, key)
    } catch (error) {
      if (isLost(error)) throw error
      return undefined
    }
  }

  generate(doing: Doing, mechanism: number, template: Template): Promise<Handle> {
    return this.#call(doing, 'short', 'generate', mechanism, template)
  }

  generatePair(doing: Doing, mechanism: number, publicTemplate: Template, privateTemplate: Template) {
    return this.#call(doing, 'long', 'generatePair', mechanism, publicTemplate, privateTemplate)
  }

  derive(doing: Doing, base: Handle, mechanism: Mechanism, template: Template): Promise<Handle> {
    return this.#call(doing, 'long', 'derive', mechanism, base, template)
  }

  create(doing: Doing, template: Template): Promise<Handle> {
    return this.#call(doing, 'short', 'create', template)
  }

  wrap(doing: Doing, wrapping: Handle, mechanism: Mechanism, target: Handle): Promise<Buffer> {
    return this.#call(doing, 'short', 'wrap', mechanism, wrapping, target)
  }

  unwrap(doing: Doing, wrapping: Handle, mechanism: Mechanism, wrapped: Uint8Array, template: Template): Promise<Handle> {
    return this.#call(doing, 'short', 'unwrap', mechanism, wrapping, asBuffer(wrapped), template)
  }

  attribute(object: Handle, name: AttributeName): Promise<Buffer> {
    return this.#call({ partition: this.name, mechanism: `reading ${name}` }, 'short', 'attribute', object, numberOf(name))
  }

  /** Handles of the objects that match; few, as the partition's own and resident keys are. */
  find(wanted: Partial<Record<AttributeName, number | boolean | string | Buffer>>): Promise<Handle[]> {
    return this.#call({ partition: this.name, mechanism: 'finding its own keys' }, 'short', 'find', attributes(wanted))
  }

  random(length: number): Promise<Buffer> {
    return this.#call({ partition: this.name, mechanism: 'random bytes' }, 'short', 'random', length)
  }

  /** Never fails: an object that is gone is as good as destroyed. */
  async destroy(object: Handle): Promise<void> {
    await this.#call({ partition: this.name, mechanism: 'destroying an object' }, 'short', 'destroy', object).catch(() => {})
  }

  openParts(doing: Doing): Promise<Handle> {
    return this.#call(doing, 'short', 'openParts')
  }

  beginParts(doing: Doing, session: Handle, kind: PartsKind, mechanism: Mechanism, key: Handle | undefined): Promise<void> {
    return this.#call(doing, 'short', 'beginParts', session, kind, mechanism, key)
  }

  updateParts(doing: Doing, session: Handle, kind: PartsKind, data: Uint8Array, room: number): Promise<Buffer> {
    return this.#call(doing, spanOf(data), 'updateParts', session, kind, asBuffer(data), room)
  }

  endParts(doing: Doing, session: Handle, kind: PartsKind, room: number): Promise<Buffer> {
    return this.#call(doing, 'short', 'endParts', session, kind, room)
  }

  /** Never fails: a session that is gone is closed. */
  async closeParts(session: Handle): Promise<void> {
    await this.#call({ partition: this.name, mechanism: 'closing a session' }, 'short', 'closeParts', session).catch(() => {})
  }

  /** Ends its sessions, and with them its login and the objects that it made. */
  async close(): Promise<void> {
    // Sessions of an earlier initialization have ended, and their numbers may be another's by now.
    const live = () => this.#generation === generationOf(this.#module)
    await duringCall(this.#module, () => this.#threads.close(live() ? 'close' : 'leave'))
    if (live()) this.#here.close()
    releaseModule(this.#module)
  }

  async #call<C extends SessionCall>(
    doing: Doing,
    span: Span,
    call: C,
    ...values: Parameters<DeviceSession[C]>
  ): Promise<ReturnType<DeviceSession[C]>> {
    try {
      if (this.#generation !== generationOf(this.#module)) throw this.#over()
      const pace = this.#paceOf(span, `${call} ${doing.mechanism}`)
      if (this.#alone || (pace !== undefined && this.#isDirect(pace))) return this.#onTheSpot(pace, call, values)
      return await this.#inThread({ span, pace }, call, values)
    } catch (error) {
      throw deviceError(doing, error)
    }
  }

  /** Undefined for what is never done on the spot. */
  #paceOf(span: Span, name: string): CallPace | undefined {
    if (span === 'short') return this.#paces.of(name, 'fast')
    return span === 'long' ? undefined : this.#paces.of(`${name} ${span}`, 'slow')
  }

  /** Whether a call is made on the spot: one at a time, and each in microseconds. */
  #isDirect(pace: CallPace): boolean {
    return this.#calls === undefined ? pace.isFast : this.#calls === 'direct'
  }

  async #inThread<C extends SessionCall>(
    how: CallSort,
    call: C,
    values: Parameters<DeviceSession[C]>,
  ): Promise<ReturnType<DeviceSession[C]>> {
    try {
      return (await duringCall(this.#module, () => this.#threads.run(call, values, how))) as ReturnType<DeviceSession[C]>
    } catch (error) {
      if (codeOf(error) !== ckr.CRYPTOKI_NOT_INITIALIZED) throw error
      // Some modules, p11-kit's client among them, are another application for each thread that loads them.
      const result = this.#onTheSpot(how.pace, call, values)
      this.#alone = true
      return result
    }
  }

  #onTheSpot<C extends SessionCall>(
    pace: CallPace | undefined,
    call: C,
    values: Parameters<DeviceSession[C]>,
  ): ReturnType<DeviceSession[C]> {
    const method = this.#here[call] as (...given: Parameters<DeviceSession[C]>) => ReturnType<DeviceSession[C]>
    const start = performance.now()
    const result = method.apply(this.#here, values)
    pace?.took(performance.now() - start)
    return result
  }

  #over(): DeviceFailure {
    return new DeviceFailure('its module was initialized anew', ckr.SESSION_HANDLE_INVALID, 'setup')
  }

  #logIn(pinFile: string): void {
    const pin = readPrivateFile(pinFile)
    // Not by its serial number alone: every token of NSS has the same.
    const token = `${this.#module}|${this.details.serial}|${this.details.token}`
    try {
      if (this.#refusedPins.has(token, pin)) throw this.#wrongPin(pinFile, new Error('CKR_PIN_INCORRECT'))
      this.#here.logIn(cku.USER, typedPin(pin))
    } catch (error) {
      const code = codeOf(error)
      // Another partition of this process on the same token has logged in.
      if (code === ckr.USER_ALREADY_LOGGED_IN) return
      if (code === undefined || !pinRefusals.has(code)) throw error
      this.#refusedPins.add(token, pin)
      throw this.#wrongPin(pinFile, error)
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
}

const digestNumbers: ReadonlySet<number> = new Set(Object.values(hashes).map(({ token }) => token.digest))

function spanOf(data: Uint8Array): Span {
  return data.length > shortData ? 'long' : 'short'
}

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
  const started = isStartedOtherwise(options.module, options.parameters) ? ` ${startedOtherwise}` : ''
  throw new KmipError('GeneralFailure', `Partition ${options.name}: ${options.module} ${problem}. Its tokens: ${seen}.${started}`, {
    cause: new DeviceFailure(problem, ckr.TOKEN_NOT_PRESENT, 'setup'),
  })
}

const startedOtherwise =
  'It was started with the parameters of another partition: a module is started once, so give all of its partitions the same, which name all of their tokens.'

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** For one action, with one session, called on the spot: closed at its end. */
export async function withToken<T>(options: TokenOptions, action: (token: Token) => Promise<T>): Promise<T> {
  const token = await Token.open({ ...options, sessions: 1, calls: 'direct' })
  try {
    return await action(token)
  } finally {
    await token.close()
  }
}
