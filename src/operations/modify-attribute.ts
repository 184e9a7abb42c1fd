import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { modifyAttribute as modify } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * Modify Attribute (KMIP 2.1 §6.1.34): another value for an attribute instance that is there.
 * @throws KmipError ObjectNotFound, AttributeNotFound, AttributeInstanceNotFound, AttributeReadOnly, NonUniqueNameAttribute, WrongKeyLifecycleState.
 */
export async function modifyAttribute(
  context: Context,
  request: RequestPayload<'ModifyAttribute'>,
): Promise<ResponsePayload<'ModifyAttribute'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  const attribute = modify(object, request.currentAttribute, request.newAttribute, context.now)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier, attribute }
}
