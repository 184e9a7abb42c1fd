import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { KeyReference, Partition, SignMechanism } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { openKey, parametersFor, required } from './key-use.ts'
import { verifyMechanisms } from './mechanisms.ts'
import { dataToSign, expectedOf, placeOf, takePart, validity } from './parts.ts'

/**
 * Signature Verify (KMIP 2.1 §6.1.56). A signature that does not fit is Invalid, not an error. In parts, it comes with the first or the last.
 * @throws KmipError with the clause's reasons.
 */
export async function signatureVerify(
  context: Context,
  request: RequestPayload<'SignatureVerify'>,
): Promise<ResponsePayload<'SignatureVerify'>> {
  const place = placeOf(request)
  const data = dataToSign(request, place)
  const expected = expectedOf('Signature Data', request.signatureData, place)
  if (place === 'next' || place === 'last') {
    const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'SignatureVerify', 'Verify', request, expected)
    return place === 'last' ? { uniqueIdentifier, validityIndicator: validity(end.valid) } : { uniqueIdentifier, correlationValue }
  }
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Verify')
  const mechanisms = verifyMechanisms(type, parametersFor(request.cryptographicParameters, object), request.digestedData)
  const { uniqueIdentifier } = object
  if (place === 'first') {
    const { correlationValue } = await context.streams.open(
      { operation: 'SignatureVerify', uniqueIdentifier },
      (streams) => streams.begin(reference, { operation: 'verify', mechanisms }),
      { data, expected },
    )
    return { uniqueIdentifier, correlationValue }
  }
  const valid = await verifiesWithOne(context.partition, reference, mechanisms, data, required('Signature Data', expected))
  return { uniqueIdentifier, validityIndicator: validity(valid) }
}

async function verifiesWithOne(
  partition: Partition,
  reference: KeyReference,
  mechanisms: readonly SignMechanism[],
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  for (const mechanism of mechanisms) if (await partition.verify(reference, mechanism, data, signature)) return true
  return false
}
