import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
import { hashes } from '../hashes.ts'
import type { Labelled } from '../key-label.ts'
import { type CacheLimits, Lru } from '../lru.ts'
import { deriveName, lacks, wrapName } from '../mechanisms.ts'
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
import { checkSecretLength, secretKeySize } from '../symmetric-keys.ts'
import { decrypt, encrypt } from './ciphers.ts'
import { derive } from './derive.ts'
import { hashStream } from './digest-streams.ts'
import { envelopeMechanism, open, seal } from './envelope.ts'
import { newKeyPair, newSecretKey } from './generate.ts'
import { algorithmOf, type HeldKey, keyOf } from './held-key.ts'
import { type EpochSecretOf, type KeyRing, newKeyRing, openKeyRing, sealKeyRing } from './key-ring.ts'
import { unwrap, wrap } from './key-wrap.ts'
import { mac } from './macs.ts'
import { softwareMechanisms } from './mechanisms.ts'
import { sign, verify } from './signatures.ts'
import { SoftwareStreams } from './streams.ts'

/** What `openSoftwarePartition` needs to know. */
export interface SoftwarePartitionOptions {
  readonly name: string
  /** 32 bytes. The partition copies nothing of it: it may be wiped once the partition is open. */
  readonly rootSecret: Secret
  /** The blob that `createSoftwarePartition` gave. */
  readonly ring: Uint8Array
  /** Finds the secrets that the ring's KEKs need beside the root secret; none unless told. */
  readonly epochSecretOf?: EpochSecretOf
  /** Where the root secret lies, for `partition show`. */
  readonly rootSecretSource?: string
  /** How many keys stay unwrapped; 10,000 keys and 32 MiB unless told. */
  readonly cache?: CacheLimits
}

/**
 * Makes the keys of a new software partition.
 * @returns the ring to keep in the store: the partition's own keys, sealed under the root secret.
 */
export function createSoftwarePartition(options: {
  readonly name: string
  readonly rootSecret: Secret
  /** Without one, what was destroyed in the first epoch can be had back from old copies of the store as long as the root secret lives. */
  readonly epochSecret?: Secret
}): { readonly ring: Uint8Array } {
  const { name, rootSecret, epochSecret } = options
  return { ring: sealKeyRing(newKeyRing(), name, rootSecret, new Map(epochSecret === undefined ? [] : [[1, epochSecret]])) }
}

/**
 * @param before this process's opening of an earlier ring of the partition: it learns the new one and is given back, its streams going on
 * @throws KmipError GeneralFailure when the ring does not open with this root secret, name and epoch secrets.
 */
export function openSoftwarePartition(options: SoftwarePartitionOptions, before?: Partition): Partition {
  const ring = openKeyRing(options.ring, options.name, options.rootSecret, options.epochSecretOf)
  return before instanceof SoftwarePartition && before.learn(ring) ? before : new SoftwarePartition(options, ring)
}

const defaultCache: CacheLimits = { count: 10_000, bytes: 32 * 1024 * 1024 }

/** node:crypto as a crypto device: the KEK and the unwrapped keys live in this process's memory. */
class SoftwarePartition implements Partition {
  readonly name: string
  readonly kind = 'software'
  readonly #source: string
  #epoch: number
  #keks: ReadonlyMap<number, KeyObject>
  readonly #integrityKey: KeyObject
  readonly #held: Lru<HeldKey>
  readonly streams: SoftwareStreams

  constructor(options: SoftwarePartitionOptions, ring: KeyRing) {
    this.name = options.name
    this.#source = options.rootSecretSource ?? 'given at opening'
    this.#epoch = ring.epoch
    this.#keks = new Map([...ring.keks].map(([epoch, kek]) => [epoch, takeKey(kek)]))
    this.#integrityKey = takeKey(ring.integrityKey)
    this.#held = new Lru(options.cache ?? defaultCache)
    this.streams = new SoftwareStreams(
      options.name,
      (key) => this.#hold(key),
      (hash) => hashStream(this.#hashName(hash)),
    )
  }

  /** @returns false for a ring of another partition, of the same name. */
  learn(ring: KeyRing): boolean {
    if (!equal(ring.integrityKey, this.#integrityKey.export())) return false
    ring.integrityKey.fill(0)
    this.#keks = new Map([...ring.keks].map(([epoch, kek]) => [epoch, takeKey(kek)]))
    this.#epoch = ring.epoch
    return true
  }

  async describe(): Promise<PartitionDescription> {
    return {
      epoch: this.#epoch,
      mechanisms: [...softwareMechanisms()],
      details: { library: `OpenSSL ${process.versions.openssl}`, 'root secret': this.#source, epochs: [...this.#keks.keys()].join(', ') },
    }
  }

  async generateKey(type: KeyType, policy: KeyPolicy): Promise<NewKey> {
    const value = newSecretKey(this.name, type)
    const digest = createHash('sha256').update(value).digest()
    const wrapped = this.#wrap({ kind: 'secret', type, policy }, value)
    value.fill(0)
    return { ...wrapped, digest }
  }

  async generateKeyPair(type: KeyType, policy: KeyPolicy) {
    const pair = await newKeyPair(this.name, type)
    const value = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
    const privateKey = this.#wrap({ kind: 'private', type, policy }, value)
    value.fill(0)
    const publicValue = pair.publicKey.export({ format: 'der', type: 'spki' })
    return { privateKey, publicKey: this.#wrap({ kind: 'public', type, policy: publicKeyPolicy }, publicValue) }
  }

  async deriveKey(base: KeyReference, mechanism: DeriveMechanism, type: KeyType, policy: KeyPolicy): Promise<WrappedKey> {
    const size = secretKeySize(this.name, type)
    const name = deriveName(base.key.type?.algorithm ?? 'AES', mechanism)
    const held = () => this.#hold(base)
    const opened: Buffer[] = []
    const open = (key: WrappedKey) => {
      const value = this.#unwrap(key)
      opened.push(value)
      return value
    }
    try {
      const value = open(base.key)
      const data = derivationData(mechanism, open)
      const derived = await derive({ partition: this.name, name, mechanism, held, value, data }, size)
      const wrapped = this.#wrap({ kind: 'secret', type, policy }, derived)
      derived.fill(0)
      return wrapped
    } finally {
      for (const value of opened) value.fill(0)
    }
  }

  async importKey(plain: PlainKey, policy: KeyPolicy): Promise<WrappedKey> {
    return this.#import({ kind: plain.kind, type: plain.type, policy }, plain.value.expose())
  }

  async reveal(reference: KeyReference): Promise<PlainKey> {
    const { kind, type, policy } = reference.key
    const held = kind === 'secret' ? this.#held.get(reference.handle) : undefined
    // A key that is held was opened with its label; one whose policy is told otherwise is opened again, and found out.
    if (held !== undefined && held.policy.sensitive === policy.sensitive && held.policy.extractable === policy.extractable) {
      checkRevealable(policy)
      return { kind, type, value: new Secret(held.key.export()) }
    }
    return this.#withValue(reference.key, (value) => {
      checkRevealable(policy)
      if (kind === 'secret') this.#keep(reference, value)
      return { kind, type, value: new Secret(Buffer.from(value)) }
    })
  }

  async encrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array): Promise<Ciphertext> {
    return encrypt(this.name, this.#hold(key), mechanism, data)
  }

  async decrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array, tag?: Uint8Array): Promise<Uint8Array> {
    return decrypt(this.name, this.#hold(key), mechanism, data, tag)
  }

  async sign(key: KeyReference, mechanism: SignMechanism, data: Uint8Array): Promise<Uint8Array> {
    return sign(this.name, this.#hold(key), mechanism, data)
  }

  async verify(key: KeyReference, mechanism: SignMechanism, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return verify(this.name, this.#hold(key), mechanism, data, signature)
  }

  async mac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array): Promise<Uint8Array> {
    return mac(this.name, this.#hold(key), mechanism, data)
  }

  async verifyMac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array, given: Uint8Array): Promise<boolean> {
    return equal(mac(this.name, this.#hold(key), mechanism, data), given)
  }

  async wrapKey(target: KeyReference, wrappingKey: KeyReference, mechanism: WrapMechanism): Promise<Uint8Array> {
    return this.#withValue(target.key, (value) => {
      checkExtractable(target.key.policy)
      const held = this.#hold(wrappingKey)
      return 'wrap' in mechanism
        ? wrap(mechanism.wrap, this.#wrappingKey(held, mechanism), value)
        : wrapByCipher(this.name, held, mechanism, value)
    })
  }

  async unwrapKey(
    wrapped: Uint8Array,
    wrappingKey: KeyReference,
    mechanism: WrapMechanism,
    kind: KeyKind,
    type: KeyType | undefined,
    policy: KeyPolicy,
  ): Promise<WrappedKey> {
    const held = this.#hold(wrappingKey)
    const value =
      'wrap' in mechanism
        ? unwrap(mechanism.wrap, this.#wrappingKey(held, mechanism), wrapped)
        : unwrapByCipher(this.name, held, mechanism, wrapped)
    try {
      return this.#import({ kind, type, policy }, value)
    } finally {
      value.fill(0)
    }
  }

  async rewrap(key: WrappedKey): Promise<WrappedKey> {
    return key.epoch === this.#epoch ? key : this.#withValue(key, (value) => this.#wrap(key, value))
  }

  async handOver(key: WrappedKey, transport: KeyReference): Promise<{ readonly wrapped: Uint8Array } | PlainKey> {
    const { kind, type } = key
    if (kind === 'public' || kind === 'data') return { kind, type, value: new Secret(this.#unwrap(key)) }
    const by = keyOf(this.#hold(transport), 'secret', 'AES-KEY-WRAP-PAD')
    return { wrapped: this.#withValue(key, (value) => wrap('AES-KEY-WRAP-PAD', by, value)) }
  }

  async hash(hash: HashName, data: Uint8Array): Promise<Uint8Array> {
    return createHash(this.#hashName(hash)).update(data).digest()
  }

  async random(length: number): Promise<Uint8Array> {
    return randomBytes(length)
  }

  async digest(key: KeyReference, hash: HashName): Promise<Uint8Array> {
    return this.#withValue(key.key, (value) => createHash(this.#hashName(hash)).update(value).digest())
  }

  async sealRecord(record: Uint8Array): Promise<Uint8Array> {
    return this.#seal(record)
  }

  async checkRecord(record: Uint8Array, seal: Uint8Array): Promise<boolean> {
    return equal(this.#seal(record), seal)
  }

  forget(handle: string): void {
    this.#held.delete(handle)
  }

  async close(): Promise<void> {
    this.streams.clear()
    this.#held.clear()
  }

  #seal(record: Uint8Array): Buffer {
    return createHmac('sha256', this.#integrityKey).update(record).digest()
  }

  #hold(reference: KeyReference): HeldKey {
    const held = this.#held.get(reference.handle)
    return held ?? this.#withValue(reference.key, (value) => this.#keep(reference, value))
  }

  #keep({ handle, key: { kind, type, policy } }: KeyReference, value: Uint8Array): HeldKey {
    const taken = { kind, type, policy, key: toKeyObject(kind, value) }
    this.#held.set(handle, taken, value.length + entryOverhead)
    return taken
  }

  #import(label: Labelled, value: Uint8Array): WrappedKey {
    if (value.length === 0) throw new KmipError('InvalidField', `A ${label.kind} key of 0 bytes cannot be kept.`)
    if (label.kind === 'secret') checkSecretLength(this.name, label.type, value.length)
    if (label.kind !== 'data') toKeyObject(label.kind, value)
    return this.#wrap(label, value)
  }

  #wrap(label: Labelled, value: Uint8Array): WrappedKey {
    const { kind, type, policy } = label
    const bytes = seal(this.#keks.get(this.#epoch)!, label, value)
    return { kind, type, policy, bytes, mechanism: envelopeMechanism(kind), epoch: this.#epoch }
  }

  /** Runs an action on the plain value, which is wiped after it. */
  #withValue<T>(key: WrappedKey, action: (value: Buffer) => T): T {
    const value = this.#unwrap(key)
    try {
      return action(value)
    } finally {
      value.fill(0)
    }
  }

  /** The caller wipes it. */
  #unwrap(key: WrappedKey): Buffer {
    const kek = this.#keks.get(key.epoch)
    if (kek !== undefined && key.mechanism === envelopeMechanism(key.kind)) return open(kek, key, key.bytes)
    throw new KmipError(
      'CryptographicFailure',
      `Partition ${this.name} holds no KEK of epoch ${key.epoch} for ${key.mechanism}: the key was made in another partition, or its epoch is over.`,
      { retry: 'newer-view' },
    )
  }

  #wrappingKey(held: HeldKey, mechanism: WrapMechanism): KeyObject {
    const name = wrapName(algorithmOf(held), mechanism)
    if (algorithmOf(held) !== 'AES') throw lacks(this.name, name, `it works with AES keys, not ${algorithmOf(held)}`)
    return keyOf(held, 'secret', name)
  }

  #hashName(hash: HashName): string {
    const known = hashes[hash]
    if (known === undefined || !softwareMechanisms().has(`HASH-${hash}`)) throw lacks(this.name, `HASH-${hash}`)
    return known.node
  }
}

/** A public key is no secret (KMIP 2.1 §4.54 speaks of private and secret keys). */
const publicKeyPolicy: KeyPolicy = { sensitive: false, extractable: true }

/** What a KeyObject and its map entry cost beside the key's bytes, roughly. */
const entryOverhead = 512

/** What a method works on, given or opened. */
function derivationData(mechanism: DeriveMechanism, open: (key: WrappedKey) => Uint8Array): Uint8Array {
  if (mechanism.derive === 'ECDH') return open(mechanism.publicKey.key)
  if (!('data' in mechanism)) return new Uint8Array()
  return 'key' in mechanism.data ? open(mechanism.data.key) : mechanism.data
}

function takeKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

function toKeyObject(kind: KeyKind, value: Uint8Array): KeyObject {
  const key = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (kind === 'secret') return createSecretKey(key)
  try {
    if (kind === 'private') return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    if (kind === 'public') return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch (error) {
    const form = kind === 'private' ? 'PKCS #8' : 'SubjectPublicKeyInfo'
    throw new KmipError('InvalidField', `The ${kind} key is not ${form} DER of an algorithm that OpenSSL knows.`, { cause: error })
  }
  throw new KmipError('InvalidField', 'Secret Data and other plain values are kept and given back; no mechanism works with them.')
}

/** An authenticated cipher's tag goes behind the ciphertext, as PKCS #11's C_WrapKey does it. */
function wrapByCipher(partition: string, held: HeldKey, mechanism: CipherMechanism, value: Uint8Array): Uint8Array {
  const { data, tag } = encrypt(partition, held, mechanism, value)
  return tag === undefined ? data : Buffer.concat([data, tag])
}

function unwrapByCipher(partition: string, held: HeldKey, mechanism: CipherMechanism, wrapped: Uint8Array): Uint8Array {
  if (!('tagLength' in mechanism)) return decrypt(partition, held, mechanism, wrapped)
  const end = wrapped.length - mechanism.tagLength
  if (end < 0)
    throw new KmipError('InvalidField', `The wrapped key has ${wrapped.length} bytes, less than its tag of ${mechanism.tagLength}.`)
  return decrypt(partition, held, mechanism, wrapped.subarray(0, end), wrapped.subarray(end))
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
