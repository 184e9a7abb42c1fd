import { createRequire } from 'node:module'
import { KmipError } from '../../../spec/kmip-error.ts'
import { ckf, ckr, cku } from './constants.ts'
import type { Cryptoki } from './cryptoki.ts'
import { codeOf } from './device-session.ts'

/** A token as `partition add` and error messages show it. */
export interface TokenInfo {
  readonly slot: Buffer
  readonly label: string
  readonly serial: string
  readonly model: string
  readonly initialized: boolean
}

interface Loaded {
  readonly library: Cryptoki
  readonly parameters: string | undefined
  users: number
  /** Counts initializations: what was opened before the last one is gone. */
  generation: number
  /** Calls under way in threads. */
  calls: number
  initializing: Promise<void> | undefined
}

const loaded = new Map<string, Loaded>()

/** What `initToken` needs. PINs are text, as people type them. */
export interface InitTokenOptions {
  readonly module: string
  /** As for `openModule`. */
  readonly parameters?: string | undefined
  readonly label: string
  readonly pin: string
  readonly soPin: string
}

/**
 * Loads a PKCS #11 module, once in a process however many partitions use it. Each call has its `releaseModule`.
 * @param parameters what the module wants to be told at its start, where it does (NSS: `configdir=...`); the first user's count.
 * @throws KmipError GeneralFailure when pkcs11js or the module cannot be loaded, with the cure.
 */
export function openModule(path: string, parameters?: string): Cryptoki {
  const known = loaded.get(path)
  if (known !== undefined) {
    known.users++
    return known.library
  }
  const library = newCryptoki()
  try {
    library.load(path)
    initialize(library, parameters)
  } catch (error) {
    throw notLoaded(path, error)
  }
  loaded.set(path, { library, parameters, users: 1, generation: 1, calls: 0, initializing: undefined })
  return library
}

/** The functions of a module that this process has opened, for another thread of it. Its `close` ends this way only. */
export function attachModule(path: string): Cryptoki {
  const library = newCryptoki()
  library.load(path)
  return library
}

/** Finalizes the module when its last user is gone. */
export function releaseModule(path: string): void {
  const known = loaded.get(path)
  if (known === undefined || --known.users > 0) return
  loaded.delete(path)
  finalize(known.library)
  known.library.close()
}

/** Whether a module that is open was started with other parameters than these: it is started once for all of its partitions. */
export function isStartedOtherwise(path: string, parameters: string | undefined): boolean {
  const known = loaded.get(path)
  return known !== undefined && known.parameters !== parameters
}

/** How often the module was initialized in this process; 0 when it is not open. */
export function generationOf(path: string): number {
  return loaded.get(path)?.generation ?? 0
}

/** Runs calls of a module, so that it is not finalized under them. */
export async function duringCall<T>(path: string, action: () => Promise<T>): Promise<T> {
  const known = loaded.get(path)
  if (known === undefined) return action()
  known.calls++
  try {
    return await action()
  } finally {
    known.calls--
  }
}

/**
 * Finalizes and initializes a module, as long as it is of this generation: users that lost it at the same time do it once. Modules see a token
 * that came back, and remoted ones find their server, only so. Sessions and logins of all its partitions end.
 * @throws KmipError GeneralFailure when it does not initialize again, or calls that are under way do not end.
 */
export async function initializeAgain(path: string, generation: number): Promise<void> {
  const known = loaded.get(path)
  if (known === undefined || known.generation !== generation) return known?.initializing
  // Whoever opens a token before the end opens it once more.
  if (known.initializing !== undefined) return known.initializing
  known.generation++
  known.initializing = exchange(path, known)
  try {
    await known.initializing
  } finally {
    known.initializing = undefined
  }
}

async function exchange(path: string, known: Loaded): Promise<void> {
  // To finalize under a call is undefined (PKCS #11 v3.0, 5.4).
  for (let waited = 0; known.calls > 0; waited += callPause) {
    if (waited > callLimit) throw notLoaded(path, new Error(`a call has not ended within ${callLimit / 1000} s`))
    await new Promise((resolve) => setTimeout(resolve, callPause))
  }
  // Its last user may have left meanwhile: who opens it next initializes it.
  if (loaded.get(path) !== known) return
  // What was opened while calls were waited for ends here too: its sessions' numbers will be others'.
  known.generation++
  finalize(known.library)
  try {
    initialize(known.library, known.parameters)
  } catch (error) {
    throw notLoaded(path, error)
  }
}

function finalize(library: Cryptoki): void {
  try {
    library.C_Finalize()
  } catch {
    // A module that has lost its server may not know how to.
  }
}

/** Milliseconds. */
const callPause = 5
const callLimit = 10_000

function initialize(library: Cryptoki, parameters: string | undefined): void {
  try {
    library.C_Initialize({ flags: ckf.OS_LOCKING_OK, ...(parameters !== undefined && { libraryParameters: parameters }) })
  } catch (error) {
    if (codeOf(error) !== ckr.CRYPTOKI_ALREADY_INITIALIZED) throw error
  }
}

function notLoaded(path: string, cause: unknown): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The PKCS #11 module ${path} does not load: ${messageOf(cause)}. Check the path, the device behind it, and the module's own configuration.`,
    { cause },
  )
}

/** The tokens in a module's slots. Slot numbers change when a token is made: use label and serial to name one. */
export function listTokens(module: string, parameters?: string): Omit<TokenInfo, 'slot'>[] {
  return withModule(module, parameters, (library) => tokensOf(library).map(({ slot: _slot, ...token }) => token))
}

export function tokensOf(library: Cryptoki): TokenInfo[] {
  return library.C_GetSlotList(true).map((slot) => {
    const info = library.C_GetTokenInfo(slot)
    return {
      slot,
      label: info.label.trimEnd(),
      serial: info.serialNumber.trimEnd(),
      model: info.model.trimEnd(),
      initialized: (info.flags & ckf.TOKEN_INITIALIZED) !== 0,
    }
  })
}

/**
 * Initializes a token in the first slot whose token is blank: label, security officer's PIN, user's PIN.
 * @throws KmipError GeneralFailure when the label is taken (a token is never initialized over) or no slot is free.
 */
export function initToken(options: InitTokenOptions): { readonly serial: string } {
  const { module, parameters, label, pin, soPin } = options
  return withModule(module, parameters, (library) => {
    const tokens = tokensOf(library)
    if (Buffer.byteLength(label) > tokenLabelLength)
      throw new KmipError('InvalidField', `A token label has at most ${tokenLabelLength} bytes; "${label}" is longer.`)
    if (tokens.some((token) => token.initialized && token.label === label)) {
      throw new KmipError('GeneralFailure', `${module} has a token ${label} already; it is not initialized over. Choose another label.`)
    }
    const free = tokens.find((token) => !token.initialized)
    if (free === undefined)
      throw new KmipError('GeneralFailure', `${module} has no slot with a blank token. Add one with the vendor's tool.`)
    // The module reads 32 bytes, blank padded, whatever the string's length.
    library.C_InitToken(free.slot, soPin, label.padEnd(tokenLabelLength - (Buffer.byteLength(label) - label.length)))
    const made = tokensOf(library).find((token) => token.initialized && token.label === label)
    if (made === undefined)
      throw new KmipError('GeneralFailure', `${module} initialized the token ${label}, and does not show it. Ask the vendor's tool.`)
    const session = library.C_OpenSession(made.slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
    library.C_Login(session, cku.SECURITY_OFFICER, soPin)
    library.C_InitPIN(session, pin)
    library.C_Logout(session)
    library.C_CloseSession(session)
    return { serial: made.serial }
  })
}

const tokenLabelLength = 32

function withModule<T>(path: string, parameters: string | undefined, action: (library: Cryptoki) => T): T {
  const library = openModule(path, parameters)
  try {
    return action(library)
  } finally {
    releaseModule(path)
  }
}

function newCryptoki(): Cryptoki {
  try {
    const { PKCS11 } = createRequire(import.meta.url)('pkcs11js') as { readonly PKCS11: new () => Cryptoki }
    return new PKCS11()
  } catch (error) {
    throw new KmipError(
      'GeneralFailure',
      'PKCS #11 partitions need the package pkcs11js, which is not built here. It needs a C compiler: install one (Debian: apt-get install g++ make python3), then run: npm rebuild pkcs11js',
      { cause: error },
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
