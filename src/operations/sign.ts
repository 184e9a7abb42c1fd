import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor } from './key-use.ts'
import { signMechanism } from './mechanisms.ts'
import { dataToSign, placeOf, takePart } from './parts.ts'

/** Sign (KMIP 2.1 §6.1.55), of data, whole or in parts, or of its digest. @throws KmipError with the clause's reasons. */
export async function sign(context: Context, request: RequestPayload<'Sign'>): Promise<ResponsePayload<'Sign'>> {
  const place = placeOf(request)
  const data = dataToSign(request, place)
  if (place === 'next' || place === 'last') {
    const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'Sign', 'Sign', request)
    return place === 'last' ? { uniqueIdentifier, signatureData: end.data } : { uniqueIdentifier, correlationValue }
  }
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Sign')
  const mechanism = signMechanism(type, parametersFor(request.cryptographicParameters, object), request.digestedData)
  if (isLimited(object, 'Sign')) await countUse(context, object, 'Sign', data.length)
  if (place === 'first') {
    const { uniqueIdentifier } = object
    const begin = { operation: 'sign', mechanism } as const
    const { correlationValue } = await context.streams.open(
      { operation: 'Sign', uniqueIdentifier },
      (streams) => streams.begin(reference, begin),
      { data },
    )
    return { uniqueIdentifier, correlationValue }
  }
  const signatureData = await context.partition.sign(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, signatureData }
}
