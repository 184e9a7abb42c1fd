import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { isLimited } from '../objects/index.ts'
import type { Context } from './context.ts'
import { countUse, openKey, parametersFor } from './key-use.ts'
import { cipherMechanism, ivLength, type Parameters } from './mechanisms.ts'
import { dataOf, given, onlyWithFirst, placeOf, takePart } from './parts.ts'

/**
 * Encrypt (KMIP 2.1 §6.1.17). An IV that the client leaves to the server is made in the partition and answered.
 * In parts, the IV and the additional data come with the first, and the tag is answered to the last.
 * @throws KmipError with the clause's reasons.
 */
export async function encrypt(context: Context, request: RequestPayload<'Encrypt'>): Promise<ResponsePayload<'Encrypt'>> {
  const place = placeOf(request)
  if (place === 'next' || place === 'last') return encryptPart(context, request)
  const data = dataOf(request)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Encrypt')
  const parameters = parametersFor(request.cryptographicParameters, object)
  const iv = request.ivCounterNonce
  const missing = iv === undefined ? ivLength(type, parameters) : 0
  const made = missing === 0 ? undefined : await makeIv(context, parameters, missing)
  const mechanism = cipherMechanism(type, parameters, iv ?? made, request.additionalData)
  if (isLimited(object, 'Encrypt')) await countUse(context, object, 'Encrypt', data.length)
  if (place === 'first') {
    const { uniqueIdentifier } = object
    const begun = await context.streams.open(
      { operation: 'Encrypt', uniqueIdentifier },
      (streams) => streams.begin(reference, { operation: 'encrypt', mechanism }),
      { data, iv: made },
    )
    return { uniqueIdentifier, data: given(begun.data), ivCounterNonce: begun.iv, correlationValue: begun.correlationValue }
  }
  const { data: ciphertext, tag } = await context.partition.encrypt(reference, mechanism, data)
  return { uniqueIdentifier: object.uniqueIdentifier, data: ciphertext, ivCounterNonce: made, tag }
}

async function encryptPart(context: Context, request: RequestPayload<'Encrypt'>): Promise<ResponsePayload<'Encrypt'>> {
  if (request.additionalData !== undefined) throw onlyWithFirst('Authenticated Encryption Additional Data')
  const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'Encrypt', 'Encrypt', request)
  return { uniqueIdentifier, data: given(end.data), tag: end.tag, correlationValue }
}

/** Also when Random IV is not mentioned: the answer carries the IV, so nothing is lost. */
async function makeIv(context: Context, parameters: Parameters, length: number): Promise<Uint8Array | undefined> {
  if (parameters.randomIv !== false) return context.partition.random(length)
  throw new KmipError('InvalidMessage', 'The IV/Counter/Nonce is missing, and Random IV is false. Give the one or ask for the other.')
}
