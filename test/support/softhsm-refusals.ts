import type { Refusal } from '../contracts/partition.ts'
import { deriveRefusals, edwardsRefusals, hmacSha3Refusals, modeRefusals } from './token-refusals.ts'

/** What SoftHSM 2.6 lacks, by the names of the partition contract's cases. */
export const softHsmRefusals: Readonly<Record<string, Refusal>> = {
  ...modeRefusals(['CFB', 'OFB', 'CCM', 'XTS']),
  ...edwardsRefusals,
  ...hmacSha3Refusals,
  ...deriveRefusals,
  'derived: HASH of a key': { reason: 'UnsupportedCryptographicParameters', says: /mechanism DERIVE-HASH-SHA_256\./ },
  'derived: HASH gives no more than the digest': { reason: 'UnsupportedCryptographicParameters', says: /mechanism DERIVE-HASH-SHA_256\./ },
  'derived: ECDH on P-256, the beginning of what is shared': {
    reason: 'UnsupportedCryptographicParameters',
    says: /DERIVE-ECDH of a part of the shared secret: tokens keep its end/,
  },
  'ChaCha20, RFC 8439 2.4.2': { reason: 'UnsupportedCryptographicParameters', says: /mechanism ChaCha20/ },
  'ChaCha20-Poly1305, RFC 8439 2.8.2': { reason: 'UnsupportedCryptographicParameters', says: /mechanism ChaCha20-Poly1305/ },
  'ChaCha20-Poly1305 with a tag of 16 bytes: what was altered is found out': {
    reason: 'UnsupportedCryptographicParameters',
    says: /mechanism ChaCha20-Poly1305\./,
  },
  'ChaCha20-Poly1305 with a tag of 12 bytes: what was altered is found out': {
    reason: 'UnsupportedCryptographicParameters',
    says: /mechanism ChaCha20-Poly1305\./,
  },
  'AES-ECB with PKCS5 padding': { reason: 'UnsupportedCryptographicParameters', says: /AES-ECB/ },
  'key wrap, RFC 5649 6, 20 bytes': {
    reason: 'UnsupportedCryptographicParameters',
    says: /wrapping of a key whose length is no multiple of 64 bits/,
  },
  'data of 13 bytes is wrapped under a managed key and comes back': {
    reason: 'UnsupportedCryptographicParameters',
    says: /wrapping of data whose length is no multiple of 8 bytes/,
  },
  'HMAC-SHA-256, RFC 4231 4.2, 20 bytes': { reason: 'InvalidField', says: /HMAC-SHA_256: the device says CKR_KEY_SIZE_RANGE/ },
  'HMAC-SHA-256, RFC 4231 4.7, 131 bytes': { reason: 'InvalidField', says: /A key of 1048 bits cannot be kept by a token/ },
  'hash SHA3_256': { reason: 'UnsupportedCryptographicParameters', says: /mechanism HASH-SHA3_256/ },
  'hash RIPEMD_160': { reason: 'UnsupportedCryptographicParameters', says: /mechanism HASH-RIPEMD_160/ },
  'RSA-OAEP SHA_256, mask SHA_256': {
    reason: 'UnsupportedCryptographicParameters',
    says: /RSA-OAEP with SHA_256, mask SHA_256: the device says CKR_ARGUMENTS_BAD/,
  },
  'RSA-OAEP SHA_384, mask SHA_256, label': {
    reason: 'UnsupportedCryptographicParameters',
    says: /RSA-OAEP with SHA_384, mask SHA_256, label: the device says CKR_ARGUMENTS_BAD/,
  },
  'RSA-OAEP SHA_256, mask SHA_1': {
    reason: 'UnsupportedCryptographicParameters',
    says: /RSA-OAEP with SHA_256, mask SHA_1: the device says CKR_ARGUMENTS_BAD/,
  },
  'signature RSA-PSS-SHA_256, mask SHA_1': {
    reason: 'UnsupportedCryptographicParameters',
    says: /RSA-PSS-SHA_256: the device says CKR_ARGUMENTS_BAD/,
  },
  'signature EdDSA, Ed25519': { reason: 'UnsupportedCryptographicParameters', says: /GENERATE-Ed25519/ },
  'HMAC-SHA3_256': { reason: 'UnsupportedCryptographicParameters', says: /mechanism HMAC-SHA3_256/ },
}
