import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { PolledAnswer } from './jobs.ts'

/**
 * Poll (KMIP 2.1 §6.1.38): the answer of a request that was to be answered later, as it would have been at once, or that it is still to come.
 * @throws KmipError InvalidAsynchronousCorrelationValue
 */
export async function poll(context: Context, request: RequestPayload<'Poll'>): Promise<ResponsePayload<'Poll'>> {
  return new PolledAnswer(await context.jobs.poll(request.asynchronousCorrelationValue))
}
