import type { EnumerationValue } from '../../spec/enumerations.ts'

export type AlgorithmName = EnumerationValue<'CryptographicAlgorithm'>
export type CurveName = EnumerationValue<'RecommendedCurve'>

/** What lies under a wrapped value: a symmetric or HMAC key, a private key, or any other bytes (Secret Data, Opaque Object, certificates). */
export type KeyKind = 'secret' | 'private' | 'public' | 'data'

/** What may be done with the plain form of a key: PKCS#11's CKA_SENSITIVE and CKA_EXTRACTABLE, KMIP 2.1 §4.55 and §4.23. */
export interface KeyPolicy {
  readonly sensitive: boolean
  readonly extractable: boolean
}

/** The kind and size of a key. `length` is in bits; `curve` stands for elliptic-curve keys. */
export interface KeyType {
  readonly algorithm: AlgorithmName
  readonly length: number
  readonly curve?: CurveName
}

/** A key as it lies outside its partition: wrapped under the KEK of `epoch` by `mechanism`. Plain data, safe to store and send. */
export interface WrappedKey {
  readonly kind: KeyKind
  readonly type: KeyType | undefined
  readonly policy: KeyPolicy
  readonly bytes: Uint8Array
  readonly mechanism: string
  readonly epoch: number
}

/** The `mechanism` of a key that stays in its device: in place of wrapped bytes it has its name there, and no epoch's KEK matters to it. */
export const residentMechanism = 'RESIDENT'

/** Bytes of a resident key's name, with which its `bytes` begin. */
export const residentNameLength = 16

/** The name of a resident key in its device; undefined for one that lies outside, wrapped. */
export function residentName({ mechanism, bytes }: Pick<WrappedKey, 'mechanism' | 'bytes'>): Uint8Array | undefined {
  return mechanism === residentMechanism ? bytes.subarray(0, residentNameLength) : undefined
}
