import { KmipError, type ResultReason } from '../../../spec/kmip-error.ts'
import { lacks } from '../mechanisms.ts'
import { ckr } from './constants.ts'
import { meaningOf } from './device-answers.ts'
import { codeOf, DeviceFailure } from './device-session.ts'

/** What the partition was doing when the device failed. */
export interface Doing {
  readonly partition: string
  /** As `partition show` lists it. */
  readonly mechanism: string
}

/** Whether an error means that the partition must be opened anew before it can go on. */
export function isLost(error: unknown): boolean {
  const cause = error instanceof KmipError ? error.cause : error
  return cause instanceof DeviceFailure && meaningOf(cause.code, cause.phase) === 'lost'
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
export function deviceError({ partition, mechanism }: Doing, cause: unknown): KmipError {
  if (cause instanceof KmipError) return cause
  const says = cause instanceof Error ? cause.message : String(cause)
  const refused = (reason: ResultReason, message: string) => new KmipError(reason, message, { cause })
  switch (cause instanceof DeviceFailure ? meaningOf(cause.code, cause.phase) : undefined) {
    case 'lost':
      return refused(
        'GeneralFailure',
        `The device of partition ${partition} failed at ${mechanism}: ${says}. It is opened anew at the next requests; if this goes on, check the token.`,
      )
    case 'lacking':
      return lacks(partition, mechanism, `the device says ${says}`, cause)
    case 'unfit':
      return refused('InvalidField', `The key or its length does not fit ${mechanism}: the device says ${says}.`)
    case 'confined':
      return refused(
        'NotExtractable',
        `The token of partition ${partition} does not let this key out by ${mechanism}: the device says ${says}.`,
      )
    case 'altered':
      return refused('CryptographicFailure', `${mechanism} failed: wrong key, IV, tag or parameters, or altered data.`)
    case 'full':
      return refused(
        'ServerLimitExceeded',
        `The token of partition ${partition} gives no session or room for ${mechanism}: ${says}. Give the partition fewer sessions, or the token more.`,
      )
    case undefined:
      return refused(
        'GeneralFailure',
        `The device of partition ${partition} failed at ${mechanism}: ${says}. If this goes on, check the token and its own log.`,
      )
  }
}
