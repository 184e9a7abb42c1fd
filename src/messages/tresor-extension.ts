import { KmipError, type KmipErrorOptions } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import { idempotencyKeyBytes, tresorExtension } from '../../spec/tresor-extension.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { Item } from '../ttlv/index.ts'

type MessageExtension = StructureValue<'MessageExtension'>
const { vendor, fields } = tresorExtension

/** What a Batch Item of a request says in Tresor's own Message Extension. */
export interface RequestExtension {
  readonly idempotencyKey?: Uint8Array | undefined
  readonly wantsRetry?: boolean | undefined
}

/**
 * Reads the Message Extensions of a request's Batch Item. Those of other vendors mean nothing here.
 * @throws KmipError UnknownMessageExtension for one that is critical and not known; InvalidField for a known field that is wrong
 */
export function readRequestExtension(extensions: readonly MessageExtension[]): RequestExtension {
  let read: { idempotencyKey?: Uint8Array; wantsRetry?: boolean } = {}
  for (const extension of extensions) {
    const items = itemsOf(extension)
    if (items === undefined) {
      if (extension.criticalityIndicator) throw unknownAndCritical()
      continue
    }
    for (const item of items) {
      if (item.tag === fields.idempotencyKey.tag) {
        if (read.idempotencyKey !== undefined) throw new KmipError('InvalidField', 'A Batch Item has one Idempotency Key at most')
        read = { ...read, idempotencyKey: readKey(item) }
      } else if (item.tag === fields.wantsRetry.tag && item.type === fields.wantsRetry.type) {
        read = { ...read, wantsRetry: item.value }
      } else if (extension.criticalityIndicator) throw unknownAndCritical()
    }
  }
  return read
}

/** Undefined when there is nothing to say. */
export function requestExtensionItem({ idempotencyKey, wantsRetry }: RequestExtension): Item | undefined {
  const items: Item[] = []
  if (idempotencyKey !== undefined) items.push({ ...fields.idempotencyKey, value: idempotencyKey })
  if (wantsRetry !== undefined) items.push({ ...fields.wantsRetry, value: wantsRetry })
  return items.length === 0 ? undefined : extensionItem(items)
}

/** How a failed item of an answer can be tried again, where it says so. */
export function readRetry(extensions: readonly MessageExtension[]): KmipErrorOptions['retry'] {
  for (const extension of extensions) {
    for (const item of itemsOf(extension) ?? []) {
      if (item.tag !== fields.retry.tag || item.type !== fields.retry.type) continue
      if (item.value === 'another-node' || item.value === 'outcome-unknown') return item.value
    }
  }
  return undefined
}

export function retryItem(retry: Exclude<NonNullable<KmipErrorOptions['retry']>, 'newer-view'>): Item {
  return extensionItem([{ ...fields.retry, value: retry }])
}

/** Undefined for another vendor's. */
function itemsOf({ vendorIdentification, vendorExtension }: MessageExtension): readonly Item[] | undefined {
  const content = vendorExtension as Item
  return vendorIdentification === vendor && content.type === 'Structure' ? content.value : undefined
}

function extensionItem(items: readonly Item[]): Item {
  return {
    tag: tags.MessageExtension.tag,
    type: 'Structure',
    value: [
      { tag: tags.VendorIdentification.tag, type: 'TextString', value: vendor },
      { tag: tags.CriticalityIndicator.tag, type: 'Boolean', value: false },
      { tag: tags.VendorExtension.tag, type: 'Structure', value: items },
    ],
  }
}

function readKey(item: Item): Uint8Array {
  if (item.type !== 'ByteString') throw new KmipError('InvalidField', `An Idempotency Key is a Byte String, not a ${item.type}`)
  const { least, most } = idempotencyKeyBytes
  const { length } = item.value
  if (length < least || length > most)
    throw new KmipError('InvalidField', `An Idempotency Key has ${least} to ${most} bytes, this one has ${length}: use random ones`)
  return item.value
}

function unknownAndCritical(): KmipError {
  return new KmipError(
    'UnknownMessageExtension',
    'A critical Message Extension is not known here: leave it out, or say that it is not critical',
  )
}
