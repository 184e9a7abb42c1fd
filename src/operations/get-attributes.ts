import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeReference, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Get Attributes (KMIP 2.1 §6.1.20): the attributes named, or all; one that is not set is left out. Destroyed objects answer too.
 * @throws KmipError ObjectNotFound; InvalidMessage when an attribute is named twice (KMIP 1.4 §11.1).
 */
export async function getAttributes(context: Context, request: RequestPayload<'GetAttributes'>): Promise<ResponsePayload<'GetAttributes'>> {
  const { references } = request
  checkDistinct(references)
  const object = await context.objects.open(request.uniqueIdentifier)
  const attributes = references.length === 0 ? [...object.attributes] : references.flatMap((each) => object.attributes.named(each))
  return { uniqueIdentifier: object.uniqueIdentifier, attributes }
}

function checkDistinct(references: readonly AttributeReference[]): void {
  const names = references.map((each) => (typeof each === 'string' ? each : `${each.vendorIdentification} ${each.attributeName}`))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new KmipError('InvalidMessage', `The attribute ${twice} is named twice.`)
}
