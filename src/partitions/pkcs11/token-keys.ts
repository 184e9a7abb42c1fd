import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { residentMechanism } from '../../objects/wrapped-key.ts'
import { hashes } from '../hashes.ts'
import { keyLabel, type Labelled } from '../key-label.ts'
import type { KeyType, WrappedKey } from '../partition.ts'
import { ckf, ckk, ckm, cko } from './constants.ts'
import type { Handle, Template } from './cryptoki.ts'
import { keyTypeOf, privateKeyType, type TokenWays } from './mechanisms.ts'
import { attributes, derivingTemplate, type Leave, privateTemplate, secretTemplate } from './template.ts'
import type { Token } from './token.ts'
import { destroyKeks, findKeys, makeKek } from './token-keks.ts'
import { tryOut } from './trials.ts'

const macLength = 32
/** AES-256 under key wrap with padding. */
const wrappedDataKeyLength = 40
const noIv = Buffer.alloc(16)
const keyWrapIv = Buffer.from('a65959a6', 'hex')

const wrapMechanisms = { AES_KEY_WRAP_KWP: ckm.AES_KEY_WRAP_KWP, AES_KEY_WRAP_PAD: ckm.AES_KEY_WRAP_PAD } as const
type WrapName = keyof typeof wrapMechanisms

/**
 * A token's own keys and what is done with them: wrapping under the KEK of an epoch, and MACs by the integrity key.
 *
 * A wrapped key is what C_WrapKey gives, and a MAC by the integrity key over its label and that: the token cannot bind
 * kind, type and policy itself. Data is under AES-CBC with a key of its own that is wrapped so, under the same MAC.
 */
export class TokenKeys {
  #epoch: number
  readonly #token: Token
  #keks: ReadonlyMap<number, Handle>
  readonly #integrityKey: Handle
  readonly #wrapName: WrapName
  /** An AES key of this process, known on both sides: values go in and out of the token under it. */
  readonly #carrier: { readonly value: Buffer; readonly object: Handle }

  private constructor(
    token: Token,
    epoch: number,
    keks: ReadonlyMap<number, Handle>,
    integrityKey: Handle,
    wrapName: WrapName,
    carrier: { value: Buffer; object: Handle },
  ) {
    this.#token = token
    this.#keks = keks
    this.#epoch = epoch
    this.#integrityKey = integrityKey
    this.#wrapName = wrapName
    this.#carrier = carrier
  }

  /**
   * @param epoch the epoch whose KEK wraps; the latest in the token when left out
   * @throws KmipError GeneralFailure when the keys are not there, or the token cannot wrap.
   */
  static async open(token: Token, epoch?: number): Promise<TokenKeys> {
    const { keks, integrityKey } = await findKeys(token)
    if (keks.size === 0 || integrityKey === undefined) {
      throw new KmipError(
        'GeneralFailure',
        `The token of partition ${token.name} has no keys of Tresor's. Make them: tresor partition add ${token.name} --init`,
      )
    }
    const value = randomBytes(32)
    const object = await token.create(
      { partition: token.name, mechanism: 'its carrier key' },
      attributes({
        CLASS: cko.SECRET_KEY,
        KEY_TYPE: ckk.AES,
        TOKEN: false,
        PRIVATE: true,
        SENSITIVE: true,
        EXTRACTABLE: true,
        WRAP: true,
        UNWRAP: true,
        VALUE: value,
      }),
    )
    const carrier = { value, object }
    const current = epoch ?? Math.max(...keks.keys())
    const kek = keks.get(current)
    if (kek === undefined) throw lacksEpoch(token, current)
    const keys = new TokenKeys(token, current, keks, integrityKey, await chooseWrap(token, kek, object), carrier)
    await tryOut(token, { roundTrip: (type, object) => keys.#roundTrip(type, object) })
    return keys
  }

  /** As a private key leaves, wrapped, and comes in again. The objects are the caller's. */
  async #roundTrip(type: KeyType, privateObject: Handle) {
    const label: Labelled = { kind: 'private', type, policy: { sensitive: true, extractable: false } }
    const mechanism = this.#mechanism(this.#wrapName)
    const wrapped = await this.#token.wrap(this.#doing('trial'), this.#carrier.object, mechanism, privateObject)
    const object = await this.#token.unwrap(this.#doing('trial'), this.#carrier.object, mechanism, wrapped, this.template(label, 'stays'))
    return { value: this.#opened(label, wrapped), object }
  }

  /** The epoch whose KEK wraps new keys. */
  get epoch(): number {
    return this.#epoch
  }

  /** Takes an epoch that was begun since for the current one. @throws KmipError GeneralFailure when its KEK is not in the token. */
  async learn(epoch: number): Promise<void> {
    const { keks } = await findKeys(this.#token)
    if (!keks.has(epoch)) throw lacksEpoch(this.#token, epoch)
    this.#keks = keks
    this.#epoch = epoch
  }

  /** Makes the KEK of an epoch to come, unless it is there; the current one stays what it is. */
  async make(epoch: number): Promise<void> {
    if (!(await findKeys(this.#token)).keks.has(epoch)) await makeKek(this.#token, epoch)
    this.#keks = (await findKeys(this.#token)).keks
  }

  /** Destroys the KEKs of earlier epochs. @throws KmipError when one is still there. */
  async dropEarlier(): Promise<void> {
    await destroyKeks(this.#token, this.#epoch)
    this.#keks = (await findKeys(this.#token)).keks
  }

  get epochs(): number[] {
    return [...this.#keks.keys()].sort((a, b) => a - b)
  }

  get wrapName(): string {
    return this.#wrapName
  }

  /** An object wrapped under the current KEK. */
  async wrapped(label: Labelled, object: Handle): Promise<WrappedKey> {
    const bytes = await this.#token.wrap(this.#doing('wrap'), this.#keks.get(this.epoch)!, this.#mechanism(this.#wrapName), object)
    return this.#stored(label, this.#wrapName, bytes)
  }

  /** The same, and the object is destroyed. */
  async admit(label: Labelled, object: Handle): Promise<WrappedKey> {
    try {
      return await this.wrapped(label, object)
    } finally {
      this.#token.destroy(object)
    }
  }

  /** The key as a session object: for use as what it is, or, with `asMac`, as an HMAC key. The caller destroys it. */
  async enter(key: WrappedKey, leave: Leave, asMac = false): Promise<Handle> {
    const wrapped = await this.#checked(key)
    return this.#token.unwrap(
      this.#doing('unwrap'),
      this.#kek(key),
      this.#mechanism(key.mechanism),
      wrapped,
      templateOf(this.#token.ways, key, leave, asMac),
    )
  }

  /** A reference to a key that stays in the token, by its name there, in place of wrapped bytes and under the same MAC. */
  refer(label: Labelled, name: Uint8Array): Promise<WrappedKey> {
    return this.#stored(label, residentMechanism, Buffer.from(name))
  }

  /** The name that a reference has. @throws KmipError CryptographicFailure for one that was altered. */
  nameIn(key: WrappedKey): Promise<Buffer> {
    return this.#checked(key)
  }

  /** As `Partition.rewrap`. Of data its key alone is re-wrapped; a resident key is under no KEK. */
  async rewrap(key: WrappedKey): Promise<WrappedKey> {
    if (key.epoch === this.epoch) return key
    if (key.mechanism === residentMechanism) return { ...key, epoch: this.epoch }
    if (key.kind === 'secret' || key.kind === 'private') return this.admit(key, await this.enter(key, 'wrapped'))
    const sealed = await this.#checked(key)
    const dataKey = await this.#dataKey(key, sealed, 'wrapped')
    try {
      const wrappedKey = await this.#token.wrap(this.#doing('wrap'), this.#keks.get(this.epoch)!, this.#mechanism(this.#wrapName), dataKey)
      const bytes = Buffer.concat([wrappedKey, sealed.subarray(wrappedDataKeyLength)])
      return await this.#stored(key, `${this.#wrapName}+AES_CBC_PAD`, bytes)
    } finally {
      this.#token.destroy(dataKey)
    }
  }

  /** The key as a session object that others are derived from, and that does nothing else. The caller destroys it. @throws KmipError InvalidField for what is no key. */
  async enterToDerive(key: WrappedKey): Promise<Handle> {
    const { kind, type } = key
    const { ways } = this.#token
    if (kind !== 'secret' && kind !== 'private') throw new KmipError('InvalidField', `No key is derived from a ${kind} value in a token.`)
    const template = derivingTemplate(kind, kind === 'private' ? privateKeyType(ways, type) : keyTypeOf(ways, type))
    const wrapped = await this.#checked(key)
    return this.#token.unwrap(this.#doing('unwrap'), this.#kek(key), this.#mechanism(key.mechanism), wrapped, template)
  }

  /** Brings a plain value in, as an object that can be wrapped. */
  bringIn(label: Labelled, value: Uint8Array, leave: Leave = 'wrapped'): Promise<Handle> {
    const cipher = createCipheriv('id-aes256-wrap-pad', this.#carrier.value, keyWrapIv)
    const wrapped = Buffer.concat([cipher.update(value), cipher.final()])
    return this.#token.unwrap(
      this.#doing('import'),
      this.#carrier.object,
      this.#mechanism(this.#wrapName),
      wrapped,
      templateOf(this.#token.ways, label, leave, false),
    )
  }

  /** Takes the plain value of an object out. */
  async takeOut(label: Labelled, object: Handle): Promise<Buffer> {
    const wrapped = await this.#token.wrap(this.#doing('export'), this.#carrier.object, this.#mechanism(this.#wrapName), object)
    return this.#opened(label, wrapped)
  }

  /** What is wrapped under the carrier. */
  #opened(label: Labelled, wrapped: Uint8Array): Buffer {
    const decipher = createDecipheriv('id-aes256-wrap-pad', this.#carrier.value, keyWrapIv)
    return withoutPadding(label, Buffer.concat([decipher.update(wrapped), decipher.final()]))
  }

  async sealData(label: Labelled, value: Uint8Array): Promise<WrappedKey> {
    const doing = this.#doing('seal')
    const dataKey = await this.#token.generate(
      doing,
      ckm.AES_KEY_GEN,
      attributes({ TOKEN: false, PRIVATE: true, SENSITIVE: true, EXTRACTABLE: true, VALUE_LEN: 32, ENCRYPT: true, DECRYPT: true }),
    )
    try {
      const wrappedKey = await this.#token.wrap(doing, this.#keks.get(this.epoch)!, this.#mechanism(this.#wrapName), dataKey)
      // The data key is used once, so its IV may be constant.
      const sealed = await this.#token.encrypt(doing, dataKey, { mechanism: ckm.AES_CBC_PAD, parameter: noIv }, value, value.length + 16)
      return await this.#stored(label, `${this.#wrapName}+AES_CBC_PAD`, Buffer.concat([wrappedKey, sealed]))
    } finally {
      this.#token.destroy(dataKey)
    }
  }

  async openData(key: WrappedKey): Promise<Buffer> {
    const sealed = await this.#checked(key)
    const doing = this.#doing('open')
    const dataKey = await this.#dataKey(key, sealed, 'stays')
    try {
      const data = sealed.subarray(wrappedDataKeyLength)
      return Buffer.from(await this.#token.decrypt(doing, dataKey, { mechanism: ckm.AES_CBC_PAD, parameter: noIv }, data, data.length))
    } finally {
      this.#token.destroy(dataKey)
    }
  }

  /** The form in which a key comes into the token. */
  template(label: Labelled, leave: Leave): Template {
    return templateOf(this.#token.ways, label, leave, false)
  }

  async mac(data: Uint8Array): Promise<Buffer> {
    const mechanism = { mechanism: hashes.SHA_256!.token.hmac }
    return Buffer.from(await this.#token.sign(this.#doing('seal'), this.#integrityKey, mechanism, data))
  }

  /** The key of sealed data as a session object. The caller destroys it. */
  #dataKey(key: WrappedKey, sealed: Buffer, leave: Leave): Promise<Handle> {
    const [wrapName = ''] = key.mechanism.split('+')
    const wrapped = sealed.subarray(0, wrappedDataKeyLength)
    const template = secretTemplate(ckk.AES, true, leave)
    return this.#token.unwrap(this.#doing('open'), this.#kek(key), this.#mechanism(wrapName), wrapped, template)
  }

  async #stored(label: Labelled, mechanism: string, bytes: Buffer): Promise<WrappedKey> {
    const { kind, type, policy } = label
    const mac = await this.mac(Buffer.concat([keyLabel(label), bytes]))
    return { kind, type, policy, bytes: Buffer.concat([bytes, mac]), mechanism, epoch: this.epoch }
  }

  async #checked(key: WrappedKey): Promise<Buffer> {
    const bytes = Buffer.from(key.bytes.buffer, key.bytes.byteOffset, key.bytes.byteLength)
    const wrapped = bytes.subarray(0, -macLength)
    const expected = await this.mac(Buffer.concat([keyLabel(key), wrapped]))
    if (bytes.length > macLength && timingSafeEqual(expected, bytes.subarray(-macLength))) return wrapped
    throw new KmipError('CryptographicFailure', 'The stored key is not what its record says: its bytes, kind, type or policy were altered.')
  }

  #kek(key: WrappedKey): Handle {
    const kek = this.#keks.get(key.epoch)
    if (kek !== undefined) return kek
    throw new KmipError(
      'CryptographicFailure',
      `Partition ${this.#token.name} holds no KEK of epoch ${key.epoch}: the key was made in another partition, or its epoch is over.`,
      { retry: 'newer-view' },
    )
  }

  #mechanism(name: string): { mechanism: number } {
    if (name === 'AES_KEY_WRAP_KWP' || name === 'AES_KEY_WRAP_PAD') return { mechanism: wrapMechanisms[name] }
    throw new KmipError(
      'CryptographicFailure',
      `Partition ${this.#token.name} does not know the wrap mechanism ${name}: the key was made in another partition.`,
    )
  }

  #doing(what: string) {
    return { partition: this.#token.name, mechanism: `${this.#wrapName} (${what})` }
  }
}

function lacksEpoch(token: Token, epoch: number): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The token of partition ${token.name} has no KEK of epoch ${epoch}: it is not the token in which the epoch was begun, and the KEK was not brought here.`,
    { retry: 'another-node' },
  )
}

/** Key wrap with padding goes by two numbers, and some tokens mean another padding by one of them. */
async function chooseWrap(token: Token, kek: Handle, probe: Handle): Promise<WrapName> {
  for (const name of Object.keys(wrapMechanisms) as WrapName[]) {
    const mechanism = wrapMechanisms[name]
    if (((token.flagsOf(mechanism) ?? 0) & ckf.WRAP) === 0) continue
    const wrapped = await token.wrap({ partition: token.name, mechanism: name }, kek, { mechanism }, probe)
    if (wrapped.length === wrappedDataKeyLength) return name
  }
  throw new KmipError(
    'GeneralFailure',
    `The token of partition ${token.name} has no AES key wrap with padding (RFC 5649): it cannot keep keys outside itself.`,
  )
}

function templateOf(ways: TokenWays, label: Labelled, leave: Leave, asMac: boolean) {
  if (label.kind === 'private') return privateTemplate(privateKeyType(ways, label.type), label.type?.algorithm === 'RSA', leave)
  if (label.kind !== 'secret') return secretTemplate(ckk.GENERIC_SECRET, false, leave)
  const keyType = asMac ? ckk.GENERIC_SECRET : keyTypeOf(ways, label.type)
  return secretTemplate(keyType, keyType !== ckk.GENERIC_SECRET, leave)
}

/** SoftHSM fills up to a multiple of 8 before it wraps, so the zeros are part of what comes back. */
function withoutPadding(label: Labelled, value: Buffer): Buffer {
  return value.subarray(0, label.kind === 'private' ? derLength(value) : plainLength(label.type, value.length))
}

function plainLength(type: KeyType | undefined, padded: number): number {
  const length = type === undefined || type.algorithm === 'DES3' ? padded : Math.ceil(type.length / 8)
  return padded - length < 8 ? length : padded
}

function derLength(der: Buffer): number {
  const first = der[1] ?? 0
  if (first < 0x80) return 2 + first
  const bytes = first & 0x7f
  return 2 + bytes + der.readUIntBE(2, bytes)
}
