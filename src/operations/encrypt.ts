import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor, refuseStream, required } from './key-use.ts'
import { cipherMechanism, ivLength, type Parameters } from './mechanisms.ts'

/**
 * Encrypt (KMIP 2.1 §6.1.17). An IV that the client leaves to the server is made in the partition and answered.
 * @throws KmipError with the clause's reasons.
 */
export async function encrypt(context: Context, request: RequestPayload<'Encrypt'>): Promise<ResponsePayload<'Encrypt'>> {
  refuseStream(request)
  const data = required('Data', request.data)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Encrypt')
  const parameters = parametersFor(request.cryptographicParameters, object)
  const given = request.ivCounterNonce
  const missing = given === undefined ? ivLength(type, parameters) : 0
  const made = missing === 0 ? undefined : await makeIv(context, parameters, missing)
  const mechanism = cipherMechanism(type, parameters, given ?? made, request.additionalData)
  if (isLimited(object, 'Encrypt')) await countUse(context, object, 'Encrypt', data.length)
  const { data: ciphertext, tag } = await context.partition.encrypt(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, data: ciphertext, ivCounterNonce: made, tag }
}

/** Also when Random IV is not mentioned: the answer carries the IV, so nothing is lost. */
async function makeIv(context: Context, parameters: Parameters, length: number): Promise<Uint8Array | undefined> {
  if (parameters.randomIv !== false) return context.partition.random(length)
  throw new KmipError('InvalidMessage', 'The IV/Counter/Nonce is missing, and Random IV is false. Give the one or ask for the other.')
}
