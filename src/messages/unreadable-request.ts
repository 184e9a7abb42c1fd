import type { KmipError } from '../../spec/kmip-error.ts'
import type { Version } from '../../spec/versions.ts'

/** A request of which no Batch Item can be told: it is answered by one Batch Item without Operation (KMIP 1.4 §11.1). */
export class UnreadableRequest extends Error {
  readonly error: KmipError
  /** The version to answer in: the request's, as far as it could be read and is served. */
  readonly version: Version
  readonly clientCorrelationValue: string | undefined
  /** Whether the connection must be closed after the answer: where the next message begins is not to be trusted (KMIP 2.1 §11.46, Codec Error). */
  readonly close: boolean

  constructor(error: KmipError, version: Version, close: boolean, clientCorrelationValue?: string) {
    super(error.message, { cause: error })
    this.name = 'UnreadableRequest'
    this.error = error
    this.version = version
    this.close = close
    this.clientCorrelationValue = clientCorrelationValue
  }
}
