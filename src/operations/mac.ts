import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor } from './key-use.ts'
import { macMechanism } from './mechanisms.ts'
import { dataOf, placeOf, takePart } from './parts.ts'

/** MAC (KMIP 2.1 §6.1.32), of data whole or in parts. @throws KmipError with the clause's reasons. */
export async function mac(context: Context, request: RequestPayload<'MAC'>): Promise<ResponsePayload<'MAC'>> {
  const place = placeOf(request)
  if (place === 'next' || place === 'last') {
    const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'MAC', 'MACGenerate', request)
    return place === 'last' ? { uniqueIdentifier, macData: end.data } : { uniqueIdentifier, correlationValue }
  }
  const data = dataOf(request)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'MACGenerate')
  const mechanism = macMechanism(type, parametersFor(request.cryptographicParameters, object))
  if (isLimited(object, 'MACGenerate')) await countUse(context, object, 'MACGenerate', data.length)
  if (place === 'first') {
    const { uniqueIdentifier } = object
    const { correlationValue } = await context.streams.open(
      { operation: 'MAC', uniqueIdentifier },
      (streams) => streams.begin(reference, { operation: 'mac', mechanism }),
      { data },
    )
    return { uniqueIdentifier, correlationValue }
  }
  const macData = await context.partition.mac(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, macData }
}
