import type { Refusal } from '../contracts/partition.ts'
import { deriveRefusals, edwardsRefusals, hmacSha3Refusals, modeRefusals } from './token-refusals.ts'

const lacks = (says: RegExp): Refusal => ({ reason: 'UnsupportedCryptographicParameters', says })
/** NSS takes a curve's private key in only with its public point beside it. */
const noCurves = lacks(/mechanism GENERATE-EC-P_256/)

/** What NSS softokn 3.87 lacks, by the names of the partition contract's cases. */
export const nssRefusals: Readonly<Record<string, Refusal>> = {
  ...modeRefusals(['CFB', 'OFB', 'CCM', 'XTS']),
  ...edwardsRefusals,
  ...hmacSha3Refusals,
  ...deriveRefusals,
  'derived: ECDH on P-256, RFC 5903 8.1': noCurves,
  'derived: ECDH on P-256, the beginning of what is shared': noCurves,
  'derived: ECDH between two pairs that were made inside': noCurves,
  'ChaCha20-Poly1305 with a tag of 12 bytes: what was altered is found out': lacks(/mechanism ChaCha20-Poly1305 with a tag of 12 bytes/),
  'AES-ECB with PKCS5 padding': lacks(/AES-ECB with padding PKCS5/),
  'key wrap, RFC 5649 6, 20 bytes': lacks(/wrapping of a key whose length is no multiple of 64 bits/),
  'data of 13 bytes is wrapped under a managed key and comes back': lacks(/wrapping of data whose length is no multiple of 8 bytes/),
  'HMAC-SHA-256, RFC 4231 4.7, 131 bytes': { reason: 'InvalidField', says: /A key of 1048 bits cannot be kept by a token/ },
  'hash SHA3_256': lacks(/mechanism HASH-SHA3_256/),
  'hash RIPEMD_160': lacks(/mechanism HASH-RIPEMD_160/),
  'HMAC-SHA3_256': lacks(/mechanism HMAC-SHA3_256/),
  'CMAC of a 3DES key, SP 800-38B D.4': lacks(/mechanism DES3-CMAC/),
  'signature ECDSA-SHA_256': noCurves,
  'signature ECDSA-SHA_256 of a digest': noCurves,
  'signatures are those that others make and check': noCurves,
  'a private key goes out as PKCS #8 and comes in again, EC': noCurves,
  'a private key is wrapped under a managed key and comes back': noCurves,
  'a key of a curve is refused where an RSA key is needed': noCurves,
  'signature EdDSA, Ed25519': lacks(/GENERATE-Ed25519/),
}
