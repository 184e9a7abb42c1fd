/** KMIP messages in one internal form, whatever version and encoding they came in. */
export type {
  AnsweredItem,
  FailedItem,
  PendingItem,
  RequestHeader,
  RequestItem,
  RequestMessage,
  ResponseItem,
  ResponseMessage,
  UnreadableItem,
} from './message.ts'
export { defaultRequestLimits, encodeRequest, parseRequest, type RequestLimits, requestFromItem, requestToItem } from './request.ts'
export { encodeResponse, parseResponse, responseFromItem, responseSize, responseToItem, tooLarge } from './response.ts'
export { decodeAttributes, encodeAttributes } from './stored-attributes.ts'
export { type StoredStructure, storedStructure } from './stored-structure.ts'
export { UnreadableRequest } from './unreadable-request.ts'
