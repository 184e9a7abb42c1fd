import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Process (KMIP 2.1 §6.1.39): carries out now what was to be answered later, so that the next Poll has the answer.
 * @throws KmipError InvalidAsynchronousCorrelationValue; DuplicateProcessRequest
 */
export async function process(context: Context, request: RequestPayload<'Process'>): Promise<ResponsePayload<'Process'>> {
  const { asynchronousCorrelationValue } = request
  await context.jobs.process(asynchronousCorrelationValue)
  return { asynchronousCorrelationValue }
}
