import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Logout (KMIP 2.1 §6.1.31): ends a ticket of the same client. Once it is answered, no request that reaches a node is let in by the ticket.
 * @throws KmipError InvalidTicket
 */
export async function logout(context: Context, { ticket }: RequestPayload<'Logout'>): Promise<ResponsePayload<'Logout'>> {
  await context.tickets.end(ticket.ticketValue)
  return {}
}
