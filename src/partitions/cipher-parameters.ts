import { KmipError } from '../../spec/kmip-error.ts'
import type { CipherMechanism, SymmetricMechanism } from './partition.ts'

export type { SymmetricMechanism }

/** Ciphers that make an authentication tag. */
export type AuthenticatedMechanism = Extract<CipherMechanism, { tagLength: number }>

export function isSymmetric(mechanism: CipherMechanism): mechanism is SymmetricMechanism {
  return mechanism.cipher !== 'RSA-OAEP' && mechanism.cipher !== 'RSA-PKCS1' && mechanism.cipher !== 'RSA-RAW'
}

export function isAuthenticated(mechanism: CipherMechanism): mechanism is AuthenticatedMechanism {
  return mechanism.cipher === 'GCM' || mechanism.cipher === 'CCM' || mechanism.cipher === 'ChaCha20-Poly1305'
}

const noIv = Buffer.alloc(0)

/**
 * The rules of SP 800-38A, C, D and E that OpenSSL states badly or not at all. Of the data only its length counts.
 * @returns the IV. @throws KmipError InvalidField, CryptographicFailure.
 */
export function checkParameters(name: string, block: number, mechanism: SymmetricMechanism, data: { readonly length: number }): Uint8Array {
  if (mechanism.cipher === 'CCM') return checkCcm(name, mechanism, data.length)
  if (mechanism.cipher === 'XTS') return checkXts(name, mechanism.iv, data.length)
  if (isAuthenticated(mechanism) && (mechanism.tagLength < 12 || mechanism.tagLength > 16)) {
    throw new KmipError('InvalidField', `${name} takes a tag length of 12 to 16 bytes, not ${mechanism.tagLength} (SP 800-38D).`)
  }
  if (mechanism.cipher === 'GCM') {
    if (mechanism.iv.length === 0 || mechanism.iv.length > longestGcmIv)
      throw new KmipError('InvalidField', `${name} takes an IV of 1 to ${longestGcmIv} bytes, not ${mechanism.iv.length}.`)
    return mechanism.iv
  }
  if (mechanism.cipher === 'ChaCha20-Poly1305') {
    if (mechanism.iv.length !== 12)
      throw new KmipError('InvalidField', `${name} takes a nonce of 12 bytes, not ${mechanism.iv.length} (RFC 8439).`)
    return mechanism.iv
  }
  if (mechanism.cipher === 'ChaCha20') return counterAndNonce(name, mechanism.iv, mechanism.counter, data.length)
  if ((mechanism.cipher === 'ECB' || mechanism.cipher === 'CBC') && !padded(mechanism) && data.length % block !== 0) {
    throw new KmipError('InvalidField', `${name} without padding takes a multiple of ${block} bytes, not ${data.length}.`)
  }
  if (mechanism.cipher === 'ECB') return noIv
  const iv = mechanism.iv
  if (iv === undefined) throw new KmipError('InvalidField', `${name} needs an IV of ${block} bytes.`)
  if (iv.length !== block) throw new KmipError('InvalidField', `${name} takes an IV of ${block} bytes, not ${iv.length}.`)
  if (mechanism.cipher === 'CTR') checkCounter(name, block, iv, mechanism.counterBits ?? block * 8, data.length)
  return iv
}

/** OpenSSL's. */
const longestGcmIv = 128

export function padded(mechanism: SymmetricMechanism): boolean {
  return (mechanism.cipher === 'ECB' || mechanism.cipher === 'CBC') && mechanism.padding === 'PKCS5'
}

/** SP 800-38C, appendix A: the longer the nonce, the shorter the field that holds the length of the data. */
function checkCcm(name: string, mechanism: AuthenticatedMechanism, length: number): Uint8Array {
  const { iv, tagLength } = mechanism
  if (tagLength < 4 || tagLength > 16 || tagLength % 2 !== 0)
    throw new KmipError('InvalidField', `${name} takes a tag length of 4, 6, 8, 10, 12, 14 or 16 bytes, not ${tagLength} (SP 800-38C).`)
  if (iv.length < 7 || iv.length > 13)
    throw new KmipError('InvalidField', `${name} takes a nonce of 7 to 13 bytes, not ${iv.length} (SP 800-38C).`)
  const most = 256 ** (15 - iv.length) - 1
  if (length > most)
    throw new KmipError(
      'InvalidField',
      `${name} with a nonce of ${iv.length} bytes takes ${most} bytes at most, not ${length}. Use a shorter nonce.`,
    )
  return iv
}

/** SP 800-38E: a data unit is one block at least, and 2^20 blocks at most. */
function checkXts(name: string, tweak: Uint8Array, length: number): Uint8Array {
  if (tweak.length !== 16) throw new KmipError('InvalidField', `${name} takes a tweak of 16 bytes as its IV, not ${tweak.length}.`)
  if (length >= 16 && length <= maxDataUnit) return tweak
  throw new KmipError('InvalidField', `${name} takes a data unit of 16 to ${maxDataUnit} bytes, not ${length} (SP 800-38E).`)
}

const maxDataUnit = 16 * 2 ** 20

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
