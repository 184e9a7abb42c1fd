import type { AttributeReference, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { referenceOf } from '../objects/index.ts'
import type { Context } from './context.ts'

/** Get Attribute List (KMIP 2.1 §6.1.21): the names of all attributes that the object has, each once. @throws KmipError ObjectNotFound. */
export async function getAttributeList(
  context: Context,
  request: RequestPayload<'GetAttributeList'>,
): Promise<ResponsePayload<'GetAttributeList'>> {
  const object = await context.objects.open(request.uniqueIdentifier)
  const references = new Map<string, AttributeReference>()
  for (const instance of object.attributes) {
    const reference = referenceOf(instance)
    references.set(typeof reference === 'string' ? reference : `${reference.vendorIdentification} ${reference.attributeName}`, reference)
  }
  return { uniqueIdentifier: object.uniqueIdentifier, references: [...references.values()] }
}
