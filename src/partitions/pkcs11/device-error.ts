import { KmipError } from '../../../spec/kmip-error.ts'
import { lacks } from '../mechanisms.ts'
import { ckr } from './constants.ts'

/** What the partition was doing when the device failed. */
export interface Doing {
  readonly partition: string
  /** As `partition show` lists it. */
  readonly mechanism: string
}

/** The CKR_* number of an error that pkcs11js threw. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
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

/** A failure before any data went in: the device lacks the mechanism, or the key does not fit it. */
export function setupError(doing: Doing, error: unknown): KmipError {
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
export function dataError(doing: Doing, error: unknown): KmipError {
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
  return broken(doing, error)
}

/** CKR_WRAPPED_KEY_INVALID to CKR_WRAPPING_KEY_TYPE_INCONSISTENT. */
function isWrappedKeyError(code: number | undefined): boolean {
  return code !== undefined && code >= 0x110 && code <= 0x115
}

function broken(doing: Doing, error: unknown): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The device of partition ${doing.partition} failed at ${doing.mechanism}: ${messageOf(error)}. Check the token, then restart the node.`,
    {
      cause: error,
    },
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
