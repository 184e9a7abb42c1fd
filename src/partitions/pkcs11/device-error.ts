import { KmipError } from '../../../spec/kmip-error.ts'
import { lacks } from '../mechanisms.ts'
import { ckr } from './constants.ts'
import { codeOf, DeviceFailure } from './device-session.ts'

/** What the partition was doing when the device failed. */
export interface Doing {
  readonly partition: string
  /** As `partition show` lists it. */
  readonly mechanism: string
}

const unsupported: ReadonlySet<number> = new Set([
  ckr.MECHANISM_INVALID,
  ckr.MECHANISM_PARAM_INVALID,
  ckr.ARGUMENTS_BAD,
  ckr.CURVE_NOT_SUPPORTED,
])
const unfit: ReadonlySet<number> = new Set([
  ckr.KEY_TYPE_INCONSISTENT,
  ckr.KEY_SIZE_RANGE,
  ckr.ATTRIBUTE_VALUE_INVALID,
  ckr.TEMPLATE_INCONSISTENT,
  ckr.DATA_LEN_RANGE,
])

/** The device, the login or what was held in it is gone; all can be opened again. */
const lost: ReadonlySet<number> = new Set([
  ckr.SLOT_ID_INVALID,
  ckr.DEVICE_ERROR,
  ckr.DEVICE_MEMORY,
  ckr.DEVICE_REMOVED,
  ckr.KEY_HANDLE_INVALID,
  ckr.OBJECT_HANDLE_INVALID,
  ckr.SESSION_CLOSED,
  ckr.SESSION_HANDLE_INVALID,
  ckr.TOKEN_NOT_PRESENT,
  ckr.TOKEN_NOT_RECOGNIZED,
  ckr.UNWRAPPING_KEY_HANDLE_INVALID,
  ckr.USER_NOT_LOGGED_IN,
  ckr.WRAPPING_KEY_HANDLE_INVALID,
  ckr.CRYPTOKI_NOT_INITIALIZED,
])

/** Whether an error means that the partition must be opened anew before it can go on. */
export function isLost(error: unknown): boolean {
  const cause = error instanceof KmipError ? error.cause : error
  return cause instanceof DeviceFailure && cause.code !== undefined && lost.has(cause.code)
}

/** Whether a call failed with this CKR_* number. */
export function isOfCode(error: unknown, code: number): boolean {
  return error instanceof KmipError && codeOf(error.cause) === code
}

/** What a token answers to a PIN that it does not take. */
export const pinRefusals: ReadonlySet<number> = new Set([
  ckr.PIN_INCORRECT,
  ckr.PIN_INVALID,
  ckr.PIN_LEN_RANGE,
  ckr.PIN_EXPIRED,
  ckr.PIN_LOCKED,
])

/** Whether a partition that cannot be opened may be opened once its module has been initialized anew. */
export function isOfModule(error: unknown): boolean {
  const cause = error instanceof KmipError ? error.cause : error
  return cause instanceof DeviceFailure && !(cause.code !== undefined && pinRefusals.has(cause.code))
}

/** The standard's error for what a device session threw. */
export function deviceError(doing: Doing, error: unknown): KmipError {
  if (isLost(error)) return broken(doing, error)
  if (codeOf(error) === ckr.SESSION_COUNT) return noSession(doing, error)
  return error instanceof DeviceFailure && error.phase === 'data' ? dataError(doing, error) : setupError(doing, error)
}

/** A failure before any data went in: the device lacks the mechanism, or the key does not fit it. */
function setupError(doing: Doing, error: unknown): KmipError {
  if (error instanceof KmipError) return error
  const code = codeOf(error)
  if (code !== undefined && unsupported.has(code)) return lacks(doing.partition, doing.mechanism, `the device says ${messageOf(error)}`)
  if (code !== undefined && unfit.has(code)) {
    return new KmipError('InvalidField', `The key or its length does not fit ${doing.mechanism}: the device says ${messageOf(error)}.`, {
      cause: error,
    })
  }
  return broken(doing, error)
}

/** A failure on data that came from outside: devices say all kinds of things for a wrong tag or padding, CKR_GENERAL_ERROR among them. */
function dataError(doing: Doing, error: unknown): KmipError {
  if (error instanceof KmipError) return error
  const code = codeOf(error)
  if (code !== undefined && unsupported.has(code)) return setupError(doing, error)
  const known = code === ckr.GENERAL_ERROR || code === ckr.AEAD_DECRYPT_FAILED || code === ckr.ENCRYPTED_DATA_INVALID
  if (
    known ||
    code === ckr.ENCRYPTED_DATA_LEN_RANGE ||
    code === ckr.DATA_LEN_RANGE ||
    code === ckr.DATA_INVALID ||
    isWrappedKeyError(code)
  ) {
    return new KmipError('CryptographicFailure', `${doing.mechanism} failed: wrong key, IV, tag or parameters, or altered data.`, {
      cause: error,
    })
  }
  // What a key that was unwrapped turned out to be.
  if (code !== undefined && unfit.has(code)) return setupError(doing, error)
  return broken(doing, error)
}

/** CKR_WRAPPED_KEY_INVALID to CKR_WRAPPING_KEY_TYPE_INCONSISTENT. */
function isWrappedKeyError(code: number | undefined): boolean {
  return code !== undefined && code >= 0x110 && code <= 0x115
}

function noSession({ partition, mechanism }: Doing, error: unknown): KmipError {
  return new KmipError(
    'ServerLimitExceeded',
    `The token of partition ${partition} gives no session for ${mechanism}: ${messageOf(error)}. Give the partition fewer sessions, or the token more.`,
    { cause: error },
  )
}

function broken(doing: Doing, error: unknown): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The device of partition ${doing.partition} failed at ${doing.mechanism}: ${messageOf(error)}. It is opened anew at the next requests; if this goes on, check the token.`,
    {
      cause: error,
    },
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
