import { createPublicKey, type KeyObject } from 'node:crypto'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'

/*
 * ECDSA over a digest that was made elsewhere: what Go's crypto.Signer, and so every Go client, asks of a remote key.
 * node:crypto always hashes first. noble-curves is audited and deterministic (RFC 6979), but JavaScript's big numbers
 * are not constant-time: where that matters, send the data rather than its digest, or use a PKCS #11 partition.
 */

const curves = { 'P-256': p256, 'P-384': p384, 'P-521': p521, secp256k1 } as const

/** The digest as it is, the signature as it comes: no hash of its own, no form but DER, and no ban on a high s, which others make. */
const options = { prehash: false, lowS: false, format: 'der' } as const

/** A DER signature; undefined when the key's curve is not among those that this is done for. */
export function signDigest(key: KeyObject, digest: Uint8Array): Uint8Array | undefined {
  const curve = curveOf(key)
  if (curve === undefined) return undefined
  const scalar = Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url')
  const signature = curve.sign(digest, scalar, options)
  scalar.fill(0)
  return Buffer.from(signature)
}

/** Whether the DER signature is one of the digest; undefined as for `signDigest`. */
export function verifyDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean | undefined {
  const curve = curveOf(key)
  if (curve === undefined) return undefined
  const { x, y } = key.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.of(4), Buffer.from(String(x), 'base64url'), Buffer.from(String(y), 'base64url')])
  try {
    return curve.verify(signature, digest, point, options)
  } catch {
    // Not DER, or numbers out of range.
    return false
  }
}

function curveOf(key: KeyObject) {
  try {
    const { crv } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
    return crv !== undefined && crv in curves ? curves[crv as keyof typeof curves] : undefined
  } catch {
    // A curve that JWK has no name for.
    return undefined
  }
}
