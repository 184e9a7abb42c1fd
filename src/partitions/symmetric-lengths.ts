import type { AlgorithmName } from './partition.ts'

interface SymmetricRule {
  /** Lengths in bits as KMIP gives them, each with the key's length in bytes: 3DES is 168 bits to some clients and 192 to others. */
  readonly lengths: Readonly<Record<number, number>> | 'any whole number of bytes'
}

/** The symmetric keys that are generated. A key of another algorithm may be imported, kept and given back. */
export const symmetricKeys: Partial<Record<AlgorithmName, SymmetricRule>> = {
  // 512 bits are the two keys of XTS-AES-256; no other mode takes them.
  AES: { lengths: { 128: 16, 192: 24, 256: 32, 512: 64 } },
  DES3: { lengths: { 112: 16, 128: 16, 168: 24, 192: 24 } },
  ChaCha20: { lengths: { 256: 32 } },
  ChaCha20Poly1305: { lengths: { 256: 32 } },
  HMAC_MD5: { lengths: 'any whole number of bytes' },
  HMAC_SHA1: { lengths: 'any whole number of bytes' },
  HMAC_SHA224: { lengths: 'any whole number of bytes' },
  HMAC_SHA256: { lengths: 'any whole number of bytes' },
  HMAC_SHA384: { lengths: 'any whole number of bytes' },
  HMAC_SHA512: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_224: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_256: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_384: { lengths: 'any whole number of bytes' },
  HMAC_SHA3_512: { lengths: 'any whole number of bytes' },
}
