import { cka, cko } from './constants.ts'
import type { Template } from './cryptoki.ts'

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

/** A private key as a session object. RSA keys decrypt and unwrap too; others sign only. */
export function privateTemplate(keyType: number, rsa: boolean, leave: Leave): Template {
  const uses = rsa ? { SIGN: true, DECRYPT: true, UNWRAP: true } : { SIGN: true }
  return attributes({ CLASS: cko.PRIVATE_KEY, KEY_TYPE: keyType, ...protection(leave), ...uses })
}
