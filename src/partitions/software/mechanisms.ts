import { getCiphers, getCurves, getHashes } from 'node:crypto'
import { curves } from '../curves.ts'
import { hashes } from '../hashes.ts'
import type { HashName, MechanismName } from '../partition.ts'
import { symmetricKeys } from '../symmetric-keys.ts'
import { hasImplicitRejection } from './implicit-rejection.ts'

/** OpenSSL's cipher for each mechanism name, by the key's length in bytes. */
export const ciphers: Readonly<Record<MechanismName, Readonly<Record<number, string>>>> = {
  'AES-ECB': { 16: 'aes-128-ecb', 24: 'aes-192-ecb', 32: 'aes-256-ecb' },
  'AES-CBC': { 16: 'aes-128-cbc', 24: 'aes-192-cbc', 32: 'aes-256-cbc' },
  'AES-CTR': { 16: 'aes-128-ctr', 24: 'aes-192-ctr', 32: 'aes-256-ctr' },
  'AES-GCM': { 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' },
  'AES-CFB128': { 16: 'aes-128-cfb', 24: 'aes-192-cfb', 32: 'aes-256-cfb' },
  'AES-OFB': { 16: 'aes-128-ofb', 24: 'aes-192-ofb', 32: 'aes-256-ofb' },
  'AES-CCM': { 16: 'aes-128-ccm', 24: 'aes-192-ccm', 32: 'aes-256-ccm' },
  // Two keys in one: XTS of AES-128 and of AES-256.
  'AES-XTS': { 32: 'aes-128-xts', 64: 'aes-256-xts' },
  'DES3-ECB': { 16: 'des-ede', 24: 'des-ede3' },
  'DES3-CBC': { 16: 'des-ede-cbc', 24: 'des-ede3-cbc' },
  ChaCha20: { 32: 'chacha20' },
  'ChaCha20-Poly1305': { 32: 'chacha20-poly1305' },
}

/** OpenSSL's key-wrap ciphers (RFC 3394 and RFC 5649) with their fixed initial values. */
export const wraps = {
  'AES-KEY-WRAP': { iv: Buffer.from('a6a6a6a6a6a6a6a6', 'hex'), 16: 'id-aes128-wrap', 24: 'id-aes192-wrap', 32: 'id-aes256-wrap' },
  'AES-KEY-WRAP-PAD': { iv: Buffer.from('a65959a6', 'hex'), 16: 'id-aes128-wrap-pad', 24: 'id-aes192-wrap-pad', 32: 'id-aes256-wrap-pad' },
} as const

/** What this process's OpenSSL offers, as mechanism names. */
export function softwareMechanisms(): ReadonlySet<MechanismName> {
  listed ??= new Set(listMechanisms())
  return listed
}

let listed: ReadonlySet<MechanismName> | undefined

function* listMechanisms(): Generator<MechanismName> {
  const nodeCiphers = new Set(getCiphers())
  const nodeCurves = new Set(getCurves())
  const nodeHashes = new Set(getHashes())
  for (const [name, byLength] of Object.entries(ciphers)) {
    if (!Object.values(byLength).every((cipher) => nodeCiphers.has(cipher))) continue
    yield name
    yield `WRAP-${name}`
  }
  yield* ['RSA-OAEP', 'RSA-RAW', 'WRAP-RSA-OAEP', 'WRAP-AES-KEY-WRAP', 'WRAP-AES-KEY-WRAP-PAD']
  yield* hasImplicitRejection() ? ['RSA-PKCS1', 'WRAP-RSA-PKCS1'] : ['RSA-PKCS1-ENCRYPT']
  yield* ['RSA-PSS', 'ECDSA', 'EdDSA', 'HMAC', 'GMAC']
  for (const name of Object.keys(hashes) as HashName[]) {
    if (!nodeHashes.has(hashes[name]!.node)) continue
    yield* [`HASH-${name}`, `HMAC-${name}`, `RSA-PKCS1-${name}`, `RSA-PSS-${name}`, `ECDSA-${name}`]
  }
  for (const algorithm of Object.keys(symmetricKeys)) yield `GENERATE-${algorithm}`
  yield* ['GENERATE-AES-512', 'GENERATE-RSA', 'GENERATE-Ed25519', 'GENERATE-Ed448', 'GENERATE-X25519', 'GENERATE-X448']
  for (const [name, curve] of Object.entries(curves)) {
    if (nodeCurves.has(curve.node)) yield `GENERATE-EC-${name}`
  }
}
