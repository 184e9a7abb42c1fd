import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { deleteAttribute as remove } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * Delete Attribute (KMIP 2.1 §6.1.13): one instance by its value or index, or all that a reference names.
 * @throws KmipError ObjectNotFound, AttributeNotFound, AttributeInstanceNotFound, AttributeReadOnly.
 */
export async function deleteAttribute(
  context: Context,
  request: RequestPayload<'DeleteAttribute'>,
): Promise<ResponsePayload<'DeleteAttribute'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  const { currentAttribute: current, reference, attributeIndex } = request
  const index = attributeIndex ?? (context.attributeInstances === 'by-index' ? 0 : undefined)
  const [attribute] = remove(object, { current, reference, index }, context.now)
  await context.objects.save(object)
  return { uniqueIdentifier: object.uniqueIdentifier, attribute }
}
