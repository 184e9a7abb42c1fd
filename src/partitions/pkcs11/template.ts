import { edwardsPair } from '../mechanisms.ts'
import type { KeyType } from '../partition.ts'
import { cka, ckk, cko } from './constants.ts'
import type { Template } from './cryptoki.ts'
import { edwardsParams, type PublicParts, toEcPoint } from './public-key.ts'

export type AttributeName = keyof typeof cka
type AttributeValue = number | boolean | string | Buffer

export function numberOf(name: AttributeName): number {
  return cka[name]
}

/** Attributes by their names, in PKCS #11's form. */
export function attributes(values: Partial<Record<AttributeName, AttributeValue>>): Template {
  return (Object.entries(values) as [AttributeName, AttributeValue][]).map(([name, value]) => ({ type: cka[name], value }))
}

/** What may be done with an object's value while it is in the token: stay, leave wrapped, or leave plain. */
export type Leave = 'stays' | 'wrapped' | 'plain'

const protection = (leave: Leave) => ({ TOKEN: false, PRIVATE: true, SENSITIVE: leave !== 'plain', EXTRACTABLE: leave !== 'stays' })

/** A secret key as a session object. A generic secret makes MACs only; tokens refuse other uses of it. */
export function secretTemplate(keyType: number, cipher: boolean, leave: Leave): Template {
  const uses = cipher ? { ENCRYPT: true, DECRYPT: true, WRAP: true, UNWRAP: true, SIGN: true, VERIFY: true } : { SIGN: true, VERIFY: true }
  return attributes({ CLASS: cko.SECRET_KEY, KEY_TYPE: keyType, ...protection(leave), ...uses })
}

/** A key as a session object that others are derived from. */
export function derivingTemplate(kind: 'secret' | 'private', keyType: number): Template {
  const kinds = { secret: cko.SECRET_KEY, private: cko.PRIVATE_KEY }
  return attributes({ CLASS: kinds[kind], KEY_TYPE: keyType, ...protection('stays'), DERIVE: true })
}

/** A private key as a session object. RSA keys decrypt and unwrap too; keys that agree do not sign, and NSS fails at a template that says they do. */
export function privateTemplate(keyType: number, rsa: boolean, leave: Leave): Template {
  const others = keyType === ckk.EC_MONTGOMERY ? { DERIVE: true } : { SIGN: true }
  const uses = rsa ? { SIGN: true, DECRYPT: true, UNWRAP: true } : others
  return attributes({ CLASS: cko.PRIVATE_KEY, KEY_TYPE: keyType, ...protection(leave), ...uses })
}

/** How a key that stays in the token for good is found there. */
export const residentLabel = 'tresor-resident'

/** A secret key that stays in the token for good; it is good for whatever its type is. */
export function residentSecretTemplate(keyType: number, cipher: boolean, name: Uint8Array): Template {
  const uses = cipher ? { ENCRYPT: true, DECRYPT: true, WRAP: true, UNWRAP: true } : {}
  return attributes({ CLASS: cko.SECRET_KEY, KEY_TYPE: keyType, ...residence(name), SIGN: true, VERIFY: true, DERIVE: true, ...uses })
}

/** A private key that stays in the token for good. */
export function residentPrivateTemplate(keyType: number, type: KeyType, name: Uint8Array): Template {
  return attributes({ CLASS: cko.PRIVATE_KEY, KEY_TYPE: keyType, ...residence(name), ...allUses(keyType, type) })
}

/** The same as a session object, for a trial. */
export function insideTemplate(keyType: number, type: KeyType): Template {
  return attributes({ CLASS: cko.PRIVATE_KEY, KEY_TYPE: keyType, ...protection('stays'), ...allUses(keyType, type) })
}

/** All that a private key of this type is good for. SoftHSM has one key type for keys that sign and keys that agree. */
function allUses(keyType: number, type: KeyType) {
  if (keyType === ckk.RSA) return { SIGN: true, DECRYPT: true, UNWRAP: true }
  if (keyType === ckk.EC) return { SIGN: true, DERIVE: true }
  return edwardsPair(type)?.startsWith('X') ? { DERIVE: true } : { SIGN: true }
}

const residence = (name: Uint8Array) => ({
  LABEL: residentLabel,
  ID: Buffer.from(name),
  TOKEN: true,
  PRIVATE: true,
  SENSITIVE: true,
  EXTRACTABLE: false,
})

/** A public key as a session object. */
export function publicTemplate(parts: PublicParts): Template {
  const uses = { CLASS: cko.PUBLIC_KEY, TOKEN: false, PRIVATE: false, VERIFY: true }
  if (parts.family === 'RSA') {
    return attributes({ ...uses, KEY_TYPE: ckk.RSA, ENCRYPT: true, WRAP: true, MODULUS: parts.modulus, PUBLIC_EXPONENT: parts.exponent })
  }
  if (parts.family === 'EC') return attributes({ ...uses, KEY_TYPE: ckk.EC, EC_PARAMS: parts.params, EC_POINT: toEcPoint(parts.point) })
  const keyType = parts.curve === 'X25519' || parts.curve === 'X448' ? ckk.EC_MONTGOMERY : ckk.EC_EDWARDS
  return attributes({ ...uses, KEY_TYPE: keyType, EC_PARAMS: edwardsParams(parts.curve), EC_POINT: toEcPoint(parts.point) })
}
