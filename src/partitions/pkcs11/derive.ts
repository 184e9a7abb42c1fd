import { KmipError } from '../../../spec/kmip-error.ts'
import { checkParameters } from '../cipher-parameters.ts'
import { curves } from '../curves.ts'
import { hashes } from '../hashes.ts'
import { deriveName, edwardsPair, lacks } from '../mechanisms.ts'
import type { DeriveMechanism, KeyReference, KeyType, WrappedKey } from '../partition.ts'
import { secretKeySize } from '../symmetric-keys.ts'
import { cko } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import type { LentObject } from './held-objects.ts'
import { derivationParameter } from './mechanism-parameters.ts'
import { keyTypeOf } from './mechanisms.ts'
import { fromSpki } from './public-key.ts'
import { attributes } from './template.ts'
import type { Token } from './token.ts'
import type { TokenKeys } from './token-keys.ts'

/**
 * A new key as a session object that can be wrapped, derived by C_DeriveKey. The caller destroys it. `lend`: the base key as what derives.
 * @throws KmipError UnsupportedCryptographicParameters for a method that the token lacks, InvalidField for one that gives too few bytes.
 */
export async function deriveObject(
  token: Token,
  keys: TokenKeys,
  lend: (key: WrappedKey) => Promise<LentObject>,
  base: KeyReference,
  derivation: DeriveMechanism,
  type: KeyType,
): Promise<Handle> {
  const size = secretKeySize(token.name, type)
  const name = deriveName(base.key.type?.algorithm ?? 'AES', derivation)
  const way = token.ways.get(name)
  if (way === undefined) throw lacks(token.name, name)
  checkKind(token, name, base.key, derivation)
  const data = await dataOf(token, keys, base, derivation)
  checkSize(token, name, derivation, { base, data }, size)
  const parameter = derivationParameter(way, derivation, data)
  const { object, release } = await lend(base.key)
  try {
    const length = type.algorithm === 'DES3' ? {} : { VALUE_LEN: size }
    const template = {
      CLASS: cko.SECRET_KEY,
      KEY_TYPE: keyTypeOf(token.ways, type),
      TOKEN: false,
      PRIVATE: true,
      SENSITIVE: true,
      EXTRACTABLE: true,
    }
    const mechanism = { mechanism: way.mechanism, ...(parameter !== undefined && { parameter }) }
    return await token.derive({ partition: token.name, mechanism: name }, object, mechanism, attributes({ ...template, ...length }))
  } finally {
    release()
  }
}

/** Some tokens call a key of another kind a handle that they do not know, as they do when all is lost. @throws KmipError InvalidField. */
function checkKind(token: Token, name: string, key: WrappedKey, derivation: DeriveMechanism): void {
  const kind = derivation.derive === 'ECDH' ? 'private' : 'secret'
  if (key.kind === kind) return
  throw new KmipError(
    'InvalidField',
    `${name} in the token of partition ${token.name} derives from a ${kind} key, not from a ${key.kind} one.`,
  )
}

/** What goes into the mechanism's parameter: the data, or the point of the other side's public key. */
async function dataOf(token: Token, keys: TokenKeys, base: KeyReference, derivation: DeriveMechanism): Promise<Uint8Array> {
  if (derivation.derive === 'ECDH') return pointOf(token, base.key, await keys.openData(derivation.publicKey.key))
  if (!('data' in derivation)) return new Uint8Array()
  if (!('key' in derivation.data)) return derivation.data
  if (derivation.data.key.kind === 'data') return keys.openData(derivation.data.key)
  throw lacks(
    token.name,
    'derivation data that is a key',
    'it would have to leave the token. Register it as Secret Data, or give it as Derivation Data',
  )
}

/** @throws KmipError InvalidField for another curve than the private key's. */
function pointOf(token: Token, key: WrappedKey, spki: Uint8Array): Buffer {
  const parts = fromSpki(spki)
  if (parts.family === 'Edwards' && key.type !== undefined && parts.curve === edwardsPair(key.type)) return parts.point
  const curve = key.type?.curve === undefined ? undefined : curves[key.type.curve]
  if (parts.family === 'EC' && curve !== undefined && parts.params.toString('hex') === curve.oid) return parts.point
  throw new KmipError(
    'InvalidField',
    `ECDH takes two keys of one curve: the public key is not of ${key.type?.curve ?? 'a known curve'}, as the private key is in partition ${token.name}.`,
  )
}

interface Input {
  readonly base: KeyReference
  readonly data: Uint8Array
}

/** @throws KmipError InvalidField, UnsupportedCryptographicParameters. */
function checkSize(token: Token, name: string, derivation: DeriveMechanism, { base, data }: Input, size: number): void {
  if (derivation.derive === 'ENCRYPT') {
    const { mechanism } = derivation
    if ('padding' in mechanism && mechanism.padding !== 'None') throw lacks(token.name, `${name} with padding ${mechanism.padding}`)
    checkParameters(name, base.key.type?.algorithm === 'DES3' ? 8 : 16, mechanism, data)
  }
  const most = outputSize(derivation, base.key.type, data)
  if (most < size)
    throw new KmipError(
      'InvalidField',
      `${name} gives ${most} bytes here, and the new key has ${size}. Ask for a shorter key or another method.`,
    )
  // PKCS #11 cuts the beginning of a shared secret off, and keeps its end (v2.40, 2.3.8).
  if (derivation.derive === 'ECDH' && size < most)
    throw lacks(token.name, `${name} of a part of the shared secret`, `tokens keep its end, not its beginning. Ask for ${most * 8} bits`)
}

function outputSize(derivation: DeriveMechanism, type: KeyType | undefined, data: Uint8Array): number {
  if (derivation.derive === 'HASH') return hashes[derivation.hash]?.size ?? 0
  if (derivation.derive === 'ECDH') return Math.ceil((type?.length ?? 0) / 8)
  return data.length
}
