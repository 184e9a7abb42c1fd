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
  const { currentAttribute, newAttribute } = request
  const wanted = context.attributeInstances === 'by-index' ? { ...newAttribute, index: newAttribute.index ?? 0 } : newAttribute
  const attribute = modify(object, currentAttribute, wanted, context.now)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier, attribute }
}
