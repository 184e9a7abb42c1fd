import { masks } from '../../spec/enumerations.ts'
import type { AttributeInstance, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { Context } from './context.ts'

/** How many identifiers one answer holds at most when the request sets no lower Maximum Items: 10,000 of 56 bytes are half a megabyte. */
export const mostItems = 10_000

/**
 * Locate (KMIP 2.1 §6.1.28): the tenant's objects that have all of the given attributes, the youngest first. Located Items counts all of
 * them, whatever page is asked for. Nothing found is a success.
 */
export async function locate(context: Context, request: RequestPayload<'Locate'>): Promise<ResponsePayload<'Locate'>> {
  const { OnLineStorage, DestroyedStorage } = masks.StorageStatusMask
  const mask = request.storageStatusMask ?? OnLineStorage.value
  const { ids, total } = context.objects.find({
    attributes: [...request.attributes, ...groupMember(request)],
    onLine: (mask & OnLineStorage.value) !== 0,
    destroyed: (mask & DestroyedStorage.value) !== 0,
    offset: Math.max(0, request.offsetItems ?? 0),
    limit: Math.min(Math.max(0, request.maximumItems ?? mostItems), mostItems),
  })
  return { locatedItems: total, uniqueIdentifiers: ids }
}

/** Group Member Fresh asks for objects of the group that no client has had yet; the default member is the group's youngest, which comes first anyway. */
function groupMember(request: RequestPayload<'Locate'>): AttributeInstance[] {
  return request.objectGroupMember === 'GroupMemberFresh' ? [{ name: 'Fresh', value: true }] : []
}

/** The ID Placeholder after Locate: the one object found; nothing when there may be more (KMIP 2.1 §6.1.28). */
export function locatedPlaceholder(response: ResponsePayload<'Locate'>, request: RequestPayload<'Locate'>): string | null {
  const [first, second] = response.uniqueIdentifiers
  if (typeof first !== 'string' || second !== undefined) return null
  return (response.locatedItems ?? 1) === 1 || request.maximumItems === 1 ? first : null
}
