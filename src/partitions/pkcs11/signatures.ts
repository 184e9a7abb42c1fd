import { KmipError } from '../../../spec/kmip-error.ts'
import { curves } from '../curves.ts'
import { hashes } from '../hashes.ts'
import { lacks, signName } from '../mechanisms.ts'
import type { KeyType, MechanismName, SignMechanism } from '../partition.ts'
import type { Mechanism } from './cryptoki.ts'
import { parameterOf } from './mechanism-parameters.ts'
import type { Token } from './token.ts'

/** What the token signs, and by which mechanism: for all but EdDSA a digest, made in the token as well. */
export async function signInput(
  token: Token,
  scheme: SignMechanism,
  data: Uint8Array,
): Promise<{ mechanism: Mechanism; input: Uint8Array }> {
  const name = signName(scheme)
  const way = token.ways.get(name)
  if (way === undefined) throw lacks(token.name, name)
  const { mechanism } = way
  if (scheme.scheme === 'EdDSA') return { mechanism: { mechanism }, input: data }
  const hash = hashes[scheme.hash]!
  if (scheme.digested && data.length !== hash.size) {
    throw new KmipError('InvalidField', `A digest of ${scheme.hash} has ${hash.size} bytes; the Digested Data has ${data.length}.`)
  }
  const digest = scheme.digested ? data : await token.digest({ partition: token.name, mechanism: name }, hash.token.digest, data)
  if (scheme.scheme === 'ECDSA') return { mechanism: { mechanism }, input: digest }
  if (scheme.scheme === 'RSA-PKCS1')
    return { mechanism: { mechanism }, input: Buffer.concat([Buffer.from(hash.digestInfo, 'hex'), digest]) }
  const parameter = parameterOf(way, scheme, data.length)
  if (parameter === undefined) throw lacks(token.name, `${name} with mask hash ${scheme.maskHash}`)
  return { mechanism: { mechanism, parameter }, input: digest }
}

/** @throws KmipError UnsupportedCryptographicParameters. */
export function macMechanism(token: Token, name: MechanismName): Mechanism {
  const way = token.ways.get(name)
  if (way === undefined) throw lacks(token.name, name)
  return { mechanism: way.mechanism }
}

/** Bytes of each number of an ECDSA signature. @throws KmipError InvalidField for a key whose curve is not known. */
export function numberSize(type: KeyType | undefined): number {
  const curve = type?.curve === undefined ? undefined : curves[type.curve]
  if (curve === undefined) throw new KmipError('InvalidField', 'ECDSA needs a key whose curve is known; this one has no Recommended Curve.')
  return Math.ceil(curve.bits / 8)
}
