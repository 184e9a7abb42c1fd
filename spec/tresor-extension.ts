import type { OperationName } from './operations.ts'

/**
 * Tresor's own Message Extension (KMIP 2.1 §9.13, KMIP 1.0 §6.16): the fields of its Vendor Extension. It may stand in any Batch Item, of
 * any version; a server or client that does not know it passes over it.
 */
export const tresorExtension = {
  vendor: 'Tresor',
  fields: {
    /** Of a request: names the first sending of a Batch Item and all that repeat it. */
    idempotencyKey: { tag: 0x540001, type: 'ByteString' },
    /** Of a request: the answer may say how a failed item can be tried again. */
    wantsRetry: { tag: 0x540002, type: 'Boolean' },
    /** Of a failed item of an answer. */
    retry: { tag: 0x540003, type: 'TextString' },
  },
  /** What Query calls them. */
  names: { idempotencyKey: 'Idempotency Key', wantsRetry: 'Wants Retry', retry: 'Retry' },
} as const

/** Bytes of an Idempotency Key. */
export const idempotencyKeyBytes = { least: 16, most: 64 } as const

/** The operations that an Idempotency Key is for: they make objects, so that repeating one would make another. */
export const repeatableOperations = ['Create', 'CreateKeyPair', 'DeriveKey', 'Register'] as const satisfies readonly OperationName[]
export type RepeatableOperation = (typeof repeatableOperations)[number]

export function isRepeatable(operation: OperationName): operation is RepeatableOperation {
  return (repeatableOperations as readonly OperationName[]).includes(operation)
}

/**
 * Tresor's own vendor attribute (KMIP 2.1 §4.60; in 1.x `x-Tresor::Resident`), a Boolean: of a Create or Create Key Pair, whether the key is to
 * be an object of the tenant's token for good. Keys that are have it; nobody changes it.
 */
export const residentAttribute = { vendorIdentification: 'Tresor', attributeName: 'Resident' } as const
