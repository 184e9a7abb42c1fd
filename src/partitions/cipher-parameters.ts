import { KmipError } from '../../spec/kmip-error.ts'
import type { CipherMechanism } from './partition.ts'

export type SymmetricMechanism = Extract<CipherMechanism, { cipher: 'ECB' | 'CBC' | 'CTR' | 'GCM' | 'ChaCha20' | 'ChaCha20-Poly1305' }>

/** Ciphers that make an authentication tag. */
export type AuthenticatedMechanism = Extract<CipherMechanism, { tagLength: number }>

export function isAuthenticated(mechanism: CipherMechanism): mechanism is AuthenticatedMechanism {
  return mechanism.cipher === 'GCM' || mechanism.cipher === 'ChaCha20-Poly1305'
}

const noIv = Buffer.alloc(0)

/**
 * The rules of SP 800-38A and SP 800-38D that OpenSSL states badly or not at all. Of the data only its length counts.
 * @returns the IV. @throws KmipError InvalidField, CryptographicFailure.
 */
export function checkParameters(name: string, block: number, mechanism: SymmetricMechanism, data: { readonly length: number }): Uint8Array {
  if (isAuthenticated(mechanism) && (mechanism.tagLength < 12 || mechanism.tagLength > 16)) {
    throw new KmipError('InvalidField', `${name} takes a tag length of 12 to 16 bytes, not ${mechanism.tagLength} (SP 800-38D).`)
  }
  if (mechanism.cipher === 'GCM') {
    if (mechanism.iv.length === 0) throw new KmipError('InvalidField', `${name} needs an IV of at least 1 byte.`)
    return mechanism.iv
  }
  if (mechanism.cipher === 'ChaCha20-Poly1305') {
    if (mechanism.iv.length !== 12)
      throw new KmipError('InvalidField', `${name} takes a nonce of 12 bytes, not ${mechanism.iv.length} (RFC 8439).`)
    return mechanism.iv
  }
  if (mechanism.cipher === 'ChaCha20') return counterAndNonce(name, mechanism.iv, mechanism.counter, data.length)
  if (!padded(mechanism) && mechanism.cipher !== 'CTR' && data.length % block !== 0) {
    throw new KmipError('InvalidField', `${name} without padding takes a multiple of ${block} bytes, not ${data.length}.`)
  }
  if (mechanism.cipher === 'ECB') return noIv
  const iv = mechanism.iv
  if (iv === undefined) throw new KmipError('InvalidField', `${name} needs an IV of ${block} bytes.`)
  if (iv.length !== block) throw new KmipError('InvalidField', `${name} takes an IV of ${block} bytes, not ${iv.length}.`)
  if (mechanism.cipher === 'CTR') checkCounter(name, block, iv, mechanism.counterBits ?? block * 8, data.length)
  return iv
}

export function padded(mechanism: SymmetricMechanism): boolean {
  return (mechanism.cipher === 'ECB' || mechanism.cipher === 'CBC') && mechanism.padding === 'PKCS5'
}

/** OpenSSL's IV of ChaCha20: the block counter, little endian, in what the nonce leaves of 16 bytes, then the nonce. */
function counterAndNonce(name: string, nonce: Uint8Array, counter: number, length: number): Uint8Array {
  if (nonce.length !== 8 && nonce.length !== 12)
    throw new KmipError('InvalidField', `${name} takes a nonce of 12 bytes, or of 8; not ${nonce.length}.`)
  const counterBits = (16 - nonce.length) * 8
  if (!Number.isSafeInteger(counter) || counter < 0 || BigInt(counter) + BigInt(Math.ceil(length / 64)) > 1n << BigInt(counterBits)) {
    throw new KmipError(
      'InvalidField',
      `${name}: a counter of ${counterBits} bits that begins at ${counter} does not last for ${length} bytes.`,
    )
  }
  const iv = Buffer.alloc(16)
  iv.writeBigUInt64LE(BigInt(counter))
  iv.set(nonce, 16 - nonce.length)
  return iv
}

/** A counter shorter than the block must not run over: the same key stream would come again (SP 800-38A, appendix B). */
function checkCounter(name: string, block: number, iv: Uint8Array, bits: number, length: number): void {
  if (bits < 1 || bits > block * 8) throw new KmipError('InvalidField', `${name} takes a counter of 1 to ${block * 8} bits, not ${bits}.`)
  if (bits === block * 8) return
  const start = BigInt.asUintN(bits, BigInt(`0x${Buffer.from(iv).toString('hex')}`))
  if (start + BigInt(Math.ceil(length / block)) > 1n << BigInt(bits)) {
    throw new KmipError(
      'InvalidField',
      `${name}: a counter of ${bits} bits runs over within ${length} bytes. Use a longer counter or another IV.`,
    )
  }
}
