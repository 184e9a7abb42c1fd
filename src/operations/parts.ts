import { KmipError } from '../../spec/kmip-error.ts'
import type { Identifier } from '../../spec/values.ts'
import { isLimited, type ManagedObject, type Use } from '../objects/index.ts'
import type { StreamEnd } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { countUse, openKey, required } from './key-use.ts'
import type { StreamedOperation, StreamPurpose } from './streams.ts'

/** The fields by which a request says which part of an operation it has (KMIP 2.1 §6.1). */
export interface Streamed {
  readonly correlationValue?: Uint8Array | undefined
  readonly initIndicator?: boolean | undefined
  readonly finalIndicator?: boolean | undefined
}

type KeyedPart = Streamed & { readonly uniqueIdentifier?: Identifier | undefined; readonly data?: Uint8Array | undefined }

/** A request's place in its stream; `whole` where there is none. */
export type Place = 'whole' | 'first' | 'next' | 'last'

/** @throws KmipError InvalidMessage for fields that contradict each other. */
export function placeOf({ correlationValue, initIndicator = false, finalIndicator = false }: Streamed): Place {
  if (correlationValue === undefined) {
    if (initIndicator === finalIndicator) return 'whole'
    if (initIndicator) return 'first'
    throw new KmipError(
      'InvalidMessage',
      'A Final Indicator without Init Indicator needs the Correlation Value that the first part answered.',
    )
  }
  if (initIndicator)
    throw new KmipError('InvalidMessage', 'An Init Indicator begins a stream, and a Correlation Value continues one: give one of them.')
  return finalIndicator ? 'last' : 'next'
}

/** The part's Data, which may be left out where an indicator is true. @throws KmipError InvalidMessage. */
export function dataOf(
  { data, initIndicator, finalIndicator }: Streamed & { readonly data?: Uint8Array | undefined },
  name = 'Data',
): Uint8Array {
  return initIndicator || finalIndicator ? (data ?? nothing) : required(name, data)
}

/** The part's Data, or the Digested Data of an operation that is not in parts. @throws KmipError InvalidMessage. */
export function dataToSign(
  request: Streamed & { readonly data?: Uint8Array | undefined; readonly digestedData?: Uint8Array | undefined },
  place: Place,
): Uint8Array {
  if (request.digestedData === undefined) return dataOf(request, 'Data or Digested Data')
  if (place === 'whole') return request.digestedData
  throw new KmipError('InvalidMessage', 'Digested Data is a digest of the whole: it does not come in parts.')
}

/** The signature or MAC that an operation is to verify: in parts it comes with the first or with the last. @throws KmipError InvalidMessage. */
export function expectedOf(name: string, value: Uint8Array | undefined, place: Place): Uint8Array | undefined {
  if (place === 'whole') return required(name, value)
  if (place !== 'next' || value === undefined) return value
  throw new KmipError('InvalidMessage', `The ${name} comes with the first part of a stream or with the last, not between them.`)
}

export function validity(valid: boolean | undefined): 'Valid' | 'Invalid' {
  return valid === true ? 'Valid' : 'Invalid'
}

/** A further part, taken. */
export interface PartTaken {
  readonly uniqueIdentifier: string
  /** To answer, until the last part. */
  readonly correlationValue: Uint8Array | undefined
  readonly end: StreamEnd
}

/**
 * Takes a part after the first: the key must be fit for this use as if it were used anew. A key that no longer is ends the stream.
 * @throws KmipError as `openKey` and `Streams`; PermissionDenied by Usage Limits, of which the bytes of each part are taken.
 */
export async function takePart(
  context: Context,
  operation: StreamedOperation,
  use: Use,
  request: KeyedPart,
  expected?: Uint8Array,
): Promise<PartTaken> {
  const correlationValue = required('Correlation Value', request.correlationValue)
  const object = await keyOfPart(context, operation, use, request, correlationValue)
  const { uniqueIdentifier } = object
  return { uniqueIdentifier, ...(await sendPart(context, { operation, uniqueIdentifier }, request, expected)) }
}

/** The same for an operation without a key. */
export async function sendPart(
  { streams }: Context,
  purpose: StreamPurpose,
  request: KeyedPart,
  expected?: Uint8Array,
): Promise<Omit<PartTaken, 'uniqueIdentifier'>> {
  const correlationValue = required('Correlation Value', request.correlationValue)
  const data = dataOf(request)
  if (request.finalIndicator) return { correlationValue: undefined, end: await streams.last(correlationValue, purpose, data, expected) }
  return { correlationValue, end: { data: await streams.next(correlationValue, purpose, data) } }
}

async function keyOfPart(
  context: Context,
  operation: StreamedOperation,
  use: Use,
  request: KeyedPart,
  correlationValue: Uint8Array,
): Promise<ManagedObject> {
  try {
    const { object } = await openKey(context, request.uniqueIdentifier, use)
    const isCounted = isLimited(object, use) && object.attributes.get('UsageLimits')?.unit === 'Byte'
    if (isCounted) await countUse(context, object, use, dataOf(request).length)
    return object
  } catch (error) {
    const { uniqueIdentifier } = request
    if (typeof uniqueIdentifier === 'string') await context.streams.drop(correlationValue, { operation, uniqueIdentifier })
    throw error
  }
}

/** The clauses of Encrypt and Decrypt want these with the first part (KMIP 2.1 §6.1.17, §6.1.11). */
export function onlyWithFirst(field: string): KmipError {
  return new KmipError('InvalidMessage', `${field} comes with the first part of a stream, not with a later one.`)
}

/** No field at all where a part gave nothing. */
export function given(data: Uint8Array): Uint8Array | undefined {
  return data.length === 0 ? undefined : data
}

const nothing = new Uint8Array()
