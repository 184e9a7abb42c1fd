import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Cancel (KMIP 2.1 §6.1.5): a request that was to be answered later is not carried out any more, if that is not done yet.
 * @throws KmipError InvalidAsynchronousCorrelationValue
 */
export async function cancel(context: Context, request: RequestPayload<'Cancel'>): Promise<ResponsePayload<'Cancel'>> {
  const { asynchronousCorrelationValue } = request
  return { asynchronousCorrelationValue, cancellationResult: await context.jobs.cancel(asynchronousCorrelationValue) }
}
