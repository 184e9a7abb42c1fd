import { randomUUID } from 'node:crypto'
import type { AttributeInstance } from '../../spec/values.ts'
import { type ManagedObject, newObject, type ObjectType, type WrappedKey } from '../../src/objects/index.ts'

/** A wrapped value of the right shape; no partition could open it. */
export const wrappedKey: WrappedKey = {
  kind: 'secret',
  type: { algorithm: 'AES', length: 256 },
  policy: { sensitive: false, extractable: true },
  bytes: new Uint8Array(40),
  mechanism: 'AES-KEY-WRAP',
  epoch: 1,
}

interface Wanted {
  readonly now?: number
  readonly given?: readonly AttributeInstance[]
  readonly policy?: { readonly sensitive: boolean; readonly extractable: boolean }
}

/** A Pre-Active AES key with all uses, made at second 1,000 unless said otherwise. */
export function symmetricKey(wanted: Wanted = {}): ManagedObject {
  return managedObject('SymmetricKey', {
    ...wanted,
    given: [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 256 },
      { name: 'CryptographicUsageMask', value: 0xfff },
      ...(wanted.given ?? []),
    ],
  })
}

export function managedObject(objectType: ObjectType, wanted: Wanted = {}): ManagedObject {
  const policy = wanted.policy ?? { sensitive: false, extractable: true }
  return newObject({
    uniqueIdentifier: randomUUID(),
    objectType,
    now: wanted.now ?? 1_000,
    given: wanted.given ?? [],
    form: { keyFormatType: 'Raw' },
    key: { ...wrappedKey, policy },
    digests: [{ hashingAlgorithm: 'SHA_256', digestValue: new Uint8Array(32), keyFormatType: 'Raw' }],
    generatedBy: { rngAlgorithm: 'Unspecified' },
    protectionStorageMask: 1,
    policy,
  })
}
