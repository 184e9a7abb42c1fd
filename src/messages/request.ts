import { createHash } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import { requestBatchItem as row } from '../../spec/messages.ts'
import { tags } from '../../spec/tags.ts'
import type { ValueOf } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import { child, type DecodeLimits, decode, defaultLimits, encode, type Item, type StructureItem, TtlvError } from '../ttlv/index.ts'
import { type Dialect, dialectOf } from './dialect.ts'
import { enumerationTable } from './enumeration-table.ts'
import { Layout } from './field.ts'
import type { RequestItem, RequestMessage, UnreadableItem } from './message.ts'
import { isServed, isServedMajor, newestServed, type SaidVersion, saidVersion, servedVersion } from './protocol-version.ts'
import type { Fields, Reader } from './reader.ts'
import { readRequestHeader, requestHeaderItem } from './request-header.ts'
import { readerOf } from './structure-reader.ts'
import { writerOf } from './structure-writer.ts'
import { readRequestExtension, requestExtensionItem } from './tresor-extension.ts'
import { UnreadableRequest } from './unreadable-request.ts'

/** What a request may cost its reader. */
export interface RequestLimits extends DecodeLimits {
  readonly maxBatchItems: number
}

export const defaultRequestLimits: RequestLimits = { ...defaultLimits, maxBatchItems: 1000 }

/**
 * A request's bytes in the one internal form (KMIP 2.1 §8, KMIP 1.4 §7). An item with a mistake in it stands as an `UnreadableItem`:
 * only that item fails. Byte strings are views into `bytes`.
 *
 * @throws UnreadableRequest when no items can be told
 */
export function parseRequest(bytes: Uint8Array, limits: RequestLimits = defaultRequestLimits): RequestMessage {
  let item: Item
  try {
    item = decode(bytes, limits)
  } catch (error) {
    if (!(error instanceof TtlvError)) throw error
    throw new UnreadableRequest(new KmipError('CodecError', error.message, { cause: error }), versionGuess(bytes), true)
  }
  return requestFromItem(item, limits)
}

/** The same from a tree, whatever its encoding was. @throws UnreadableRequest */
export function requestFromItem(message: Item, limits: RequestLimits = defaultRequestLimits): RequestMessage {
  const headerItem = message.type === 'Structure' && message.tag === tag.message ? message.value[0] : undefined
  if (message.type !== 'Structure' || headerItem === undefined || headerItem.tag !== tag.header || headerItem.type !== 'Structure') {
    throw new UnreadableRequest(
      new KmipError('InvalidMessage', 'A Request Message with a Request Header was expected'),
      newestServed,
      false,
    )
  }
  let version: Version = newestServed
  try {
    const said = saidVersion(headerItem)
    version = servedVersion(said)
    refuseMajor(said, version)
    const reader = readerOf(dialectOf(version), !isServed(said))
    const { header, batchCount } = readRequestHeader(reader, headerItem, version)
    return { header, items: readItems(reader, message.value, batchCount, limits) }
  } catch (error) {
    if (!(error instanceof KmipError)) throw error
    throw new UnreadableRequest(error, version, false, correlationValue(headerItem))
  }
}

/** A request's bytes in its header's version, for a client. @throws KmipError InvalidField for what that version has no words for. */
export function encodeRequest(message: RequestMessage): Uint8Array {
  return encode(requestToItem(message))
}

export function requestToItem(message: RequestMessage): Item {
  const dialect = dialectOf(message.header.version)
  const writer = writerOf(dialect, true)
  const items: Item[] = [requestHeaderItem(writer, message)]
  for (const request of message.items) {
    if ('error' in request) throw new TypeError('an item that could not be read cannot be sent')
    const operation = dialect.operationsByName.get(request.operation)
    if (operation === undefined) {
      throw new KmipError('OperationNotSupported', `${request.operation} is not in KMIP ${dialect.version}: use another version`)
    }
    const value: Item[] = [{ tag: tag.operation, type: 'Enumeration', value: operation.value }]
    if (request.uniqueBatchItemId !== undefined) value.push({ tag: tag.itemId, type: 'ByteString', value: request.uniqueBatchItemId })
    const payload = writer.structure(tag.payload, request.payload as unknown as Fields, operation.request)
    if (payload === undefined)
      throw new KmipError('InvalidField', `${request.operation} has a value that KMIP ${dialect.version} does not know`)
    value.push(payload)
    const extension = requestExtensionItem(request)
    if (extension !== undefined) value.push(extension)
    items.push({ tag: tag.batchItem, type: 'Structure', value })
  }
  return { tag: tag.message, type: 'Structure', value: items }
}

const tag = {
  message: tags.RequestMessage.tag,
  header: tags.RequestHeader.tag,
  batchItem: tags.BatchItem.tag,
  operation: tags.Operation.tag,
  itemId: tags.UniqueBatchItemID.tag,
  payload: tags.RequestPayload.tag,
} as const

function readItems(reader: Reader, items: readonly Item[], batchCount: number, limits: RequestLimits): (RequestItem | UnreadableItem)[] {
  const count = items.length - 1
  if (count !== batchCount)
    throw new KmipError('InvalidMessage', `Batch Count is ${batchCount}, but ${count} Batch Items follow the header`)
  if (count === 0) throw new KmipError('InvalidMessage', 'The request has no Batch Item')
  if (count > limits.maxBatchItems) {
    throw new KmipError('ServerLimitExceeded', `The request has ${count} Batch Items, the limit is ${limits.maxBatchItems}`)
  }
  const layout = itemLayout(reader.dialect)
  const read: (RequestItem | UnreadableItem)[] = []
  for (let index = 1; index < items.length; index++) {
    const item = items[index] as Item
    if (item.tag !== tag.batchItem || item.type !== 'Structure') {
      throw new KmipError('InvalidMessage', 'A Request Message holds a Request Header and Batch Items, and nothing else')
    }
    read.push(readItem(reader, layout, item))
  }
  if (count > 1) checkIdentifiers(read)
  return read
}

function readItem(reader: Reader, layout: Layout, item: StructureItem): RequestItem | UnreadableItem {
  let operationValue: number | undefined
  let uniqueBatchItemId: Uint8Array | undefined
  try {
    const first = item.value[0]
    if (first === undefined || first.tag !== tag.operation || first.type !== 'Enumeration') {
      throw new KmipError('InvalidMessage', 'A Batch Item does not begin with an Operation, an Enumeration')
    }
    operationValue = first.value
    const fields = reader.read(item.value, layout, 1) as unknown as ValueOf<typeof row>
    uniqueBatchItemId = fields.uniqueBatchItemId
    if (fields.ephemeral === true) {
      throw new KmipError('FeatureNotSupported', 'Ephemeral is true, but this server keeps no output back: send the item without it')
    }
    const said = fields.messageExtensions.length === 0 ? undefined : readRequestExtension(fields.messageExtensions)
    const operation = reader.dialect.operationsByValue.get(operationValue)
    if (operation === undefined) {
      throw new KmipError(
        'OperationNotSupported',
        `${operationName(operationValue)} is not served here in KMIP ${reader.dialect.version}; Query lists what is`,
      )
    }
    const payloadItem = fields.payload as Item
    if (payloadItem.type !== 'Structure') throw new KmipError('InvalidMessage', 'Request Payload is not a Structure')
    const payload = reader.read(payloadItem.value, operation.request)
    if (said === undefined) return { operation: operation.name, uniqueBatchItemId, payload } as unknown as RequestItem
    const digest = said.idempotencyKey === undefined ? {} : { digest: digestOf(operationValue, payloadItem) }
    return { operation: operation.name, uniqueBatchItemId, payload, ...said, ...digest } as unknown as RequestItem
  } catch (error) {
    if (!(error instanceof KmipError) || isForAll(reader, error)) throw error
    return { operationValue, uniqueBatchItemId: uniqueBatchItemId ?? identifierOf(item), error }
  }
}

/** Answers find their requests by these (KMIP 2.1 §9.22). */
function checkIdentifiers(items: readonly (RequestItem | UnreadableItem)[]): void {
  const seen = new Set<string>()
  for (const { uniqueBatchItemId } of items) {
    if (uniqueBatchItemId === undefined) {
      throw new KmipError('InvalidMessage', 'A Batch Item has no Unique Batch Item ID: each needs one when there are several')
    }
    const key = Buffer.from(uniqueBatchItemId.buffer, uniqueBatchItemId.byteOffset, uniqueBatchItemId.length).toString('latin1')
    if (seen.has(key)) throw new KmipError('InvalidMessage', 'Two Batch Items have the same Unique Batch Item ID')
    seen.add(key)
  }
}

/** Whether an item's mistake fails the whole request: 2.x says so of a Message Extension that must be understood (KMIP 2.1 §9.12). */
function isForAll(reader: Reader, error: KmipError): boolean {
  return error.reason === 'UnknownMessageExtension' && !reader.dialect.hasIndexes
}

/** The same for each encoding of the same request. */
function digestOf(operation: number, payload: Item): Uint8Array {
  const head = encode({ tag: tag.operation, type: 'Enumeration', value: operation })
  return createHash('sha256').update(head).update(encode(payload)).digest()
}

function refuseMajor(said: SaidVersion, version: Version): void {
  if (isServedMajor(said.major)) return
  throw new KmipError(
    'UnsupportedProtocolVersion',
    `KMIP ${said.major}.${said.minor} is not served here; this answer is in KMIP ${version}`,
  )
}

function operationName(value: number): string {
  return enumerationTable('Operation', undefined).names.get(value) ?? `Operation 0x${value.toString(16).padStart(8, '0')}`
}

function identifierOf(item: StructureItem): Uint8Array | undefined {
  const identifier = child(item, tag.itemId)
  return identifier?.type === 'ByteString' ? identifier.value : undefined
}

function correlationValue(header: StructureItem): string | undefined {
  const item = child(header, 'ClientCorrelationValue')
  return item?.type === 'TextString' ? item.value : undefined
}

/** The version of bytes that are no tree, from where a well-formed message has it. */
function versionGuess(bytes: Uint8Array): Version {
  if (bytes.length < beginning) return newestServed
  const version = bytes.subarray(2 * structureHeader, beginning)
  try {
    const item = decode(version)
    return item.type === 'Structure' ? servedVersion(saidVersion({ tag: tag.header, type: 'Structure', value: [item] })) : newestServed
  } catch {
    return newestServed
  }
}

/** A structure's tag, type and length: the message's and its header's stand before the Protocol Version, which has two Integers of 16 bytes. */
const structureHeader = 8
const beginning = 2 * structureHeader + structureHeader + 2 * 16

function itemLayout(dialect: Dialect): Layout {
  let layout = layouts.get(dialect)
  if (layout === undefined) {
    layout = new Layout(dialect, 'Batch Item', row)
    layouts.set(dialect, layout)
  }
  return layout
}

const layouts = new Map<Dialect, Layout>()
