import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { openKey, parametersFor, refuseStream, required } from './key-use.ts'
import { cipherMechanism } from './mechanisms.ts'

/** Decrypt (KMIP 2.1 §6.1.11). @throws KmipError with the clause's reasons; CryptographicFailure when a tag does not match. */
export async function decrypt(context: Context, request: RequestPayload<'Decrypt'>): Promise<ResponsePayload<'Decrypt'>> {
  refuseStream(request)
  const data = required('Data', request.data)
  const { object, type, reference } = await openKey(context, request.uniqueIdentifier, 'Decrypt')
  const parameters = parametersFor(request.cryptographicParameters, object)
  const tagLength = parameters.tagLength ?? request.tag?.length
  const mechanism = cipherMechanism(type, parameters, request.ivCounterNonce, request.additionalData, tagLength)
  const { ciphertext, tag } =
    'tagLength' in mechanism && request.tag === undefined ? splitTag(data, mechanism.tagLength) : { ciphertext: data, tag: request.tag }
  const plain = await context.partition.decrypt(reference, mechanism, ciphertext, tag)
  return { uniqueIdentifier: object.uniqueIdentifier, data: plain }
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
