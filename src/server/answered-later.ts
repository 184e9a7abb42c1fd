import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import { isWithin } from '../../spec/versions.ts'
import type { RequestItem, RequestMessage } from '../messages/index.ts'
import type { OperationEntry } from '../operations/index.ts'

/** These are about other requests, and are answered at once whatever the client wants (KMIP 2.1 §6.1.5, §6.1.38). */
const aboutOthers: ReadonlySet<OperationName> = new Set(['Cancel', 'Poll', 'Process', 'QueryAsynchronousRequests'])

/** Fields of an operation in parts, which lives in one process and holds its answer there. */
const partFields = ['correlationValue', 'initIndicator'] as const

/**
 * Whether an item is answered later (KMIP 2.1 §9.2, KMIP 1.4 §6.7). 1.x has no other way to ask for it than to allow it: there it is done when
 * it can be. Where a later version leaves it open, what may take long is answered later, as long as it is alone: others could refer to it.
 * @param isCounted whether a ticket with Usage Limits let the request in
 * @throws KmipError FeatureNotSupported when the client insists and it cannot be
 */
export function isAnsweredLater(
  { header, items }: RequestMessage,
  item: RequestItem,
  entry: Pick<OperationEntry<OperationName>, 'later'>,
  isCounted: boolean,
): boolean {
  const wish = header.asynchronousIndicator
  if (wish === 'Prohibited' || aboutOthers.has(item.operation)) return false
  const why = whyNot(header, items.length, item, entry, isCounted)
  if (wish === 'Optional') {
    const isWanted = entry.later === 'preferred' || isWithin(header.version, '1.0', '1.4')
    return why === undefined && isWanted && items.length === 1
  }
  if (why !== undefined) throw new KmipError('FeatureNotSupported', `${why}: leave the Asynchronous Indicator out, or let it be Optional.`)
  return true
}

function whyNot(
  { batchErrorContinuation }: RequestMessage['header'],
  count: number,
  { operation, payload }: RequestItem,
  { later }: Pick<OperationEntry<OperationName>, 'later'>,
  isCounted: boolean,
): string | undefined {
  if (later === undefined) return `${operation} is answered at once`
  if (partFields.some((field) => (payload as Readonly<Record<string, unknown>>)[field] !== undefined))
    return `${operation} in parts is answered at once`
  if (batchErrorContinuation === 'Undo' && count > 1) return 'What is answered later cannot be undone with its batch'
  if (isCounted) return 'What a ticket with Usage Limits does is answered at once'
  return undefined
}
