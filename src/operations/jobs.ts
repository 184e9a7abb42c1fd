import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { ResponseItem } from '../messages/index.ts'

/** The requests of one user that are answered later, by Asynchronous Correlation Value. Another's value is one that never was. */
export interface Jobs {
  /** The answer, or that it is still to come. @throws KmipError InvalidAsynchronousCorrelationValue */
  poll(value: Uint8Array): Promise<ResponseItem>
  /** @throws KmipError InvalidAsynchronousCorrelationValue */
  cancel(value: Uint8Array): Promise<EnumerationValue<'CancellationResult'>>
  /** Resolves when it is done. @throws KmipError InvalidAsynchronousCorrelationValue; DuplicateProcessRequest when it was done before */
  process(value: Uint8Array): Promise<void>
  /** Those whose answers were not had yet, the oldest first; of these values or operations, where some are named. */
  list(wanted: {
    readonly values?: readonly Uint8Array[] | undefined
    readonly operations?: readonly OperationName[] | undefined
  }): Promise<readonly StructureValue<'AsynchronousRequest'>[]>
}

/** What Poll answers in place of a payload of its own. */
export class PolledAnswer {
  readonly item: ResponseItem

  constructor(item: ResponseItem) {
    this.item = item
  }
}
