import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { revoke as takeOutOfUse } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * Revoke (KMIP 2.1 §6.1.44): to Compromised for a compromise, to Deactivated for every other reason.
 * @throws KmipError ObjectNotFound, ObjectDestroyed, WrongKeyLifecycleState.
 */
export async function revoke(context: Context, request: RequestPayload<'Revoke'>): Promise<ResponsePayload<'Revoke'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  takeOutOfUse(object, context.now, request.revocationReason, request.compromiseOccurrenceDate)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier }
}
