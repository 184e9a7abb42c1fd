import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { wraps } from './mechanisms.ts'

type WrapName = keyof typeof wraps

/** AES Key Wrap (RFC 3394) or with padding (RFC 5649). @throws KmipError InvalidField for a length or key that does not do. */
export function wrap(name: WrapName, key: KeyObject | Uint8Array, plain: Uint8Array): Buffer {
  if (name === 'AES-KEY-WRAP' && (plain.length % 8 !== 0 || plain.length < 16)) {
    throw new KmipError(
      'InvalidField',
      `${name} takes a multiple of 8 bytes, 16 at least, not ${plain.length}. Use AES-KEY-WRAP-PAD (AESKeyWrapPadding).`,
    )
  }
  if (plain.length === 0) throw new KmipError('InvalidField', `${name} takes at least 1 byte.`)
  const cipher = createCipheriv(cipherFor(name, key), key, wraps[name].iv)
  return Buffer.concat([cipher.update(plain), cipher.final()])
}

/** @throws KmipError CryptographicFailure when the integrity check fails: another key, or altered bytes. */
export function unwrap(name: WrapName, key: KeyObject | Uint8Array, wrapped: Uint8Array): Buffer {
  const openssl = cipherFor(name, key)
  try {
    const decipher = createDecipheriv(openssl, key, wraps[name].iv)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch (error) {
    throw new KmipError(
      'CryptographicFailure',
      `The wrapped key does not unwrap with ${name}: another wrapping key or mechanism, or altered bytes.`,
      {
        cause: error,
      },
    )
  }
}

function cipherFor(name: WrapName, key: KeyObject | Uint8Array): string {
  const size = key instanceof Uint8Array ? key.length : (key.symmetricKeySize ?? 0)
  const cipher = wraps[name].ciphers[size]
  if (cipher !== undefined) return cipher
  throw new KmipError('InvalidField', `${name} needs an AES key of 128, 192 or 256 bits; this key has ${size * 8}.`)
}
