import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor, refuseStream, required } from './key-use.ts'
import { macMechanism } from './mechanisms.ts'

/** MAC (KMIP 2.1 §6.1.32). @throws KmipError with the clause's reasons. */
export async function mac(context: Context, request: RequestPayload<'MAC'>): Promise<ResponsePayload<'MAC'>> {
  refuseStream(request)
  const data = required('Data', request.data)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'MACGenerate')
  const mechanism = macMechanism(type, parametersFor(request.cryptographicParameters, object))
  if (isLimited(object, 'MACGenerate')) await countUse(context, object, 'MACGenerate', data.length)
  const macData = await context.partition.mac(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, macData }
}
