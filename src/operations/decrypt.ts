import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { openKey, parametersFor } from './key-use.ts'
import { cipherMechanism } from './mechanisms.ts'
import { dataOf, given, onlyWithFirst, placeOf, takePart } from './parts.ts'

/**
 * Decrypt (KMIP 2.1 §6.1.11). In parts, IV, additional data and tag come with the first; where there is a tag, the plain text comes with the last.
 * @throws KmipError with the clause's reasons; CryptographicFailure when a tag does not match.
 */
export async function decrypt(context: Context, request: RequestPayload<'Decrypt'>): Promise<ResponsePayload<'Decrypt'>> {
  const place = placeOf(request)
  if (place === 'next' || place === 'last') return decryptPart(context, request)
  const data = dataOf(request)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Decrypt')
  const parameters = parametersFor(request.cryptographicParameters, object)
  const tagLength = parameters.tagLength ?? request.tag?.length
  const mechanism = cipherMechanism(type, parameters, request.ivCounterNonce, request.additionalData, tagLength)
  if (place === 'first') {
    const { uniqueIdentifier } = object
    const { tag } = request
    if ('tagLength' in mechanism && tag === undefined)
      throw new KmipError('InvalidMessage', 'The Authenticated Encryption Tag must come with the first part of the data to be decrypted.')
    const begun = await context.streams.open(
      { operation: 'Decrypt', uniqueIdentifier },
      (streams) => streams.begin(reference, { operation: 'decrypt', mechanism, ...(tag === undefined ? {} : { tag }) }),
      { data },
    )
    return { uniqueIdentifier, data: given(begun.data), correlationValue: begun.correlationValue }
  }
  const { ciphertext, tag } =
    'tagLength' in mechanism && request.tag === undefined ? splitTag(data, mechanism.tagLength) : { ciphertext: data, tag: request.tag }
  const plain = await context.partition.decrypt(reference, mechanism, ciphertext, tag)
  return { uniqueIdentifier: object.uniqueIdentifier, data: plain }
}

async function decryptPart(context: Context, request: RequestPayload<'Decrypt'>): Promise<ResponsePayload<'Decrypt'>> {
  if (request.additionalData !== undefined) throw onlyWithFirst('Authenticated Encryption Additional Data')
  if (request.tag !== undefined) throw onlyWithFirst('The Authenticated Encryption Tag')
  const { uniqueIdentifier, correlationValue, end } = await takePart(context, 'Decrypt', 'Decrypt', request)
  return { uniqueIdentifier, data: given(end.data), correlationValue }
}

/** Before KMIP 1.4 a payload has no field for the tag: it stands behind the ciphertext, as in PKCS #11. */
function splitTag(data: Uint8Array, tagLength: number): { readonly ciphertext: Uint8Array; readonly tag: Uint8Array } {
  const end = data.length - tagLength
  if (end < 0)
    throw new KmipError(
      'InvalidMessage',
      `The request has no Authenticated Encryption Tag, and its Data of ${data.length} bytes is shorter than a tag of ${tagLength}.`,
    )
  return { ciphertext: data.subarray(0, end), tag: data.subarray(end) }
}
