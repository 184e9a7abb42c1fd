import type { KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import type { AlgorithmName, KeyKind, KeyPolicy, KeyType } from '../partition.ts'

/** A key unwrapped and ready for use. OpenSSL owns the bytes and wipes them when the KeyObject goes. */
export interface HeldKey {
  readonly kind: KeyKind
  readonly type: KeyType | undefined
  /** As it stood in the label that opened: nobody can have changed it since. */
  readonly policy: KeyPolicy
  readonly key: KeyObject
}

/** The key, when it is of the kind that the mechanism works with. @throws KmipError InvalidField. */
export function keyOf(held: HeldKey, kind: 'secret' | 'private' | 'public', mechanism: string): KeyObject {
  if (held.kind === kind) return held.key
  throw new KmipError('InvalidField', `${mechanism} needs a ${kind} key here, and this is a ${held.kind} key.`)
}

/** The private or public key, when its algorithm is the one that the mechanism works with. @throws KmipError InvalidField. */
export function asymmetricKeyOf(held: HeldKey, kind: 'private' | 'public', openssl: readonly string[], mechanism: string): KeyObject {
  const key = keyOf(held, kind, mechanism)
  if (key.asymmetricKeyType !== undefined && openssl.includes(key.asymmetricKeyType)) return key
  throw new KmipError('InvalidField', `${mechanism} does not work with a key of type ${key.asymmetricKeyType ?? 'unknown'}.`)
}

export function algorithmOf(held: HeldKey): AlgorithmName {
  return held.type?.algorithm ?? 'AES'
}

/** Length of an RSA modulus in bits. */
export function modulusBits(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0
}

/** What failed inside OpenSSL, as the standard's reason. @throws KmipError CryptographicFailure, with `message`. */
export function attempt<T>(message: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof KmipError) throw error
    throw new KmipError('CryptographicFailure', message, { cause: error })
  }
}
