import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/** The most random bytes that one request gets: a device makes them at its own pace, and others wait meanwhile. */
export const longestRandom = 65_536

/** RNG Retrieve (KMIP 2.1 §6.1.49). @throws KmipError InvalidField for a length that is not 1 to {@link longestRandom} bytes. */
export async function rngRetrieve(context: Context, request: RequestPayload<'RNGRetrieve'>): Promise<ResponsePayload<'RNGRetrieve'>> {
  const { dataLength } = request
  if (dataLength < 1 || dataLength > longestRandom)
    throw new KmipError('InvalidField', `RNG Retrieve gives 1 to ${longestRandom} bytes; the Data Length says ${dataLength}.`)
  return { data: await context.partition.random(dataLength) }
}
