import type { ResultReason } from '../../spec/kmip-error.ts'

/** What SoftHSM 2.6 lacks, by the names of the partition contract's cases. */
export const softHsmRefusals: Readonly<Record<string, ResultReason>> = {
  'AES-ECB with PKCS5 padding': 'UnsupportedCryptographicParameters',
  'key wrap, RFC 5649 6, 20 bytes': 'UnsupportedCryptographicParameters',
  'data of 13 bytes is wrapped under a managed key and comes back': 'UnsupportedCryptographicParameters',
  'HMAC-SHA-256, RFC 4231 4.2, 20 bytes': 'InvalidField',
  'HMAC-SHA-256, RFC 4231 4.7, 131 bytes': 'InvalidField',
  'hash SHA3_256': 'UnsupportedCryptographicParameters',
  'hash RIPEMD_160': 'UnsupportedCryptographicParameters',
  'RSA-OAEP SHA_256, mask SHA_256': 'UnsupportedCryptographicParameters',
  'RSA-OAEP SHA_384, mask SHA_256, label': 'UnsupportedCryptographicParameters',
  'RSA-OAEP SHA_256, mask SHA_1': 'UnsupportedCryptographicParameters',
  'signature RSA-PSS-SHA_256, mask SHA_1': 'UnsupportedCryptographicParameters',
  'signature EdDSA, Ed25519': 'UnsupportedCryptographicParameters',
  'HMAC-SHA3_256': 'UnsupportedCryptographicParameters',
  'GMAC is GCM with nothing encrypted': 'UnsupportedCryptographicParameters',
}
