import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { openKey, parametersFor, required } from './key-use.ts'
import { macMechanism } from './mechanisms.ts'
import { dataOf, expectedOf, placeOf, takePart, validity } from './parts.ts'

/**
 * MAC Verify (KMIP 2.1 §6.1.33). A MAC that does not fit is Invalid, not an error. In parts, it comes with the first or the last.
 * @throws KmipError with the clause's reasons.
 */
export async function macVerify(context: Context, request: RequestPayload<'MACVerify'>): Promise<ResponsePayload<'MACVerify'>> {
  const place = placeOf(request)
  const expected = expectedOf('MAC Data', request.macData, place)
  if (place === 'next' || place === 'last') {
    const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'MACVerify', 'MACVerify', request, expected)
    return place === 'last' ? { uniqueIdentifier, validityIndicator: validity(end.valid) } : { uniqueIdentifier, correlationValue }
  }
  const data = dataOf(request)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'MACVerify')
  const { uniqueIdentifier } = object
  const mechanism = macMechanism(type, parametersFor(request.cryptographicParameters, object))
  if (place === 'first') {
    const { correlationValue } = await context.streams.open(
      { operation: 'MACVerify', uniqueIdentifier },
      (streams) => streams.begin(reference, { operation: 'verifyMac', mechanism }),
      { data, expected },
    )
    return { uniqueIdentifier, correlationValue }
  }
  const valid = await context.partition.verifyMac(reference, mechanism, data, required('MAC Data', expected))
  return { uniqueIdentifier, validityIndicator: validity(valid) }
}
