import { KmipError } from '../../../spec/kmip-error.ts'
import { curves } from '../curves.ts'
import { hashes } from '../hashes.ts'
import { lacks, macName, signName } from '../mechanisms.ts'
import type { KeyType, MacMechanism, SignMechanism } from '../partition.ts'
import { ckm, parameterType } from './constants.ts'
import type { Mechanism } from './cryptoki.ts'
import { numbersOf } from './mechanisms.ts'
import type { Token } from './token.ts'

/** What the token signs, and by which mechanism: for all but EdDSA a digest, made in the token as well. */
export async function signInput(
  token: Token,
  scheme: SignMechanism,
  data: Uint8Array,
): Promise<{ mechanism: Mechanism; input: Uint8Array }> {
  if (scheme.scheme === 'EdDSA') return { mechanism: { mechanism: ckm.EDDSA }, input: data }
  const name = signName(scheme)
  const hash = hashes[scheme.hash]
  const numbers = numbersOf(scheme.hash)
  if (hash === undefined || numbers === undefined) throw lacks(token.name, name)
  if (scheme.digested && data.length !== hash.size) {
    throw new KmipError('InvalidField', `A digest of ${scheme.hash} has ${hash.size} bytes; the Digested Data has ${data.length}.`)
  }
  const digest = scheme.digested ? data : await token.digest({ partition: token.name, mechanism: name }, numbers.digest, data)
  if (scheme.scheme === 'ECDSA') return { mechanism: { mechanism: ckm.ECDSA }, input: digest }
  if (scheme.scheme === 'RSA-PKCS1')
    return { mechanism: { mechanism: ckm.RSA_PKCS }, input: Buffer.concat([Buffer.from(hash.digestInfo, 'hex'), digest]) }
  const mgf = numbersOf(scheme.maskHash)?.mgf
  if (mgf === undefined) throw lacks(token.name, `${name} with mask hash ${scheme.maskHash}`)
  const parameter = { type: parameterType.RSA_PSS, hashAlg: numbers.digest, mgf, saltLen: scheme.saltLength }
  return { mechanism: { mechanism: ckm.RSA_PKCS_PSS, parameter }, input: digest }
}

/** @throws KmipError UnsupportedCryptographicParameters. */
export function macMechanism(partition: string, mac: MacMechanism): Mechanism {
  if (mac.mac === 'CMAC') return { mechanism: ckm.AES_CMAC }
  const number = mac.mac === 'HMAC' ? numbersOf(mac.hash)?.hmac : undefined
  if (number === undefined) throw lacks(partition, macName(mac))
  return { mechanism: number }
}

/** Bytes of each number of an ECDSA signature. @throws KmipError InvalidField for a key whose curve is not known. */
export function numberSize(type: KeyType | undefined): number {
  const curve = type?.curve === undefined ? undefined : curves[type.curve]
  if (curve === undefined) throw new KmipError('InvalidField', 'ECDSA needs a key whose curve is known; this one has no Recommended Curve.')
  return Math.ceil(curve.bits / 8)
}
