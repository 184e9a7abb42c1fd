import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
  verify,
} from 'node:crypto'
import { curves } from '../curves.ts'
import { edwardsPair, generateName } from '../mechanisms.ts'
import type { CurveName, KeyType, MechanismName } from '../partition.ts'
import { ckk, cko } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { isLost } from './device-error.ts'
import { type NewPair, newPairObjects } from './generate.ts'
import { agreementParameter } from './mechanism-parameters.ts'
import { fromSpki } from './public-key.ts'
import { attributes, insideTemplate } from './template.ts'
import type { Token } from './token.ts'

/** How keys go out of the token and come in again. */
export interface CurveGround {
  /** The value of a private key as it goes out, PKCS #8, and the object that it becomes when it comes in again. */
  roundTrip(type: KeyType, privateObject: Handle): Promise<{ readonly value: Uint8Array; readonly object: Handle }>
}

/** For all curves of their sort. */
const p256: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }
/** Each by itself. */
const edwardsTypes: readonly KeyType[] = [
  { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' },
  { algorithm: 'Ed448', length: 456, curve: 'CURVE448' },
  { algorithm: 'ECDH', length: 256, curve: 'CURVE25519' },
  { algorithm: 'ECDH', length: 448, curve: 'CURVE448' },
]
const curveName = 'GENERATE-EC-'

/**
 * Keys of a curve that cannot lie outside, wrapped, are offered as resident keys alone, and those that do not work there either not at all. SoftHSM does
 * not wrap keys of Edwards curves, and NSS writes them in a form of its own; older ones take no private key of any curve in without its public point.
 */
export async function tryCurves(token: Token, ground: CurveGround): Promise<void> {
  await place(token, p256, (one) => one.startsWith(curveName), ground)
  for (const type of edwardsTypes) await place(token, type, (one) => one === generateName(type), ground)
  await tryEachCurve(token)
  const makes = (key: string) => token.residentWays.has(`GENERATE-${key}`)
  if (!makes('EC-P_256')) token.withdraw((one) => one.startsWith('ECDSA-'))
  if (!makes('Ed25519') && !makes('Ed448')) token.withdraw((one) => one === 'EdDSA')
  if (!makes('EC-P_256') && !makes('X25519') && !makes('X448')) token.withdraw((one) => one === 'DERIVE-ECDH')
}

async function place(token: Token, type: KeyType, isAlike: (name: MechanismName) => boolean, ground: CurveGround): Promise<void> {
  if (!token.ways.has(generateName(type)) || (await passes(token, type, 'outside', ground))) return
  if (await passes(token, type, 'inside', ground)) token.confine(isAlike)
  else token.withdraw(isAlike)
}

/** A token's list tells the bits of its curves, not which they are. */
async function tryEachCurve(token: Token): Promise<void> {
  for (const curve of Object.keys(curves) as CurveName[]) {
    const type: KeyType = { algorithm: 'EC', length: curves[curve]!.bits, curve }
    const name = generateName(type)
    if (token.residentWays.has(name) && !(await isMade(token, type))) token.withdraw((one) => one === name)
  }
}

async function isMade(token: Token, type: KeyType): Promise<boolean> {
  try {
    const { privateObject } = await newPairObjects(token, type, (keyType) => insideTemplate(keyType, type))
    token.destroy(privateObject)
    return true
  } catch (error) {
    if (isLost(error)) throw error
    return false
  }
}

/** Whether a private key that was made inside works, there or once it has been outside, with a public key that others know. */
async function passes(token: Token, type: KeyType, where: 'outside' | 'inside', ground: CurveGround): Promise<boolean> {
  const made: Handle[] = []
  try {
    const pair = await newPairObjects(token, type, where === 'inside' ? (keyType) => insideTemplate(keyType, type) : undefined)
    made.push(pair.privateObject)
    if (where === 'inside') return await works(token, type, pair)
    const { value, object } = await ground.roundTrip(type, pair.privateObject)
    made.push(object)
    return isOf(value, pair.spki) && (await works(token, type, { ...pair, privateObject: object }))
  } catch (error) {
    if (isLost(error)) throw error
    return false
  } finally {
    for (const object of made) token.destroy(object)
  }
}

/** Whether others read the private key, and come to the same public key. */
function isOf(pkcs8: Uint8Array, spki: Buffer): boolean {
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).equals(spki)
}

async function works(token: Token, type: KeyType, { privateObject, spki }: NewPair): Promise<boolean> {
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const edwards = edwardsPair(type)
  if (edwards === 'X25519') return agrees(token, privateObject, publicKey, generateKeyPairSync('x25519'))
  if (edwards === 'X448') return agrees(token, privateObject, publicKey, generateKeyPairSync('x448'))
  const way = token.ways.get(edwards === undefined ? 'ECDSA-SHA_256' : 'EdDSA')
  if (way === undefined) return false
  const message = Buffer.from('a trial')
  const input = edwards === undefined ? createHash('sha256').update(message).digest() : message
  const signature = await token.sign(doing(token), privateObject, { mechanism: way.mechanism }, input)
  if (edwards !== undefined) return verify(null, message, publicKey, signature)
  return verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
}

/** Whether both sides come to the same secret. */
async function agrees(token: Token, privateObject: Handle, publicKey: KeyObject, other: KeyPairKeyObjectResult): Promise<boolean> {
  const way = token.ways.get('DERIVE-ECDH')
  const theirs = fromSpki(other.publicKey.export({ format: 'der', type: 'spki' }))
  if (way === undefined || theirs.family !== 'Edwards') return false
  const template = { CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.GENERIC_SECRET, TOKEN: false, SENSITIVE: false, EXTRACTABLE: true }
  const mechanism = { mechanism: way.mechanism, parameter: agreementParameter(theirs.point) }
  const secret = await token.derive(doing(token), privateObject, mechanism, attributes({ ...template, VALUE_LEN: theirs.point.length }))
  try {
    const expected = diffieHellman({ privateKey: other.privateKey, publicKey })
    return expected.equals(await token.attribute(secret, 'VALUE'))
  } finally {
    token.destroy(secret)
  }
}

function doing(token: Token) {
  return { partition: token.name, mechanism: 'a trial' }
}
