import type { Lease, StructureValue } from '../../spec/values.ts'

/** What bounds a ticket; what is left out is not bounded, but for the lease (KMIP 2.1 §6.1.30). */
export interface TicketTerms {
  readonly lease?: Lease | undefined
  /** Requests that may be made with it. */
  readonly requestCount?: number | undefined
  /** Batch Items (`Object`), or bytes of their Data (`Byte`). */
  readonly usageLimits?: StructureValue<'UsageLimits'> | undefined
}

/** The tickets of the one who makes a request, staged with everything else that it does. */
export interface Tickets {
  /**
   * A new ticket's value.
   * @throws KmipError InvalidField for terms that cannot be; PermissionDenied when a ticket asks for another; ServerLimitExceeded
   */
  issue(terms: TicketTerms): Promise<Uint8Array>
  /** Ends a ticket: no request that begins after the answer is let in by it. @throws KmipError InvalidTicket */
  end(value: Uint8Array): Promise<void>
}
