import { timingSafeEqual } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
import { checkTag } from '../authentication-tag.ts'
import { checkParameters, isAuthenticated, isSymmetric } from '../cipher-parameters.ts'
import type { Labelled } from '../key-label.ts'
import { lacks, macName, signName } from '../mechanisms.ts'
import type {
  CipherMechanism,
  Ciphertext,
  DeriveMechanism,
  HashName,
  KeyKind,
  KeyPolicy,
  KeyReference,
  KeyType,
  MacMechanism,
  NewKey,
  Partition,
  PartitionDescription,
  PlainKey,
  SignMechanism,
  WrapMechanism,
  WrappedKey,
} from '../partition.ts'
import { checkExtractable, checkRevealable } from '../policy.ts'
import { checkSecretLength } from '../symmetric-keys.ts'
import { StreamBeginner, type StreamGround } from './begin-stream.ts'
import { tokenCipher, tokenWrap } from './ciphers.ts'
import { ckm } from './constants.ts'
import { deriveObject } from './derive.ts'
import type { Doing } from './device-error.ts'
import { makeFirstKeys } from './first-keys.ts'
import { newPairObjects, newSecretObject } from './generate.ts'
import { checkCurve, checkKept, checkLength, isAligned, withoutFill } from './keepable-keys.ts'
import { LentKeys } from './lent-keys.ts'
import { numbersOf } from './mechanisms.ts'
import { fromDerSignature, fromSpki, toDerSignature } from './public-key.ts'
import { ResidentKeys } from './resident-keys.ts'
import type { Span } from './session-threads.ts'
import { macMechanism, numberSize, signInput } from './signatures.ts'
import { Token, type TokenOptions } from './token.ts'
import type { Carrying } from './token-keks.ts'
import { TokenKeys } from './token-keys.ts'
import { protectionOf } from './token-protection.ts'
import { TokenStreams } from './token-streams.ts'

/** What a partition on a token needs to know. */
export interface Pkcs11PartitionOptions extends TokenOptions {
  /** How many keys stay unwrapped in the token as session objects; 1,000 unless told. */
  readonly heldKeys?: number
  /** The epoch whose KEK wraps new keys; the latest in the token unless told. */
  readonly epoch?: number
}

/**
 * Makes a partition's KEK (epoch 1) and integrity key in a token.
 * @throws KmipError GeneralFailure when the token cannot be opened or has such keys already.
 */
export async function createPkcs11Partition(options: TokenOptions, carrying: Carrying = 'stays'): Promise<void> {
  await makeFirstKeys(options, carrying)
}

const publicKeyPolicy: KeyPolicy = { sensitive: false, extractable: true }

/** A token as a crypto device: keys are session objects while they are used, and lie outside wrapped. */
export class Pkcs11Partition implements Partition {
  readonly #token: Token
  readonly #keys: TokenKeys
  readonly #residents: ResidentKeys
  readonly #lent: LentKeys
  readonly kind = 'pkcs11'
  readonly streams: TokenStreams

  private constructor(token: Token, keys: TokenKeys, { heldKeys = 1000, streams = 32 }: Pkcs11PartitionOptions) {
    this.#token = token
    this.#keys = keys
    this.#residents = new ResidentKeys(token, keys)
    this.#lent = new LentKeys(token, keys, this.#residents, heldKeys)
    this.streams = new TokenStreams(token.name, streams, new StreamBeginner(this.#streamGround()))
  }

  get name(): string {
    return this.#token.name
  }

  /** @throws KmipError GeneralFailure, saying what is missing: pkcs11js, the module, the token, the PIN, or its keys. */
  static async open(options: Pkcs11PartitionOptions): Promise<Pkcs11Partition> {
    const token = await Token.open(options)
    try {
      return new Pkcs11Partition(token, await TokenKeys.open(token, options.epoch), options)
    } catch (error) {
      await token.close()
      throw error
    }
  }

  async describe(): Promise<PartitionDescription> {
    const { names, details } = this.#token
    return {
      epoch: this.#keys.epoch,
      mechanisms: [...names],
      details: {
        ...details,
        'keys wrapped by': this.#keys.wrapName,
        epochs: this.#keys.epochs.join(', '),
        ...(await protectionOf(this.#token)),
      },
    }
  }

  async generateKey(type: KeyType, policy: KeyPolicy): Promise<NewKey> {
    checkLength(this.#token, type)
    const object = await newSecretObject(this.#token, type)
    try {
      const digest = isAligned(type) ? await this.#token.digestKey(numbersOf('SHA_256')!.digest, object) : undefined
      return { ...(await this.#keys.wrapped({ kind: 'secret', type, policy }, object)), digest }
    } finally {
      this.#token.destroy(object)
    }
  }

  async generateKeyPair(type: KeyType, policy: KeyPolicy) {
    const { privateObject, spki } = await newPairObjects(this.#token, type)
    const privateKey = await this.#keys.admit({ kind: 'private', type, policy }, privateObject)
    return { privateKey, publicKey: await this.#keys.sealData({ kind: 'public', type, policy: publicKeyPolicy }, spki) }
  }

  async generateResident(type: KeyType, name: Uint8Array): Promise<WrappedKey> {
    checkLength(this.#token, type)
    return this.#residents.generate(type, name)
  }

  async generateResidentPair(type: KeyType, name: Uint8Array) {
    const { privateKey, spki } = await this.#residents.generatePair(type, name)
    return { privateKey, publicKey: await this.#keys.sealData({ kind: 'public', type, policy: publicKeyPolicy }, spki) }
  }

  residents(): Promise<readonly Uint8Array[]> {
    return this.#residents.list()
  }

  destroyResident(name: Uint8Array): Promise<void> {
    return this.#residents.destroy(name)
  }

  async deriveKey(base: KeyReference, mechanism: DeriveMechanism, type: KeyType, policy: KeyPolicy): Promise<WrappedKey> {
    checkLength(this.#token, type)
    return this.#keys.admit(
      { kind: 'secret', type, policy },
      await deriveObject(this.#token, this.#keys, (key) => this.#lent.lendToDerive(key), base, mechanism, type),
    )
  }

  async importKey(plain: PlainKey, policy: KeyPolicy): Promise<WrappedKey> {
    return this.#import({ kind: plain.kind, type: plain.type, policy }, plain.value.expose())
  }

  async reveal(reference: KeyReference): Promise<PlainKey> {
    const { key } = reference
    checkRevealable(key.policy)
    return { kind: key.kind, type: key.type, value: new Secret(await this.#plain(reference)) }
  }

  async encrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array): Promise<Ciphertext> {
    const { name, mechanism: native, doing } = this.#cipher(key, mechanism, data)
    const out = await this.#lent.use(key, 'encrypt', name, (object) => this.#token.encrypt(doing, object, native, data, room(data)))
    if (!isAuthenticated(mechanism)) return { data: out }
    const end = out.length - mechanism.tagLength
    return { data: out.subarray(0, end), tag: out.subarray(end) }
  }

  async decrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array, tag?: Uint8Array): Promise<Uint8Array> {
    if (isAuthenticated(mechanism)) checkTag(mechanism, tag)
    const { name, mechanism: native, doing } = this.#cipher(key, mechanism, data)
    const input = tag === undefined ? data : Buffer.concat([data, tag])
    return this.#lent.use(key, 'decrypt', name, (object) =>
      this.#token.decrypt(doing, object, native, input, room(input), mechanism.cipher.startsWith('RSA') ? privateSpan(key) : undefined),
    )
  }

  async sign(key: KeyReference, mechanism: SignMechanism, data: Uint8Array): Promise<Uint8Array> {
    const name = this.#offered(signName(mechanism))
    const { mechanism: native, input } = await signInput(this.#token, mechanism, data)
    const signature = await this.#lent.use(key, 'sign', name, (object) =>
      this.#token.sign(this.#doing(name), object, native, input, privateSpan(key)),
    )
    return mechanism.scheme === 'ECDSA' ? toDerSignature(signature) : signature
  }

  async verify(key: KeyReference, mechanism: SignMechanism, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const name = this.#offered(signName(mechanism))
    const { mechanism: native, input } = await signInput(this.#token, mechanism, data)
    const given = mechanism.scheme === 'ECDSA' ? fromDerSignature(signature, numberSize(key.key.type)) : signature
    if (given === undefined) return false
    return this.#lent.use(key, 'verify', name, (object) => this.#token.verify(this.#doing(name), object, native, input, given))
  }

  async mac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array): Promise<Uint8Array> {
    const name = this.#offered(macName(mechanism, key.key.type?.algorithm))
    if (mechanism.mac === 'GMAC') {
      const { iv } = mechanism
      return (await this.encrypt(key, { cipher: 'GCM', iv, additionalData: data, tagLength: 16 }, new Uint8Array())).tag!
    }
    const native = macMechanism(this.#token, name)
    return this.#lent.use(key, mechanism.mac === 'HMAC' ? 'hmac' : 'cmac', name, (object) =>
      this.#token.sign(this.#doing(name), object, native, data),
    )
  }

  async verifyMac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array, given: Uint8Array): Promise<boolean> {
    return equal(await this.mac(key, mechanism, data), given)
  }

  async wrapKey(target: KeyReference, wrapping: KeyReference, mechanism: WrapMechanism): Promise<Uint8Array> {
    checkExtractable(target.key.policy)
    const { name, mechanism: native } = this.#wrapMechanism(wrapping, mechanism)
    const object = await this.#lent.leavable(target.key)
    try {
      return await this.#lent.use(wrapping, 'encrypt', name, (wrappingObject) =>
        this.#token.wrap(this.#doing(name), wrappingObject, native, object),
      )
    } finally {
      this.#token.destroy(object)
    }
  }

  async unwrapKey(
    wrapped: Uint8Array,
    wrapping: KeyReference,
    mechanism: WrapMechanism,
    kind: KeyKind,
    type: KeyType | undefined,
    policy: KeyPolicy,
  ): Promise<WrappedKey> {
    const label = { kind, type, policy }
    checkLength(this.#token, type)
    if (kind === 'private') checkCurve(this.#token, type)
    const { name, mechanism: native } = this.#wrapMechanism(wrapping, mechanism)
    const isKey = kind === 'secret' || kind === 'private'
    const template = this.#keys.template(label, isKey ? 'wrapped' : 'plain')
    const object = await this.#lent.use(wrapping, 'decrypt', name, (wrappingObject) =>
      this.#token.unwrap(this.#doing(name), wrappingObject, native, wrapped, template),
    )
    try {
      // Read as it is: a way through another wrapping would fill it up with zeros.
      if (!isKey) return await this.#import(label, await this.#token.attribute(object, 'VALUE'))
      if (kind === 'secret' && type?.algorithm !== 'DES3') {
        const length = await this.#token.attribute(object, 'VALUE_LEN').catch(() => undefined)
        if (length !== undefined && length.readUInt32LE(0) > 0) checkSecretLength(this.#token.name, type, withoutFill(length, type))
      }
      const kept = await this.#keys.wrapped(label, object)
      if (kind === 'secret') checkKept(this.#token, kept)
      return kept
    } finally {
      this.#token.destroy(object)
    }
  }

  async atEpoch(epoch: number): Promise<void> {
    if (this.#keys.epoch !== epoch) await this.#keys.learn(epoch)
  }

  makeEpoch(epoch: number): Promise<void> {
    return this.#keys.make(epoch)
  }

  dropEarlierEpochs(): Promise<void> {
    return this.#keys.dropEarlier()
  }

  rewrap(key: WrappedKey): Promise<WrappedKey> {
    return this.#keys.rewrap(key)
  }

  async hash(hash: HashName, data: Uint8Array): Promise<Uint8Array> {
    const name = this.#offered(`HASH-${hash}`)
    return this.#token.digest(this.#doing(name), numbersOf(hash)!.digest, data)
  }

  random(length: number): Promise<Uint8Array> {
    return this.#token.random(length)
  }

  /** Secret keys by C_DigestKey, where the token does that; public keys and data by a hash of what is opened. Never private keys. */
  async digest(reference: KeyReference, hash: HashName): Promise<Uint8Array | undefined> {
    const { key } = reference
    if (key.kind === 'private') return undefined
    const name = this.#offered(`HASH-${hash}`)
    const number = numbersOf(hash)!.digest
    if (key.kind === 'secret') return isAligned(key.type) ? this.#digestSecret(key, number) : undefined
    return this.#token.digest(this.#doing(name), number, await this.#keys.openData(key))
  }

  sealRecord(record: Uint8Array): Promise<Uint8Array> {
    return this.#keys.mac(record)
  }

  async checkRecord(record: Uint8Array, seal: Uint8Array): Promise<boolean> {
    return equal(await this.#keys.mac(record), seal)
  }

  forget(handle: string): void {
    this.#lent.forget(handle)
  }

  async close(): Promise<void> {
    await this.streams.close()
    this.#lent.clear()
    await this.#token.close()
  }

  async #import(label: Labelled, value: Uint8Array): Promise<WrappedKey> {
    if (value.length === 0) throw new KmipError('InvalidField', `A ${label.kind} key of 0 bytes cannot be kept.`)
    if (label.kind === 'secret') checkSecretLength(this.#token.name, label.type, value.length)
    if (label.kind === 'secret') checkLength(this.#token, label.type ?? { algorithm: 'HMAC_SHA256', length: value.length * 8 })
    // An AES key of more than 256 bits is two keys, for XTS alone.
    if (label.type?.algorithm === 'AES' && label.type.length > 256) this.#offered('AES-XTS')
    if (label.kind === 'private') checkCurve(this.#token, label.type)
    if (label.kind === 'public') fromSpki(value)
    if (label.kind === 'data' || label.kind === 'public') return this.#keys.sealData(label, value)
    return this.#keys.admit(label, await this.#keys.bringIn(label, value))
  }

  async #digestSecret(key: WrappedKey, number: number): Promise<Buffer | undefined> {
    const { object, release } = await this.#lent.lendToDigest(key)
    try {
      return await this.#token.digestKey(number, object)
    } finally {
      release()
    }
  }

  async #plain(reference: KeyReference): Promise<Buffer> {
    const { key } = reference
    if (key.kind === 'data' || key.kind === 'public') return this.#keys.openData(key)
    return this.#lent.use(reference, 'reveal', 'reveal', (object) => this.#keys.takeOut(key, object))
  }

  #cipher(key: KeyReference, mechanism: CipherMechanism, data: { readonly length: number }) {
    const algorithm = key.key.type?.algorithm ?? 'AES'
    const native = tokenCipher(this.#token, algorithm, mechanism, data.length)
    // Decryption with padding too takes whole blocks, but devices say so as a failure of the data: as it should be.
    if (isSymmetric(mechanism)) checkParameters(native.name, algorithm === 'AES' ? 16 : 8, mechanism, data)
    return { ...native, doing: this.#doing(native.name) }
  }

  #wrapMechanism(wrapping: KeyReference, mechanism: WrapMechanism) {
    const algorithm = wrapping.key.type?.algorithm ?? 'AES'
    const padWrap = this.#keys.wrapName === 'AES_KEY_WRAP_KWP' ? ckm.AES_KEY_WRAP_KWP : ckm.AES_KEY_WRAP_PAD
    return tokenWrap(this.#token, algorithm, mechanism, padWrap)
  }

  #streamGround(): StreamGround {
    return {
      token: this.#token,
      offered: (name) => this.#offered(name),
      cipher: (key, mechanism, data) => this.#cipher(key, mechanism, data),
      mac: (name) => macMechanism(this.#token, name),
      lend: (key, use, name) => this.#lent.lend(key, use, name),
      decrypt: (...values) => this.decrypt(...values),
      sign: (...values) => this.sign(...values),
      verify: (...values) => this.verify(...values),
    }
  }

  #offered(name: string): string {
    if (this.#token.ways.has(name)) return name
    throw lacks(this.#token.name, name)
  }

  #doing(mechanism: string): Doing {
    return { partition: this.#token.name, mechanism }
  }
}

function privateSpan({ key: { type } }: KeyReference): Span {
  return `private ${type?.algorithm} ${type?.length}`
}

/** Room for an RSA block of 8,192 bits, or for padding and tag behind the data. */
function room(data: Uint8Array): number {
  return Math.max(data.length + 32, 1024)
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
