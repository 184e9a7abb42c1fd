import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { addAttribute as add } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * Add Attribute (KMIP 2.1 §6.1.2): a new attribute, or another instance of one that may have several.
 * @throws KmipError ObjectNotFound, ReadOnlyAttribute, AttributeSingleValued, NonUniqueNameAttribute, UnsupportedAttribute, WrongKeyLifecycleState.
 */
export async function addAttribute(context: Context, request: RequestPayload<'AddAttribute'>): Promise<ResponsePayload<'AddAttribute'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  const attribute = add(object, request.newAttribute, context.now)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier, attribute }
}
