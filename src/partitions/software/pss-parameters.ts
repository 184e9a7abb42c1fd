import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { hashes } from '../hashes.ts'
import type { HashName, SignMechanism } from '../partition.ts'

type Pss = Extract<SignMechanism, { scheme: 'RSA-PSS' }>

/** The hashes that OpenSSL takes in RSASSA-PSS-params. */
const known: ReadonlySet<HashName> = new Set(['SHA_1', 'SHA_224', 'SHA_256', 'SHA_384', 'SHA_512', 'SHA_512_224', 'SHA_512_256'])

/** Whether `bindPss` can say these hashes. */
export function canBindPss({ hash, maskHash }: Pss): boolean {
  return known.has(hash) && known.has(maskHash)
}

/**
 * The same RSA key under the name id-RSASSA-PSS with its parameters (RFC 4055 §3.1), as certificates of such keys have it. node:crypto has
 * no option for the mask hash, nor for signing a digest by PSS; OpenSSL takes both from the key when the key itself says them.
 * @param key of type `rsa`.
 * @throws RangeError when the salt is longer than any modulus.
 */
export function bindPss(key: KeyObject, mechanism: Pss): KeyObject {
  const { hash, maskHash, saltLength } = mechanism
  const parameters = `${hash} ${maskHash} ${saltLength}`
  const last = bound.get(key)
  if (last?.parameters === parameters) return last.key
  const fresh = withAlgorithm(key, pssAlgorithm(mechanism))
  bound.set(key, { parameters, key: fresh })
  return fresh
}

/** The last binding of each key, gone when its key goes: making one takes longer than a signature. */
const bound = new WeakMap<KeyObject, { readonly parameters: string; readonly key: KeyObject }>()

function withAlgorithm(key: KeyObject, algorithm: Buffer): KeyObject {
  const inner = key.export({ format: 'der', type: 'pkcs1' })
  if (key.type === 'public') {
    const spki = der(tags.sequence, algorithm, der(tags.bitString, Buffer.of(0), inner))
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  }
  const octets = der(tags.octetString, inner)
  const pkcs8 = der(tags.sequence, der(tags.integer, Buffer.of(0)), algorithm, octets)
  try {
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  } finally {
    for (const plain of [inner, octets, pkcs8]) plain.fill(0)
  }
}

const tags = { integer: 0x02, bitString: 0x03, octetString: 0x04, sequence: 0x30 } as const

/** Object identifiers id-RSASSA-PSS and id-mgf1, in DER. */
const oids = { pss: Buffer.from('06092a864886f70d01010a', 'hex'), mgf1: Buffer.from('06092a864886f70d010108', 'hex') } as const

function pssAlgorithm({ hash, maskHash, saltLength }: Pss): Buffer {
  const parameters = [hashAlgorithm(hash), der(tags.sequence, oids.mgf1, hashAlgorithm(maskHash)), der(tags.integer, positive(saltLength))]
  return der(tags.sequence, oids.pss, der(tags.sequence, ...parameters.map((parameter, index) => der(contextTag + index, parameter))))
}

/** Explicit tag [0], then [1] and [2]. */
const contextTag = 0xa0

/** The AlgorithmIdentifier stands in the DigestInfo, behind its 2-byte header and before the 2-byte header of the digest. */
function hashAlgorithm(hash: HashName): Buffer {
  return Buffer.from(hashes[hash]!.digestInfo, 'hex').subarray(2, -2)
}

/** An INTEGER of two bytes at most; a set first bit would make it negative. */
function positive(value: number): Buffer {
  if (value > 0x7fff) throw new RangeError(`A salt of ${value} bytes is longer than any RSA modulus.`)
  return value < 0x80 ? Buffer.of(value) : Buffer.of(value >> 8, value & 0xff)
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.of(tag, ...lengthOctets(length)), ...parts])
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return [0x82, length >> 8, length & 0xff]
}
