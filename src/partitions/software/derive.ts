import { createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdf, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { lacks } from '../mechanisms.ts'
import type { DeriveMechanism, HashName, MechanismName } from '../partition.ts'
import { encrypt } from './ciphers.ts'
import { attempt, type HeldKey } from './held-key.ts'

/** What a key is derived from, opened inside, and how. */
export interface Derivation {
  readonly partition: string
  /** As `partition show` lists it. */
  readonly name: MechanismName
  readonly mechanism: DeriveMechanism
  /** As a key, for the methods that encrypt. */
  readonly held: () => HeldKey
  /** Its value: of a secret key or data the bytes, of a private key PKCS #8. */
  readonly value: Uint8Array
  /** What the method works on; of ECDH the other side's public key, SPKI. */
  readonly data: Uint8Array
}

/**
 * So many bytes, by a method of KMIP 2.1 §11.14. The caller wipes them.
 * @throws KmipError InvalidField when the method gives fewer, UnsupportedCryptographicParameters.
 */
export async function derive(derivation: Derivation, length: number): Promise<Uint8Array> {
  const output = await outputOf(derivation, length)
  if (output.length >= length) return output.subarray(0, length)
  throw new KmipError(
    'InvalidField',
    `${derivation.name} gives ${output.length} bytes here, and the new key has ${length}. Ask for a shorter key or another method.`,
  )
}

async function outputOf({ partition, name, mechanism, value, data, held }: Derivation, length: number): Promise<Uint8Array> {
  const hash = 'hash' in mechanism ? hashOf(partition, name, mechanism.hash) : undefined
  switch (mechanism.derive) {
    case 'HASH':
      return createHash(hash!.node).update(value).digest()
    case 'HMAC':
      return createHmac(hash!.node, value).update(data).digest()
    case 'ENCRYPT':
      return encrypt(partition, held(), mechanism.mechanism, data).data
    case 'PBKDF2':
      checkIterations(mechanism.iterations * Math.ceil(length / hash!.size))
      return promisify(pbkdf2)(value, mechanism.salt, mechanism.iterations, length, hash!.node)
    case 'HKDF':
      if (data.length > longestInfo)
        throw new KmipError('InvalidField', `HKDF takes ${longestInfo} bytes of Derivation Data at most here, not ${data.length}.`)
      // RFC 5869 §2.3: 255 digests at most.
      return Buffer.from(await promisify(hkdf)(hash!.node, value, mechanism.salt, data, Math.min(length, 255 * hash!.size)))
    case 'SP800-108-C':
    case 'SP800-108-F':
    case 'SP800-108-DPI':
      return keyBased(mechanism, (input) => createHmac(hash!.node, value).update(input).digest(), data, length)
    case 'ECDH':
      return agree(value, data)
  }
}

/** Of node:crypto. */
const longestInfo = 1024

/** The most iterations of PBKDF2, over all digests of its output: more than anyone recommends for one, and still bounded in time. */
export const mostIterations = 10_000_000

/** @param all each digest of the output takes the Iteration Count. @throws KmipError InvalidField. */
function checkIterations(all: number): void {
  if (all <= mostIterations) return
  throw new KmipError(
    'InvalidField',
    `PBKDF2 makes each digest of its output by the Iteration Count: for a key of this length ${all} iterations, and ${mostIterations} are the most. Ask for a shorter key or fewer iterations.`,
  )
}

type KeyBased = Extract<DeriveMechanism, { derive: `SP800-108-${string}` }>

/**
 * SP 800-108r1 §4.1 to 4.3. Before each block's input stands its number, after all of it the length of the output in bits, both 32 bits long; before
 * that stands in the feedback mode the block before, in the double pipeline a chain of its own.
 */
function keyBased({ derive: mode, iv }: KeyBased, prf: (input: Uint8Array) => Buffer, data: Uint8Array, length: number): Uint8Array {
  const fixed = Buffer.concat([data, uint32(length * 8)])
  const blocks: Buffer[] = []
  let before: Uint8Array = mode === 'SP800-108-DPI' ? prf(fixed) : iv
  for (let made = 0; made < length; made += blocks[0]!.length) {
    const input = [uint32(blocks.length + 1), fixed]
    const block = prf(Buffer.concat(mode === 'SP800-108-C' ? input : [before, ...input]))
    blocks.push(block)
    before = mode === 'SP800-108-DPI' ? prf(before) : block
  }
  return Buffer.concat(blocks)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function agree(pkcs8: Uint8Array, spki: Uint8Array): Uint8Array {
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const sorts = [privateKey, publicKey].map(({ asymmetricKeyType }) => asymmetricKeyType)
  if (sorts[0] !== sorts[1] || sorts[0] === undefined || !agreeing.has(sorts[0]))
    throw new KmipError(
      'InvalidField',
      `ECDH takes two keys of one curve, not a private key of ${sorts[0]} and a public key of ${sorts[1]}.`,
    )
  return attempt('The two keys do not agree: they are of different curves, or the public key is no point of its curve.', () =>
    diffieHellman({ privateKey, publicKey }),
  )
}

/** Of Ed25519 and Ed448 there are signatures alone. */
const agreeing: ReadonlySet<string> = new Set(['ec', 'x25519', 'x448'])

function hashOf(partition: string, name: MechanismName, hash: HashName) {
  const known = hashes[hash]
  if (known === undefined) throw lacks(partition, `${name} with ${hash}`)
  return known
}
