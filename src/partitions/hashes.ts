import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { AlgorithmName, HashName } from './partition.ts'

type SignatureName = EnumerationValue<'DigitalSignatureAlgorithm'>

interface Hash {
  /** OpenSSL's name. */
  readonly node: string
  /** Length of the digest in bytes. */
  readonly size: number
  /** The DER in front of the digest in an RSA PKCS #1 v1.5 signature (RFC 8017 §9.2, note 1), in hexadecimal. */
  readonly digestInfo: string
  /** PKCS #11's numbers: CKM of the digest, of its HMAC and of a key derivation by it, and CKG_MGF1 of the mask generator over it. */
  readonly token: { readonly digest: number; readonly hmac: number; readonly mgf?: number; readonly derive?: number }
  /** The Cryptographic Algorithm of keys for its HMAC. */
  readonly hmacKey?: AlgorithmName
  /** The Digital Signature Algorithms that say it. */
  readonly rsa?: SignatureName
  readonly ecdsa?: SignatureName
}

const nistArc = (arc: string, size: number): string => `30${hexByte(size + 17)}300d06096086480165030402${arc}050004${hexByte(size)}`

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/** The hash functions that Tresor knows, and all that each stands for; the others of the standard (MD2, MD4, Tiger, Whirlpool) no current library offers. */
export const hashes: Partial<Record<HashName, Hash>> = {
  MD5: {
    node: 'md5',
    size: 16,
    digestInfo: '3020300c06082a864886f70d020505000410',
    token: { digest: 0x210, hmac: 0x211 },
    hmacKey: 'HMAC_MD5',
    rsa: 'MD5WithRSAEncryption',
  },
  SHA_1: {
    node: 'sha1',
    size: 20,
    digestInfo: '3021300906052b0e03021a05000414',
    token: { digest: 0x220, hmac: 0x221, mgf: 1, derive: 0x392 },
    hmacKey: 'HMAC_SHA1',
    rsa: 'SHA_1WithRSAEncryption',
    ecdsa: 'ECDSAWithSHA_1',
  },
  SHA_224: {
    node: 'sha224',
    size: 28,
    digestInfo: nistArc('04', 28),
    token: { digest: 0x255, hmac: 0x256, mgf: 5, derive: 0x396 },
    hmacKey: 'HMAC_SHA224',
    rsa: 'SHA_224WithRSAEncryption',
    ecdsa: 'ECDSAWithSHA224',
  },
  SHA_256: {
    node: 'sha256',
    size: 32,
    digestInfo: nistArc('01', 32),
    token: { digest: 0x250, hmac: 0x251, mgf: 2, derive: 0x393 },
    hmacKey: 'HMAC_SHA256',
    rsa: 'SHA_256WithRSAEncryption',
    ecdsa: 'ECDSAWithSHA256',
  },
  SHA_384: {
    node: 'sha384',
    size: 48,
    digestInfo: nistArc('02', 48),
    token: { digest: 0x260, hmac: 0x261, mgf: 3, derive: 0x394 },
    hmacKey: 'HMAC_SHA384',
    rsa: 'SHA_384WithRSAEncryption',
    ecdsa: 'ECDSAWithSHA384',
  },
  SHA_512: {
    node: 'sha512',
    size: 64,
    digestInfo: nistArc('03', 64),
    token: { digest: 0x270, hmac: 0x271, mgf: 4, derive: 0x395 },
    hmacKey: 'HMAC_SHA512',
    rsa: 'SHA_512WithRSAEncryption',
    ecdsa: 'ECDSAWithSHA512',
  },
  RIPEMD_160: { node: 'ripemd160', size: 20, digestInfo: '3021300906052b2403020105000414', token: { digest: 0x240, hmac: 0x241 } },
  SHA_512_224: { node: 'sha512-224', size: 28, digestInfo: nistArc('05', 28), token: { digest: 0x48, hmac: 0x49 } },
  SHA_512_256: { node: 'sha512-256', size: 32, digestInfo: nistArc('06', 32), token: { digest: 0x4c, hmac: 0x4d } },
  SHA3_224: {
    node: 'sha3-224',
    size: 28,
    digestInfo: nistArc('07', 28),
    token: { digest: 0x2b5, hmac: 0x2b6, mgf: 6, derive: 0x398 },
    hmacKey: 'HMAC_SHA3_224',
  },
  SHA3_256: {
    node: 'sha3-256',
    size: 32,
    digestInfo: nistArc('08', 32),
    token: { digest: 0x2b0, hmac: 0x2b1, mgf: 7, derive: 0x397 },
    hmacKey: 'HMAC_SHA3_256',
    rsa: 'SHA3_256WithRSAEncryption',
  },
  SHA3_384: {
    node: 'sha3-384',
    size: 48,
    digestInfo: nistArc('09', 48),
    token: { digest: 0x2c0, hmac: 0x2c1, mgf: 8, derive: 0x399 },
    hmacKey: 'HMAC_SHA3_384',
    rsa: 'SHA3_384WithRSAEncryption',
  },
  SHA3_512: {
    node: 'sha3-512',
    size: 64,
    digestInfo: nistArc('0a', 64),
    token: { digest: 0x2d0, hmac: 0x2d1, mgf: 9, derive: 0x39a },
    hmacKey: 'HMAC_SHA3_512',
    rsa: 'SHA3_512WithRSAEncryption',
  },
}

export const hashNames = Object.keys(hashes) as readonly HashName[]
