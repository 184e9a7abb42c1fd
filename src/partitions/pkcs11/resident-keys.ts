import { KmipError } from '../../../spec/kmip-error.ts'
import type { Labelled } from '../key-label.ts'
import { generateName, lacks } from '../mechanisms.ts'
import type { KeyPolicy, KeyType, WrappedKey } from '../partition.ts'
import { secretKeySize } from '../symmetric-keys.ts'
import { ckk, ckr } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { isOfCode } from './device-error.ts'
import { newPairObjects } from './generate.ts'
import type { LentObject } from './held-objects.ts'
import { keyTypeOf, makingOf } from './mechanisms.ts'
import { presentObjects } from './present-objects.ts'
import { attributes, residentLabel, residentPrivateTemplate, residentSecretTemplate } from './template.ts'
import type { Token } from './token.ts'
import type { TokenKeys } from './token-keys.ts'

const policy: KeyPolicy = { sensitive: true, extractable: false }

/** Keys that are objects of the token, from their making to their end: each has a CKA_ID of its own, and outside there is only a reference to it. */
export class ResidentKeys {
  readonly #token: Token
  readonly #keys: TokenKeys
  readonly #found = new Map<string, Promise<Handle>>()

  constructor(token: Token, keys: TokenKeys) {
    this.#token = token
    this.#keys = keys
  }

  async generate(type: KeyType, name: Uint8Array): Promise<WrappedKey> {
    const doing = { partition: this.#token.name, mechanism: generateName(type) }
    const mechanism = makingOf(this.#token.ways, type)
    if (mechanism === undefined) throw lacks(this.#token.name, doing.mechanism)
    const keyType = keyTypeOf(this.#token.ways, type)
    const template = residentSecretTemplate(keyType, keyType !== ckk.GENERIC_SECRET, name)
    const length = type.algorithm === 'DES3' ? [] : attributes({ VALUE_LEN: secretKeySize(this.#token.name, type) })
    return this.#refer({ kind: 'secret', type, policy }, name, () => this.#token.generate(doing, mechanism, [...template, ...length]))
  }

  async generatePair(type: KeyType, name: Uint8Array): Promise<{ readonly privateKey: WrappedKey; readonly spki: Buffer }> {
    let spki: Buffer | undefined
    const privateKey = await this.#refer({ kind: 'private', type, policy }, name, async () => {
      const pair = await newPairObjects(this.#token, type, (keyType) => residentPrivateTemplate(keyType, type, name))
      spki = pair.spki
      return pair.privateObject
    })
    return { privateKey, spki: spki! }
  }

  /** The key itself: it is not destroyed when it is released. @throws KmipError GeneralFailure when it is not in this token. */
  async lend(key: WrappedKey): Promise<LentObject> {
    const name = await this.#keys.nameIn(key)
    const id = name.toString('hex')
    let found = this.#found.get(id)
    if (found === undefined) {
      found = this.#find(name)
      this.#found.set(id, found)
      found.catch(() => this.#found.delete(id))
    }
    return { object: await found, release: () => {} }
  }

  async list(): Promise<readonly Uint8Array[]> {
    return (await presentObjects(this.#token, { LABEL: residentLabel, TOKEN: true }, 'ID')).map(({ value }) => value)
  }

  async destroy(name: Uint8Array): Promise<void> {
    this.#found.delete(Buffer.from(name).toString('hex'))
    for (const object of await this.#objects(name)) await this.#token.destroy(object)
    if ((await this.#objects(name)).length === 0) return
    throw new KmipError(
      'GeneralFailure',
      `The token of partition ${this.#token.name} does not destroy the resident key ${Buffer.from(name).toString('hex')}. It is tried again; if this goes on, see the token's own log.`,
    )
  }

  async #refer(label: Labelled, name: Uint8Array, make: () => Promise<Handle>): Promise<WrappedKey> {
    this.#found.set(Buffer.from(name).toString('hex'), Promise.resolve(await this.#make(name, make)))
    return this.#keys.refer(label, name)
  }

  async #make(name: Uint8Array, make: () => Promise<Handle>): Promise<Handle> {
    for (let attempt = 1; ; attempt++) {
      // One that was made by a call whose answer was lost; the name is this key's alone.
      if ((await this.#objects(name)).length > 0) await this.destroy(name)
      try {
        return await make()
      } catch (error) {
        if (isOfCode(error, ckr.DEVICE_MEMORY)) throw this.#full(error)
        // SoftHSM says so of a template that it takes, when the token is changed by another thread at that moment.
        if (!isOfCode(error, ckr.TEMPLATE_INCONSISTENT) || attempt === attempts) throw error
      }
    }
  }

  async #find(name: Buffer): Promise<Handle> {
    const [object, ...others] = await this.#objects(name)
    if (object !== undefined && others.length === 0) return object
    throw new KmipError(
      'GeneralFailure',
      `The token of partition ${this.#token.name} has ${object === undefined ? 'no' : others.length + 1} resident keys ${name.toString('hex')}: the key was destroyed or copied there, or this is another token.`,
      { retry: 'another-node' },
    )
  }

  #objects(name: Uint8Array): Promise<Handle[]> {
    return this.#token.find({ ID: Buffer.from(name), LABEL: residentLabel, TOKEN: true })
  }

  #full(cause: unknown): KmipError {
    return new KmipError(
      'ServerLimitExceeded',
      `The token of partition ${this.#token.name} has no room for another resident key (CKR_DEVICE_MEMORY). Destroy some, or make keys that lie outside.`,
      { cause },
    )
  }
}

const attempts = 3
