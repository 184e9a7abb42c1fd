import type { EnumerationValue } from './enumerations.ts'

export type ResultReason = EnumerationValue<'ResultReason'>

export interface KmipErrorOptions extends ErrorOptions {
  /**
   * `another-node`: this node cannot serve now, and did nothing of what was asked; another node of the cluster may.
   * `outcome-unknown`: it may have been done; only what is safe to repeat may be sent again.
   * `newer-view`: what the request relied on has passed (an epoch of its partition), and nothing of it was done: the server runs it again
   * itself, from its barrier. Never told to a client.
   */
  readonly retry?: 'another-node' | 'outcome-unknown' | 'newer-view' | undefined
}

/**
 * The one error that a client is meant to see: a Result Reason and a message its developer can act on.
 *
 * Reasons are named in the newest version's terms; the dialect of the client's version finds the number
 * (`spec/reasons.ts`). Whatever else is thrown reaches the wire as General Failure without detail.
 */
export class KmipError extends Error {
  readonly reason: ResultReason
  /** Whether the same request is sensible at another node, and whether it was surely not done here. */
  readonly retry: KmipErrorOptions['retry']

  constructor(reason: ResultReason, message: string, options: KmipErrorOptions = {}) {
    super(message, options)
    this.name = 'KmipError'
    this.reason = reason
    this.retry = options.retry
  }
}
