import { randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Turns what is thrown into what a client may see; all faults of one run share a Server Correlation Value. */
export class Failures {
  readonly #doors: { readonly log: Log; readonly metrics: Metrics }
  header: { readonly serverCorrelationValue: string } | undefined

  constructor(doors: { readonly log: Log; readonly metrics: Metrics }) {
    this.#doors = doors
  }

  of(error: unknown): { readonly error: KmipError; readonly header: { readonly serverCorrelationValue: string } | undefined } {
    if (error instanceof KmipError) return { error, header: this.header }
    this.header ??= { serverCorrelationValue: randomBytes(8).toString('hex') }
    const { serverCorrelationValue } = this.header
    this.#doors.metrics.internalErrors++
    this.#doors.log.error('a request failed for an internal reason', { error, serverCorrelationValue })
    const message = `An internal failure; the server's log tells more under ${serverCorrelationValue}.`
    return { error: new KmipError('GeneralFailure', message, { cause: error }), header: this.header }
  }
}
