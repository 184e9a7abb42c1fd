import type { EnumerationValue } from './enumerations.ts'

export type ResultReason = EnumerationValue<'ResultReason'>

/**
 * The one error that a client is meant to see: a Result Reason and a message its developer can act on.
 *
 * Reasons are named in the newest version's terms; the dialect of the client's version finds the number
 * (`spec/reasons.ts`). Whatever else is thrown reaches the wire as General Failure without detail.
 */
export class KmipError extends Error {
  readonly reason: ResultReason

  constructor(reason: ResultReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KmipError'
    this.reason = reason
  }
}
