import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { dataOf, placeOf, sendPart } from './parts.ts'

/** Hash (KMIP 2.1 §6.1.24), of data whole or in parts. @throws KmipError BadCryptographicParameters without a Hashing Algorithm. */
export async function hash(context: Context, request: RequestPayload<'Hash'>): Promise<ResponsePayload<'Hash'>> {
  const place = placeOf(request)
  if (place === 'next' || place === 'last') {
    const { correlationValue, end } = await sendPart(context, purpose, request)
    return place === 'last' ? { data: end.data } : { correlationValue }
  }
  const data = dataOf(request)
  const algorithm = request.cryptographicParameters?.hashingAlgorithm
  if (algorithm === undefined) throw new KmipError('BadCryptographicParameters', 'The Cryptographic Parameters name no Hashing Algorithm.')
  if (place === 'first') {
    const { correlationValue } = await context.streams.open(purpose, (streams) => streams.beginHash(algorithm), { data })
    return { correlationValue }
  }
  return { data: await context.partition.hash(algorithm, data) }
}

const purpose = { operation: 'Hash', uniqueIdentifier: undefined } as const
