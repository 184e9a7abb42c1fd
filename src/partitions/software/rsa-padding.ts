import { createHash, randomBytes } from 'node:crypto'
import forge from 'node-forge'
import { hashes } from '../hashes.ts'
import type { HashName } from '../partition.ts'

/*
 * RSA paddings that node:crypto does not offer: OAEP and PSS whose mask hash differs from the hash, PSS of a digest,
 * and PKCS #1 v1.5 decryption where its OpenSSL lacks implicit rejection (before 3.2). OpenSSL does the modular
 * exponentiation, node-forge the encoding of RFC 8017, node:crypto the hashes that node-forge uses.
 */

/** The part of node-forge that its types leave out or leave untyped. */
interface Forge {
  readonly pkcs1: {
    encode_rsa_oaep(key: Modulus, message: string, options: object): string
    decode_rsa_oaep(key: Modulus, encoded: string, options: object): string
  }
  readonly pss: {
    create(options: object): {
      encode(digest: { digest(): unknown }, modulusBits: number): string
      verify(digest: string, encoded: string, modulusBits: number): boolean
    }
  }
  readonly pki: { readonly rsa: { decrypt(block: string, key: Modulus & { readonly d: unknown }, isPublic: boolean): string } }
}

interface Modulus {
  readonly n: { bitLength(): number }
}

const { pkcs1, pss, pki } = forge as unknown as Forge

/** The message with OAEP padding around it, as long as the modulus. @throws Error when it is too long. */
export function addOaep(modulusBits: number, hash: HashName, maskHash: HashName, label: Uint8Array, message: Uint8Array): Uint8Array {
  const md = digestOf(hash)
  const seed = binary(randomBytes(md.digestLength))
  return bytes(
    pkcs1.encode_rsa_oaep(modulus(modulusBits), binary(message), { label: binary(label), seed, md, mgf1: { md: digestOf(maskHash) } }),
  )
}

/** @throws Error when the padding is not there. */
export function removeOaep(modulusBits: number, hash: HashName, maskHash: HashName, label: Uint8Array, encoded: Uint8Array): Uint8Array {
  const options = { label: binary(label), md: digestOf(hash), mgf1: { md: digestOf(maskHash) } }
  return bytes(pkcs1.decode_rsa_oaep(modulus(modulusBits), binary(encoded), options))
}

/** The digest with PSS padding around it, as long as the modulus. @throws Error when it is too long. */
export function addPss(modulusBits: number, hash: HashName, maskHash: HashName, saltLength: number, digest: Uint8Array): Uint8Array {
  const encoder = pss.create({ md: digestOf(hash), mgf: forge.mgf.mgf1.create(digestOf(maskHash)), salt: binary(randomBytes(saltLength)) })
  const encoded = encoder.encode({ digest: () => forge.util.createBuffer(binary(digest)) }, modulusBits)
  // A modulus of 8k+1 bits leaves the encoding a byte shorter than the modulus.
  return bytes(encoded.padStart(Math.ceil(modulusBits / 8), '\0'))
}

/** Whether the encoding is PSS of this digest. */
export function checkPss(
  modulusBits: number,
  hash: HashName,
  maskHash: HashName,
  saltLength: number,
  digest: Uint8Array,
  encoded: Uint8Array,
): boolean {
  const decoder = pss.create({ md: digestOf(hash), mgf: forge.mgf.mgf1.create(digestOf(maskHash)), saltLength })
  try {
    return decoder.verify(binary(digest), binary(encoded), modulusBits)
  } catch {
    return false
  }
}

/** @throws Error when the padding is not there. */
export function removePkcs1(modulusPublic: Uint8Array, encoded: Uint8Array): Uint8Array {
  // The private operation is done: an exponent of 1 leaves the block as it is, and only the padding is taken off.
  const n = new forge.jsbn.BigInteger(Buffer.from(modulusPublic).toString('hex'), 16)
  return bytes(pki.rsa.decrypt(binary(encoded), { n, d: forge.jsbn.BigInteger.ONE }, false))
}

/** node:crypto's hash in the form that node-forge wants. */
function digestOf(name: HashName) {
  const { node, size } = hashes[name]!
  let hash = createHash(node)
  return {
    digestLength: size,
    start() {
      hash = createHash(node)
    },
    update(text: string) {
      hash.update(text, 'latin1')
    },
    digest: () => forge.util.createBuffer(binary(hash.digest())),
  }
}

function modulus(bits: number): Modulus {
  return { n: { bitLength: () => bits } }
}

function binary(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
