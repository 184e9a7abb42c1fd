import type { KmipErrorOptions } from '../../spec/kmip-error.ts'
import type { ChangeSet, CommitOutcome } from './ledger.ts'

/**
 * What travels between a node's workers and its ledger process, on a `MessageStream` over a Unix socket that only their user can open.
 * `barrier` is the milliseconds within which it must pass or fail.
 */
export type ToLedger = { readonly call: number } & Asked

/** `settled`: of `Ledger.earlierSettled`. */
export type Asked = { readonly barrier: number } | { readonly settled: true } | { readonly commit: ChangeSet }

/** `instance` is new for each ledger process. */
export type FromLedger =
  | { readonly hello: { readonly barrier: BarrierKind; readonly instance: string } }
  | { readonly problem: string | undefined; readonly format: number }
  | { readonly call: number; readonly outcome?: CommitOutcome; readonly error?: ToldError }

/** A `KmipError` on its way. */
export interface ToldError {
  readonly reason: string
  readonly message: string
  readonly retry?: KmipErrorOptions['retry']
}

/** Whether a barrier must ask the ledger process, or is only a look at the newest commit in the shared file. */
export type BarrierKind = 'local' | 'asked'

/** Bytes of a frame at most: a change set holds records of one request, bounded by the server's frame limit. */
export const largestFrame = 256 * 1024 * 1024
