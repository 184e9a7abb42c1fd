import type { HashName } from './partition.ts'

interface Hash {
  /** OpenSSL's name. */
  readonly node: string
  /** Length of the digest in bytes. */
  readonly size: number
  /** The DER in front of the digest in an RSA PKCS #1 v1.5 signature (RFC 8017 §9.2, note 1), in hexadecimal. */
  readonly digestInfo: string
}

const nistArc = (arc: string, size: number): string => `30${hexByte(size + 17)}300d06096086480165030402${arc}050004${hexByte(size)}`

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

/** The hash functions that Tresor knows; the others of the standard (MD2, MD4, Tiger, Whirlpool) no current library offers. */
export const hashes: Partial<Record<HashName, Hash>> = {
  MD5: { node: 'md5', size: 16, digestInfo: '3020300c06082a864886f70d020505000410' },
  SHA_1: { node: 'sha1', size: 20, digestInfo: '3021300906052b0e03021a05000414' },
  SHA_224: { node: 'sha224', size: 28, digestInfo: nistArc('04', 28) },
  SHA_256: { node: 'sha256', size: 32, digestInfo: nistArc('01', 32) },
  SHA_384: { node: 'sha384', size: 48, digestInfo: nistArc('02', 48) },
  SHA_512: { node: 'sha512', size: 64, digestInfo: nistArc('03', 64) },
  RIPEMD_160: { node: 'ripemd160', size: 20, digestInfo: '3021300906052b2403020105000414' },
  SHA_512_224: { node: 'sha512-224', size: 28, digestInfo: nistArc('05', 28) },
  SHA_512_256: { node: 'sha512-256', size: 32, digestInfo: nistArc('06', 32) },
  SHA3_224: { node: 'sha3-224', size: 28, digestInfo: nistArc('07', 28) },
  SHA3_256: { node: 'sha3-256', size: 32, digestInfo: nistArc('08', 32) },
  SHA3_384: { node: 'sha3-384', size: 48, digestInfo: nistArc('09', 48) },
  SHA3_512: { node: 'sha3-512', size: 64, digestInfo: nistArc('0a', 64) },
}
