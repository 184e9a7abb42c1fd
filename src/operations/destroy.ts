import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { destroy as dropValue } from '../objects/index.ts'
import type { Context } from './context.ts'
import { keyReference } from './object-store.ts'

/**
 * Destroy (KMIP 2.1 §6.1.15): the value is gone when the answer is, in this partition's cache too; the attributes stay.
 * @throws KmipError ObjectNotFound, ObjectDestroyed, WrongKeyLifecycleState (an Active object must be revoked first).
 */
export async function destroy(context: Context, request: RequestPayload<'Destroy'>): Promise<ResponsePayload<'Destroy'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  const held = object.key === undefined ? undefined : keyReference(object).handle
  dropValue(object, context.now)
  await context.objects.save(object)
  // Undo may still bring the object back; then its key is unwrapped again on its next use.
  if (held !== undefined) context.partition.forget(held)
  return { uniqueIdentifier: object.uniqueIdentifier }
}
