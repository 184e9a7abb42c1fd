import type { EnumerationValue } from '../../../spec/enumerations.ts'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { KeyMaterial } from '../../../spec/values.ts'
import type { AlgorithmName, KeyKind, KeyType } from '../wrapped-key.ts'

export type KeyFormat = EnumerationValue<'KeyFormatType'>
export type Compression = EnumerationValue<'KeyCompressionType'>

/** The Object Types that have a Key Block. */
export type KeyObjectType = 'SymmetricKey' | 'PublicKey' | 'PrivateKey' | 'SplitKey' | 'SecretData' | 'PGPKey'

/**
 * A value in the one plain form in which it enters and leaves a partition: the raw bytes of a symmetric key, PKCS #8 DER of a private key,
 * SubjectPublicKeyInfo DER of a public one. `data` is kept and given back in the format it came in; no mechanism works with it.
 */
export interface PlainValue {
  readonly kind: KeyKind
  readonly type: KeyType | undefined
  readonly bytes: Uint8Array
}

/** Key Material in the format that a Key Block names. */
export interface FormattedKey {
  readonly format: KeyFormat
  readonly material: KeyMaterial
  readonly compression?: Compression | undefined
}

/** What a Key Block or the attributes say of the key. */
export interface ClaimedType {
  readonly algorithm?: AlgorithmName | undefined
  /** Cryptographic Length in bits. */
  readonly length?: number | undefined
}

export function bytesOf(key: FormattedKey): Uint8Array {
  if (key.material instanceof Uint8Array) return key.material
  throw new KmipError(
    'InvalidField',
    `Key Format Type ${key.format} goes with Key Material of bytes; a ${key.material.format} structure was given.`,
  )
}

export function formatNotSupported(what: string, format: KeyFormat, supported: string): KmipError {
  return new KmipError('KeyFormatTypeNotSupported', `${what} cannot be given as ${format}. It can as ${supported}.`)
}
