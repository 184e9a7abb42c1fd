import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { KeyReference, Partition, SignMechanism } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { openKey, parametersFor, refuseStream, required } from './key-use.ts'
import { verifyMechanisms } from './mechanisms.ts'

/** Signature Verify (KMIP 2.1 §6.1.56). A signature that does not fit is Invalid, not an error. @throws KmipError with the clause's reasons. */
export async function signatureVerify(
  context: Context,
  request: RequestPayload<'SignatureVerify'>,
): Promise<ResponsePayload<'SignatureVerify'>> {
  refuseStream(request)
  const data = required('Data or Digested Data', request.digestedData ?? request.data)
  const signature = required('Signature Data', request.signatureData)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Verify')
  const mechanisms = verifyMechanisms(type, parametersFor(request.cryptographicParameters, object), request.digestedData)
  const valid = await verifiesWithOne(context.partition, reference, mechanisms, data, signature)
  return { uniqueIdentifier: object.uniqueIdentifier, validityIndicator: valid ? 'Valid' : 'Invalid' }
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
