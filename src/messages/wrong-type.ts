import { KmipError } from '../../spec/kmip-error.ts'
import { type Item, tagLabel } from '../ttlv/index.ts'

/** Refuses an item of another type than its field has. */
export function wrongType(item: Item, wanted: string): never {
  throw new KmipError('InvalidDataType', `${tagLabel(item.tag)} has type ${item.type}, but ${wanted} was expected`)
}
