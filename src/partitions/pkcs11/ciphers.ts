import { cipherName, lacks } from '../mechanisms.ts'
import type { AlgorithmName, CipherMechanism, WrapMechanism } from '../partition.ts'
import { ckm } from './constants.ts'
import type { Mechanism } from './cryptoki.ts'
import { parameterOf } from './mechanism-parameters.ts'
import type { Token } from './token.ts'

/** A mechanism as the token takes it, and as people know it. */
export interface TokenMechanism {
  readonly name: string
  readonly mechanism: Mechanism
}

/** @param length of the data that is encrypted, in bytes. @throws KmipError UnsupportedCryptographicParameters for what the token lacks. */
export function tokenCipher(token: Token, algorithm: AlgorithmName, cipher: CipherMechanism, length = 0): TokenMechanism {
  return nativeCipher(token, cipherName(algorithm, cipher), cipher, length)
}

/** `padWrap`: the number by which this token knows key wrap with padding. */
export function tokenWrap(token: Token, algorithm: AlgorithmName, wrap: WrapMechanism, padWrap: number): TokenMechanism {
  if (!('wrap' in wrap)) return nativeCipher(token, `WRAP-${cipherName(algorithm, wrap)}`, wrap, 0)
  const name = `WRAP-${wrap.wrap}`
  if (algorithm !== 'AES') throw lacks(token.name, name, `it works with AES keys, not ${algorithm}`)
  if (!token.ways.has(name)) throw lacks(token.name, name)
  return { name, mechanism: { mechanism: wrap.wrap === 'AES-KEY-WRAP' ? ckm.AES_KEY_WRAP : padWrap } }
}

function nativeCipher(token: Token, name: string, cipher: CipherMechanism, length: number): TokenMechanism {
  const way = token.ways.get(name)
  if (way === undefined) throw lacks(token.name, name)
  const isPadded = 'padding' in cipher && cipher.padding === 'PKCS5'
  const mechanism = isPadded ? way.padded : way.mechanism
  if (mechanism === undefined) throw lacks(token.name, `${name} with padding PKCS5`)
  const parameter = parameterOf(way, cipher, length)
  const shown = shownName(name, cipher)
  if (way.parameter !== undefined && parameter === undefined) throw lacks(token.name, shown)
  return { name: shown, mechanism: { mechanism, ...(parameter !== undefined && { parameter }) } }
}

/** With what a token that has the mechanism may still refuse. */
function shownName(name: string, cipher: CipherMechanism): string {
  if (cipher.cipher === 'RSA-OAEP') return name.replace('RSA-OAEP', oaepName(cipher))
  const isCut = cipher.cipher === 'ChaCha20-Poly1305' && cipher.tagLength !== 16
  return isCut ? `${name} with a tag of ${cipher.tagLength} bytes` : name
}

function oaepName({ hash, maskHash, label }: Extract<CipherMechanism, { cipher: 'RSA-OAEP' }>): string {
  return `RSA-OAEP with ${hash}, mask ${maskHash}${label.length > 0 ? ', label' : ''}`
}
