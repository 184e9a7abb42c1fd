import { KmipError } from '../../../spec/kmip-error.ts'
import { residentMechanism } from '../../objects/wrapped-key.ts'
import { lacks } from '../mechanisms.ts'
import type { KeyReference, WrappedKey } from '../partition.ts'
import { ckk, cko } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { HeldObjects, type LentObject } from './held-objects.ts'
import { isAligned } from './keepable-keys.ts'
import { keyTypeOf } from './mechanisms.ts'
import { fromSpki } from './public-key.ts'
import type { ResidentKeys } from './resident-keys.ts'
import { attributes, publicTemplate } from './template.ts'
import type { Token } from './token.ts'
import type { TokenKeys } from './token-keys.ts'

/** What a key is to do. */
export type KeyUse = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'hmac' | 'cmac' | 'reveal'
/** `leaving`: what may be taken out in plain. No other use has that object, since a key that may not be revealed must not be found held so. */
type Form = 'secret' | 'private' | 'public' | 'hmac' | 'leaving'

/** Keys as objects of the token, of the form that each use needs: unwrapped and held for the next use, or resident. */
export class LentKeys {
  readonly #token: Token
  readonly #keys: TokenKeys
  readonly #residents: ResidentKeys
  readonly #held: HeldObjects

  /** `held`: how many keys stay unwrapped. */
  constructor(token: Token, keys: TokenKeys, residents: ResidentKeys, held: number) {
    this.#token = token
    this.#keys = keys
    this.#residents = residents
    this.#held = new HeldObjects({ count: held, bytes: Number.POSITIVE_INFINITY }, (object) => token.destroy(object))
  }

  async use<T>(reference: KeyReference, use: KeyUse, name: string, action: (object: Handle) => Promise<T>): Promise<T> {
    const { object, release } = await this.lend(reference, use, name)
    try {
      return await action(object)
    } finally {
      release()
    }
  }

  /** The object until it is released, which is done once. `name`: of the mechanism. @throws KmipError InvalidField for a key that is not for it. */
  async lend(reference: KeyReference, use: KeyUse, name: string): Promise<LentObject> {
    const { key } = reference
    const form = formFor(use, key, name)
    if (key.mechanism === residentMechanism) return this.#lendResident(key, form)
    return this.#held.lend(reference.handle, form, () => this.#entered(key, form))
  }

  /** As what others are derived from. */
  async lendToDerive(key: WrappedKey): Promise<LentObject> {
    if (key.mechanism === residentMechanism) return this.#residents.lend(key)
    const object = await this.#keys.enterToDerive(key)
    return { object, release: () => this.#token.destroy(object) }
  }

  /** As what is digested; not held, since a digest is asked for once, when a key is made. */
  async lendToDigest(key: WrappedKey): Promise<LentObject> {
    if (key.mechanism === residentMechanism) return this.#residents.lend(key)
    const object = await this.#keys.enter(key, 'stays')
    return { object, release: () => this.#token.destroy(object) }
  }

  /** The target of a wrapping as an object that C_WrapKey takes: public keys and data as generic secrets. The caller destroys it. */
  async leavable(key: WrappedKey): Promise<Handle> {
    if (key.kind === 'secret' || key.kind === 'private') {
      if (key.kind === 'secret' && !isAligned(key.type)) {
        throw lacks(this.#token.name, 'wrapping of a key whose length is no multiple of 64 bits', 'tokens fill such keys up with zeros')
      }
      return this.#keys.enter(key, 'wrapped')
    }
    const value = await this.#keys.openData(key)
    if (value.length % 8 !== 0)
      throw lacks(this.#token.name, 'wrapping of data whose length is no multiple of 8 bytes', 'tokens fill it up with zeros')
    const template = attributes({
      CLASS: cko.SECRET_KEY,
      KEY_TYPE: ckk.GENERIC_SECRET,
      TOKEN: false,
      SENSITIVE: true,
      EXTRACTABLE: true,
      VALUE: value,
    })
    return this.#token.create({ partition: this.#token.name, mechanism: 'wrapping data' }, template)
  }

  forget(handle: string): void {
    this.#held.forget(handle)
  }

  clear(): void {
    this.#held.clear()
  }

  #entered(key: WrappedKey, form: Form): Promise<Handle> {
    if (form === 'public') return this.#publicObject(key)
    return this.#keys.enter(key, form === 'leaving' ? 'wrapped' : 'stays', form === 'hmac')
  }

  async #publicObject(key: WrappedKey): Promise<Handle> {
    const template = publicTemplate(fromSpki(await this.#keys.openData(key)))
    return this.#token.create({ partition: this.#token.name, mechanism: 'public key' }, template)
  }

  #lendResident(key: WrappedKey, form: Form): Promise<LentObject> {
    if (form !== 'hmac' || keyTypeOf(this.#token.ways, key.type) === ckk.GENERIC_SECRET) return this.#residents.lend(key)
    const why = 'it is one object in the token, of one type. Make a key for HMAC'
    throw lacks(this.#token.name, `HMAC by a resident ${key.type?.algorithm} key`, why)
  }
}

/** @throws KmipError InvalidField when a key of this kind cannot be used so. */
function formFor(use: KeyUse, key: WrappedKey, name: string): Form {
  if (use === 'reveal') return 'leaving'
  if (key.kind === 'secret' && use === 'hmac') return 'hmac'
  if (key.kind === 'secret' && use !== 'sign' && use !== 'verify' && !name.includes('RSA')) return 'secret'
  if (key.kind === 'private' && (use === 'decrypt' || use === 'sign') && fits(key, name)) return 'private'
  if (key.kind === 'public' && (use === 'encrypt' || use === 'verify') && fits(key, name)) return 'public'
  throw new KmipError('InvalidField', `${name} does not ${use} with this ${key.kind} key (${key.type?.algorithm ?? 'of no algorithm'}).`)
}

function fits(key: WrappedKey, name: string): boolean {
  return name.includes('RSA') === (key.type?.algorithm === 'RSA')
}
