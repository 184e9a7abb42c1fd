import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Login (KMIP 2.1 §6.1.30): a ticket that proves in later requests, at any node, who made this one. It adds no right: each request with it
 * needs the same client certificate, and may do what its user may do at that time.
 * @throws KmipError as `Tickets.issue`
 */
export async function login(context: Context, request: RequestPayload<'Login'>): Promise<ResponsePayload<'Login'>> {
  const { leaseTime, requestCount, usageLimits } = request
  const ticketValue = await context.tickets.issue({ lease: leaseTime, requestCount, usageLimits })
  return { ticket: { ticketType: 'Login', ticketValue } }
}
