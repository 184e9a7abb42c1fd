import { createRequire } from 'node:module'
import { KmipError } from '../../../spec/kmip-error.ts'
import { ckf, ckr, cku } from './constants.ts'
import type { Cryptoki } from './cryptoki.ts'
import { codeOf } from './device-error.ts'

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
  users: number
}

const loaded = new Map<string, Loaded>()

/** What `initToken` needs. PINs are text, as people type them. */
export interface InitTokenOptions {
  readonly module: string
  readonly label: string
  readonly pin: string
  readonly soPin: string
}

/**
 * Loads a PKCS #11 module, once in a process however many partitions use it. Each call has its `releaseModule`.
 * @throws KmipError GeneralFailure when pkcs11js or the module cannot be loaded, with the cure.
 */
export function openModule(path: string): Cryptoki {
  const known = loaded.get(path)
  if (known !== undefined) {
    known.users++
    return known.library
  }
  const library = newCryptoki()
  try {
    library.load(path)
    library.C_Initialize({ flags: ckf.OS_LOCKING_OK })
  } catch (error) {
    if (codeOf(error) !== ckr.CRYPTOKI_ALREADY_INITIALIZED) {
      throw new KmipError(
        'GeneralFailure',
        `The PKCS #11 module ${path} does not load: ${messageOf(error)}. Check the path and the module's own configuration.`,
        {
          cause: error,
        },
      )
    }
  }
  loaded.set(path, { library, users: 1 })
  return library
}

/** Finalizes the module when its last user is gone. */
export function releaseModule(path: string): void {
  const known = loaded.get(path)
  if (known === undefined || --known.users > 0) return
  loaded.delete(path)
  known.library.C_Finalize()
  known.library.close()
}

/** The tokens in a module's slots. Slot numbers change when a token is made: use label and serial to name one. */
export function listTokens(module: string): Omit<TokenInfo, 'slot'>[] {
  return withModule(module, (library) => tokensOf(library).map(({ slot: _slot, ...token }) => token))
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
  const { module, label, pin, soPin } = options
  return withModule(module, (library) => {
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

function withModule<T>(path: string, action: (library: Cryptoki) => T): T {
  const library = openModule(path)
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
