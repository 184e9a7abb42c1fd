import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor, refuseStream, required } from './key-use.ts'
import { signMechanism } from './mechanisms.ts'

/** Sign (KMIP 2.1 §6.1.55), of data or of its digest. @throws KmipError with the clause's reasons. */
export async function sign(context: Context, request: RequestPayload<'Sign'>): Promise<ResponsePayload<'Sign'>> {
  refuseStream(request)
  const data = required('Data or Digested Data', request.digestedData ?? request.data)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Sign')
  const mechanism = signMechanism(type, parametersFor(request.cryptographicParameters, object), request.digestedData)
  if (isLimited(object, 'Sign')) await countUse(context, object, 'Sign', data.length)
  const signatureData = await context.partition.sign(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, signatureData }
}
