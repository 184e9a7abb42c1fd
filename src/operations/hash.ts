import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { refuseStream, required } from './key-use.ts'

/** Hash (KMIP 2.1 §6.1.24). @throws KmipError BadCryptographicParameters without a Hashing Algorithm. */
export async function hash(context: Context, request: RequestPayload<'Hash'>): Promise<ResponsePayload<'Hash'>> {
  refuseStream(request)
  const data = required('Data', request.data)
  const algorithm = request.cryptographicParameters?.hashingAlgorithm
  if (algorithm === undefined) throw new KmipError('BadCryptographicParameters', 'The Cryptographic Parameters name no Hashing Algorithm.')
  return { data: await context.partition.hash(algorithm, data) }
}
