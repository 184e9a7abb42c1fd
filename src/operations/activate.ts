import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { activate as makeActive } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * Activate (KMIP 2.1 §6.1.1): makes a Pre-Active object Active.
 * @throws KmipError ObjectNotFound, ObjectDestroyed, WrongKeyLifecycleState.
 */
export async function activate(context: Context, request: RequestPayload<'Activate'>): Promise<ResponsePayload<'Activate'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  makeActive(object, context.now)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier }
}
