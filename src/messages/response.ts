import { type EnumerationValue, enumerations } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import { responseHeader as headerRow, responseBatchItem as itemRow } from '../../spec/messages.ts'
import type { OperationName } from '../../spec/operations.ts'
import { reasonIn } from '../../spec/reasons.ts'
import { tags } from '../../spec/tags.ts'
import type { ValueOf } from '../../spec/values.ts'
import { type DecodeLimits, decode, defaultLimits, encode, encodedLength, type Item, type StructureItem } from '../ttlv/index.ts'
import { type Dialect, dialectOf } from './dialect.ts'
import { enumerationTable } from './enumeration-table.ts'
import { Layout } from './field.ts'
import type { FailedItem, PendingItem, ResponseItem, ResponseMessage } from './message.ts'
import { saidVersion, servedVersion, versionItem } from './protocol-version.ts'
import type { Fields, Reader } from './reader.ts'
import { readerOf } from './structure-reader.ts'
import { type StructureWriter, writerOf } from './structure-writer.ts'
import { readRetry, retryItem } from './tresor-extension.ts'

/** An answer's bytes in its version: nothing in them is of a later one. */
export function encodeResponse(message: ResponseMessage): Uint8Array {
  return encode(responseToItem(message))
}

/** How many bytes {@link encodeResponse} would make: what Maximum Response Size bounds, in every encoding (KMIP 2.1 §9.11). */
export function responseSize(message: ResponseMessage): number {
  return encodedLength(responseToItem(message))
}

/** What takes an item's place when the answer would exceed the Maximum Response Size. */
export function tooLarge(item: ResponseItem): FailedItem {
  return {
    operation: item.operation,
    operationValue: item.status === 'OperationFailed' ? item.operationValue : undefined,
    uniqueBatchItemId: item.uniqueBatchItemId,
    status: 'OperationFailed',
    error: new KmipError('ResponseTooLarge', 'The answer would be larger than the Maximum Response Size of the request'),
  }
}

export function responseToItem(message: ResponseMessage): Item {
  const dialect = dialectOf(message.version)
  const writer = writerOf(dialect, false)
  const items: Item[] = [headerItem(dialect, message)]
  for (const item of message.items) items.push(batchItem(writer, item))
  return { tag: tag.message, type: 'Structure', value: items }
}

/**
 * An answer's bytes in the internal form, for a client. What a newer server says beyond its version is passed over.
 *
 * @throws TtlvError for bytes that are no tree
 * @throws KmipError for a tree that is no answer
 */
export function parseResponse(bytes: Uint8Array, limits: DecodeLimits = defaultLimits): ResponseMessage {
  return responseFromItem(decode(bytes, limits))
}

/** The same from a tree. @throws KmipError */
export function responseFromItem(message: Item): ResponseMessage {
  const header = message.type === 'Structure' && message.tag === tag.message ? message.value[0] : undefined
  if (message.type !== 'Structure' || header === undefined || header.tag !== tag.header || header.type !== 'Structure') {
    throw new KmipError('InvalidMessage', 'A Response Message with a Response Header was expected')
  }
  const version = servedVersion(saidVersion(header))
  const reader = readerOf(dialectOf(version), true)
  const fields = reader.read(header.value, layoutsOf(reader.dialect).header, 1) as unknown as ValueOf<typeof headerRow>
  return {
    version,
    timeStamp: fields.timeStamp,
    clientCorrelationValue: fields.clientCorrelationValue,
    serverCorrelationValue: fields.serverCorrelationValue,
    items: message.value.slice(1).map((item) => readItem(reader, item)),
  }
}

const tag = {
  message: tags.ResponseMessage.tag,
  header: tags.ResponseHeader.tag,
  timeStamp: tags.TimeStamp.tag,
  clientCorrelation: tags.ClientCorrelationValue.tag,
  serverCorrelation: tags.ServerCorrelationValue.tag,
  batchCount: tags.BatchCount.tag,
  batchItem: tags.BatchItem.tag,
  operation: tags.Operation.tag,
  itemId: tags.UniqueBatchItemID.tag,
  asynchronous: tags.AsynchronousCorrelationValue.tag,
  status: tags.ResultStatus.tag,
  reason: tags.ResultReason.tag,
  resultMessage: tags.ResultMessage.tag,
  payload: tags.ResponsePayload.tag,
} as const

function headerItem(dialect: Dialect, message: ResponseMessage): Item {
  const items: Item[] = [versionItem(message.version), { tag: tag.timeStamp, type: 'DateTime', value: BigInt(message.timeStamp) }]
  if (layoutsOf(dialect).hasCorrelationValues) {
    const { clientCorrelationValue: client, serverCorrelationValue: server } = message
    if (client !== undefined) items.push({ tag: tag.clientCorrelation, type: 'TextString', value: client })
    if (server !== undefined) items.push({ tag: tag.serverCorrelation, type: 'TextString', value: server })
  }
  items.push({ tag: tag.batchCount, type: 'Integer', value: message.items.length })
  return { tag: tag.header, type: 'Structure', value: items }
}

function batchItem(writer: StructureWriter, item: ResponseItem): Item {
  if (item.status === 'OperationFailed') return failedItem(writer.dialect, item)
  if (item.status === 'OperationPending') return pendingItem(writer.dialect, item)
  const operation = writer.dialect.operationsByName.get(item.operation)
  const payload = operation === undefined ? undefined : writer.structure(tag.payload, item.payload as unknown as Fields, operation.response)
  if (operation === undefined || payload === undefined) return failedItem(writer.dialect, inexpressible(writer.dialect, item))
  const items: Item[] = [{ tag: tag.operation, type: 'Enumeration', value: operation.value }]
  if (item.uniqueBatchItemId !== undefined) items.push({ tag: tag.itemId, type: 'ByteString', value: item.uniqueBatchItemId })
  items.push({ tag: tag.status, type: 'Enumeration', value: item.status === 'Success' ? status.success : status.undone }, payload)
  return { tag: tag.batchItem, type: 'Structure', value: items }
}

function pendingItem(dialect: Dialect, item: PendingItem): Item {
  const items: Item[] = [{ tag: tag.operation, type: 'Enumeration', value: operationNumber(dialect, item.operation) }]
  if (item.uniqueBatchItemId !== undefined) items.push({ tag: tag.itemId, type: 'ByteString', value: item.uniqueBatchItemId })
  items.push(
    { tag: tag.status, type: 'Enumeration', value: status.pending },
    { tag: tag.asynchronous, type: 'ByteString', value: item.asynchronousCorrelationValue },
  )
  return { tag: tag.batchItem, type: 'Structure', value: items }
}

/** Of one that the client's version may not know: another version asked for it. */
function operationNumber(dialect: Dialect, operation: OperationName): number {
  return dialect.operationsByName.get(operation)?.value ?? enumerations.Operation[operation].value
}

function failedItem(dialect: Dialect, item: FailedItem): Item {
  const items: Item[] = []
  const operationValue =
    item.operationValue ?? (item.operation === undefined ? undefined : dialect.operationsByName.get(item.operation)?.value)
  if (operationValue !== undefined) items.push({ tag: tag.operation, type: 'Enumeration', value: operationValue })
  if (item.uniqueBatchItemId !== undefined) items.push({ tag: tag.itemId, type: 'ByteString', value: item.uniqueBatchItemId })
  items.push(
    { tag: tag.status, type: 'Enumeration', value: status.failed },
    { tag: tag.reason, type: 'Enumeration', value: reasonNumber(dialect, item.error) },
    { tag: tag.resultMessage, type: 'TextString', value: item.error.message },
  )
  // Not unasked: clients of other makers may stumble over it (PyKMIP cannot read a Message Extension).
  const { retry } = item.error
  if (item.wantsRetry === true && retry !== undefined && retry !== 'newer-view') items.push(retryItem(retry))
  return { tag: tag.batchItem, type: 'Structure', value: items }
}

function reasonNumber(dialect: Dialect, { reason }: KmipError): number {
  const version = dialect.version
  const said = version === undefined ? reason : reasonIn(version, reason)
  return enumerationTable('ResultReason', version).numbers.get(said) as number
}

/** An answer whose core, say the algorithm of a key, the client's version has no words for. */
function inexpressible(dialect: Dialect, item: ResponseItem): FailedItem {
  return {
    operation: item.operation,
    uniqueBatchItemId: item.uniqueBatchItemId,
    status: 'OperationFailed',
    error: new KmipError('FeatureNotSupported', `The answer has a value that ${dialect.label} has no words for: use a later version`),
  }
}

function readItem(reader: Reader, item: Item): ResponseItem {
  if (item.tag !== tag.batchItem || item.type !== 'Structure') {
    throw new KmipError('InvalidMessage', 'A Response Message holds a Response Header and Batch Items, and nothing else')
  }
  const first = item.value[0]
  const operationValue = first?.tag === tag.operation && first.type === 'Enumeration' ? first.value : undefined
  const fields = reader.read(item.value, layoutsOf(reader.dialect).item, operationValue === undefined ? 0 : 1) as unknown as ValueOf<
    typeof itemRow
  >
  const operation = operationValue === undefined ? undefined : reader.dialect.operationsByValue.get(operationValue)
  const { uniqueBatchItemId, resultStatus, asynchronousCorrelationValue } = fields
  if (resultStatus === 'OperationPending' && operation !== undefined && asynchronousCorrelationValue !== undefined)
    return { operation: operation.name, uniqueBatchItemId, status: resultStatus, asynchronousCorrelationValue }
  if (resultStatus !== 'Success' && resultStatus !== 'OperationUndone') {
    const retry = readRetry(fields.messageExtensions)
    const error = new KmipError(fields.resultReason ?? 'GeneralFailure', fields.resultMessage ?? silence[resultStatus], { retry })
    return { operation: operation?.name, operationValue, uniqueBatchItemId, status: 'OperationFailed', error }
  }
  if (operation === undefined) throw new KmipError('InvalidMessage', 'A Batch Item of the answer has no Operation that was asked for')
  const payload = reader.read(payloadItems(fields.payload as Item | undefined), operation.response)
  return { operation: operation.name, uniqueBatchItemId, status: resultStatus, payload } as unknown as ResponseItem
}

function payloadItems(item: Item | undefined): readonly Item[] {
  if (item === undefined) return []
  if (item.type !== 'Structure') throw new KmipError('InvalidMessage', 'Response Payload is not a Structure')
  return (item as StructureItem).value
}

/** What is said of a failure that the server says nothing about. */
const silence = {
  OperationFailed: 'The server says that it failed, and no more',
  OperationPending: 'The server means to answer later, but does not say how to ask for it',
} as const

interface ResponseLayouts {
  readonly header: Layout
  readonly item: Layout
  readonly hasCorrelationValues: boolean
}

function layoutsOf(dialect: Dialect): ResponseLayouts {
  let known = layouts.get(dialect)
  if (known === undefined) {
    const header = new Layout(dialect, 'Response Header', headerRow)
    const hasCorrelationValues = header.fields.some((field) => field.tag === tag.clientCorrelation)
    known = { header, item: new Layout(dialect, 'Batch Item', itemRow), hasCorrelationValues }
    layouts.set(dialect, known)
  }
  return known
}

const layouts = new Map<Dialect, ResponseLayouts>()

const statuses = enumerationTable('ResultStatus', undefined).numbers
const numberOf = (name: EnumerationValue<'ResultStatus'>): number => statuses.get(name) as number
const status = {
  success: numberOf('Success'),
  failed: numberOf('OperationFailed'),
  pending: numberOf('OperationPending'),
  undone: numberOf('OperationUndone'),
} as const
