import { curves } from '../curves.ts'
import { checkRsaLength, edwardsPair, generateName, lacks } from '../mechanisms.ts'
import type { KeyType } from '../partition.ts'
import { secretKeySize } from '../symmetric-keys.ts'
import { cko } from './constants.ts'
import type { Handle, Template } from './cryptoki.ts'
import { makingOf, type TokenWays } from './mechanisms.ts'
import { edwardsParams, fromEcPoint, toSpki } from './public-key.ts'
import { attributes, privateTemplate } from './template.ts'
import type { Token } from './token.ts'

/** A new secret key as a session object that can be wrapped. */
export function newSecretObject(token: Token, type: KeyType): Promise<Handle> {
  const doing = { partition: token.name, mechanism: generateName(type) }
  const generate = makingOf(token.ways, type)
  if (generate === undefined) throw lacks(token.name, doing.mechanism)
  const size = secretKeySize(token.name, type)
  const length = type.algorithm === 'DES3' ? {} : { VALUE_LEN: size }
  return token.generate(doing, generate, attributes({ TOKEN: false, PRIVATE: true, SENSITIVE: true, EXTRACTABLE: true, ...length }))
}

export interface NewPair {
  readonly privateObject: Handle
  readonly spki: Buffer
}

/** `template`: of a private key that stays inside; by default one that can be wrapped. */
export async function newPairObjects(token: Token, type: KeyType, template?: (keyType: number) => Template): Promise<NewPair> {
  const { mechanism, keyType, parameters } = pairParameters(token, type, template === undefined ? token.ways : token.residentWays)
  const pair = await token.generatePair(
    { partition: token.name, mechanism: generateName(type) },
    mechanism,
    attributes({ CLASS: cko.PUBLIC_KEY, KEY_TYPE: keyType, TOKEN: false, VERIFY: true, ...parameters }),
    template?.(keyType) ?? privateTemplate(keyType, type.algorithm === 'RSA', 'wrapped'),
  )
  try {
    return { privateObject: pair.privateKey, spki: await spkiOf(token, type, pair.publicKey) }
  } catch (error) {
    token.destroy(pair.privateKey)
    throw error
  } finally {
    token.destroy(pair.publicKey)
  }
}

const confined = 'its token does not let such keys out, wrapped. Ask for a resident key'

function pairParameters(token: Token, type: KeyType, ways: TokenWays) {
  const name = generateName(type)
  const way = ways.get(name)
  if (way?.keyType === undefined) throw lacks(token.name, name, token.residentWays.has(name) ? confined : undefined)
  const { mechanism, keyType } = way
  if (type.algorithm === 'RSA') {
    checkRsaLength(type.length)
    return { mechanism, keyType, parameters: { MODULUS_BITS: type.length, PUBLIC_EXPONENT: Buffer.of(1, 0, 1) } }
  }
  const edwards = edwardsPair(type)
  if (edwards !== undefined) return { mechanism, keyType, parameters: { EC_PARAMS: edwardsParams(edwards) } }
  const curve = type.curve === undefined ? undefined : curves[type.curve]
  if (curve === undefined) throw lacks(token.name, name)
  return { mechanism, keyType, parameters: { EC_PARAMS: Buffer.from(curve.oid, 'hex') } }
}

async function spkiOf(token: Token, type: KeyType, publicObject: Handle): Promise<Buffer> {
  if (type.algorithm === 'RSA') {
    const modulus = await token.attribute(publicObject, 'MODULUS')
    return toSpki({ family: 'RSA', modulus, exponent: await token.attribute(publicObject, 'PUBLIC_EXPONENT') })
  }
  const edwards = edwardsPair(type)
  if (edwards !== undefined)
    return toSpki({ family: 'Edwards', curve: edwards, point: fromEcPoint(await token.attribute(publicObject, 'EC_POINT')) })
  const params = await token.attribute(publicObject, 'EC_PARAMS')
  return toSpki({ family: 'EC', params, point: fromEcPoint(await token.attribute(publicObject, 'EC_POINT')) })
}
