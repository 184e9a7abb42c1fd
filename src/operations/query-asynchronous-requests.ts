import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/** Query Asynchronous Requests (KMIP 2.1 §6.1.41): the user's requests whose answers were not had yet. */
export async function queryAsynchronousRequests(
  context: Context,
  request: RequestPayload<'QueryAsynchronousRequests'>,
): Promise<ResponsePayload<'QueryAsynchronousRequests'>> {
  const { asynchronousCorrelationValues, operations } = request
  const asynchronousRequests = await context.jobs.list({
    values: asynchronousCorrelationValues?.values,
    operations: operations?.operations as readonly OperationName[] | undefined,
  })
  return { asynchronousRequests }
}
