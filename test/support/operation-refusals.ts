import type { Refusal } from '../contracts/partition.ts'

type Refusals = Readonly<Record<string, Refusal>>

const lacks = (says: RegExp): Refusal => ({ reason: 'UnsupportedCryptographicParameters', says })
const each = (refusal: Refusal, titles: readonly string[]): Refusals => Object.fromEntries(titles.map((title) => [title, refusal]))

/** What both modules lack, or tokens as such. Cases of test/operations by file and title. */
const lackedByBoth: Refusals = {
  ...each(lacks(/mechanism AES-CFB128/), [
    'encrypt: encrypts and decrypts: CFB, its segments whole blocks',
    'encrypt: makes and answers the IV: {"blockCipherMode":"CFB","randomIv":true}',
    'encrypt: refuses CFB with an IV of 8 bytes',
  ]),
  ...each(lacks(/mechanism AES-OFB/), [
    'encrypt: encrypts and decrypts: OFB',
    'encrypt: makes and answers the IV: {"blockCipherMode":"OFB"}',
  ]),
  ...each(lacks(/mechanism AES-CCM/), [
    'encrypt: encrypts and decrypts: CCM',
    'encrypt: makes and answers the IV: {"blockCipherMode":"CCM","tagLength":16}',
    'encrypt: makes and answers the IV: {"blockCipherMode":"CCM","randomIv":true,"ivLength":104,"tagLength":8}',
    'encrypt: refuses CCM with a tag of 5 bytes',
    'encrypt: refuses CCM with a nonce as long as a block',
  ]),
  ...each(lacks(/mechanism AES-XTS/), [
    'encrypt: encrypts and decrypts: XTS, of a data unit that ends with part of a block',
    'encrypt: refuses XTS with a key of 128 bits, which is no two keys',
  ]),
  ...each(lacks(/mechanism AES-ECB with padding PKCS5/), ['encrypt: encrypts and decrypts: ECB, padded']),
  ...each(lacks(/mechanism GENERATE-Ed25519/), [
    'create: Create Key Pair, Ed25519',
    'create: Create Key Pair, EC on CURVE25519',
    'get: gives both keys of a created Ed25519 pair in every format, the first by default',
    'sign: signs and verifies: Ed25519',
  ]),
  ...each(lacks(/mechanism GENERATE-Ed448/), ['create: Create Key Pair, EC on CURVE448']),
  ...each(lacks(/mechanism GENERATE-X25519/), ['create: Create Key Pair, ECDH on CURVE25519']),
  ...each(lacks(/mechanism GENERATE-X448/), ['create: Create Key Pair, ECDH on CURVE448']),
  ...each(lacks(/mechanism DERIVE-HMAC\./), [
    'derive-key: HMAC of Derivation Data, or of a second object’s value',
    'derive-key: an HMAC key knows its own hash',
  ]),
  ...each(lacks(/mechanism DERIVE-PBKDF2\./), ['derive-key: PBKDF2 of Secret Data, with HMAC-SHA-1 where no hash is named']),
  ...each(lacks(/mechanism HASH-SHA3_512/), ['hash: hashes with SHA3_512']),
  ...each(lacks(/mechanism HMAC-SHA3_256/), ['mac: HMAC_SHA3_256, by the key’s algorithm or the request’s']),
  ...each(lacks(/mechanism WRAP-AES-CBC/), ['get: wraps with a cipher, and answers the IV']),
  ...each(lacks(/wrapping of data whose length is no multiple of 8 bytes/), [
    'register: a wrapped private key in PKCS #1 is taken in whatever its form, and gives what was registered',
  ]),
}

/** SoftHSM wants keys of HMAC to be as long as the hash. */
const shortHmacKey: Refusal = { reason: 'InvalidField', says: /HMAC-SHA_\d+: the device says CKR_KEY_SIZE_RANGE/ }

/** What SoftHSM 2.6 refuses of the operation suite. */
export const softHsmOperationRefusals: Refusals = {
  ...lackedByBoth,
  ...each(shortHmacKey, [
    'mac: an AES key serves HMAC when its Cryptographic Parameters say so (CS-AC-M-4)',
    'mac: HMAC_SHA1, by the key’s algorithm or the request’s',
    'mac: HMAC_SHA224, by the key’s algorithm or the request’s',
    'mac: HMAC_SHA256, by the key’s algorithm or the request’s',
    'mac: HMAC_SHA384, by the key’s algorithm or the request’s',
    'mac: HMAC_SHA512, by the key’s algorithm or the request’s',
    'mac: counts Usage Limits, and refuses without them',
    'streams: MAC and MAC Verify; the MAC to verify comes with the first part or the last',
  ]),
  ...each(lacks(/mechanism DERIVE-HASH-SHA_256\./), [
    'derive-key: HASH of a key: the beginning of the digest',
    'derive-key: Secret Data is derived too',
    'derive-key: base and derived key link to each other, and nothing random is claimed',
    'derive-key: a derivation is a use of its base: Usage Limits count it',
    'derive-key: Derive Key refuses more than the method gives',
  ]),
  ...each(lacks(/RSA-OAEP with SHA_\d+, mask SHA_\d+(, label)?: the device says CKR_ARGUMENTS_BAD/), [
    'decrypt: RSA, OAEP with SHA-256, there and back',
    'decrypt: RSA, OAEP with SHA-384, which then serves MGF1 too, there and back',
    'decrypt: RSA, OAEP with a label, there and back',
  ]),
}

/** What NSS softokn 3.87 refuses of the operation suite. It takes a curve's private key in only with its public point beside it. */
export const nssOperationRefusals: Refusals = {
  ...lackedByBoth,
  'streams: an authenticated cipher: IV and additional data with the first part, the tag with the last; plain text once the tag is verified':
    lacks(/AES-GCM in parts: its module does it on whole messages only/),
  ...each(lacks(/mechanism GENERATE-EC-(P_\d+|SECP256K1)/), [
    'create: Create Key Pair, EC of 384 bits',
    'create: Create Key Pair, ECDSA on P-521',
    'create: Create Key Pair, secp256k1',
    'get: gives both keys of a created EC pair in every format, the first by default',
    'sign: signs and verifies: ECDSA',
    'sign: signs and verifies: ECDSA by name',
    'sign: refuses what cannot be signed with',
    'derive-key: Asymmetric Key: both sides come to the same key, whichever order names the two objects',
  ]),
}
