import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { Secret } from '../objects/secret.ts'
import type { AlgorithmName, CurveName, KeyKind, KeyPolicy, KeyType, WrappedKey } from '../objects/wrapped-key.ts'

export type { AlgorithmName, CurveName, KeyKind, KeyPolicy, KeyType, WrappedKey }

export type HashName = EnumerationValue<'HashingAlgorithm'>

/**
 * A wrapped key and the name under which a partition may keep it unwrapped inside.
 * `handle` must change whenever the wrapped bytes do (object identifier and generation), so a stale cache entry cannot be hit.
 */
export interface KeyReference {
  readonly handle: string
  readonly key: WrappedKey
}

/** A key with the SHA-256 hash of its plain value, as by `digest`, which costs least while the key is there; undefined where the device makes none. */
export interface NewKey extends WrappedKey {
  readonly digest: Uint8Array | undefined
}

/** The plain form that crosses `importKey` and `reveal`: raw bytes of a secret, PKCS#8 DER of a private key, SPKI DER of a public key, the bytes themselves of data. */
export interface PlainKey {
  readonly kind: KeyKind
  readonly type: KeyType | undefined
  readonly value: Secret
}

export type CipherMechanism =
  | { readonly cipher: 'ECB' | 'CBC'; readonly padding: 'None' | 'PKCS5'; readonly iv?: Uint8Array }
  | { readonly cipher: 'CTR'; readonly iv: Uint8Array; readonly counterBits?: number }
  /** SP 800-38A; CFB with segments of a whole block: CFB128 of AES, CFB64 of 3DES. */
  | { readonly cipher: 'CFB' | 'OFB'; readonly iv: Uint8Array }
  /** SP 800-38E, of one data unit; `iv` is its tweak, 16 bytes. The key is two AES keys, the first one encrypts the data. */
  | { readonly cipher: 'XTS'; readonly iv: Uint8Array }
  /** `tagLength` in bytes. The IV of CCM is its nonce, 7 to 13 bytes. */
  | { readonly cipher: 'GCM' | 'CCM'; readonly iv: Uint8Array; readonly additionalData: Uint8Array; readonly tagLength: number }
  /** A nonce of 12 bytes (RFC 8439), or of 8 as in the cipher's first form; the block counter begins at `counter`. */
  | { readonly cipher: 'ChaCha20'; readonly iv: Uint8Array; readonly counter: number }
  /** RFC 8439: a nonce of 12 bytes; the tag may be cut to 12 bytes. */
  | { readonly cipher: 'ChaCha20-Poly1305'; readonly iv: Uint8Array; readonly additionalData: Uint8Array; readonly tagLength: number }
  | { readonly cipher: 'RSA-OAEP'; readonly hash: HashName; readonly maskHash: HashName; readonly label: Uint8Array }
  | { readonly cipher: 'RSA-PKCS1' }
  | { readonly cipher: 'RSA-RAW' }

/** `digested`: the data is the digest already (KMIP 2.1 §6.1.55, Digested Data). */
export type SignMechanism =
  | { readonly scheme: 'RSA-PKCS1'; readonly hash: HashName; readonly digested: boolean }
  /** `saltLength` in bytes. */
  | {
      readonly scheme: 'RSA-PSS'
      readonly hash: HashName
      readonly maskHash: HashName
      readonly saltLength: number
      readonly digested: boolean
    }
  /** The signature is the DER SEQUENCE of r and s. */
  | { readonly scheme: 'ECDSA'; readonly hash: HashName; readonly digested: boolean }
  | { readonly scheme: 'EdDSA' }

export type MacMechanism =
  | { readonly mac: 'HMAC'; readonly hash: HashName }
  | { readonly mac: 'CMAC' }
  | { readonly mac: 'GMAC'; readonly iv: Uint8Array }

/**
 * How a key is made of another one (KMIP 2.1 §6.1.14, §7.12). The new key is the beginning of what comes out; `data` is what the method works on, or
 * a managed value whose bytes are that.
 */
export type DeriveMechanism =
  /** Of the base key's own value. */
  | { readonly derive: 'HASH'; readonly hash: HashName }
  | { readonly derive: 'HMAC'; readonly hash: HashName; readonly data: Uint8Array | KeyReference }
  | { readonly derive: 'ENCRYPT'; readonly mechanism: SymmetricMechanism; readonly data: Uint8Array | KeyReference }
  | { readonly derive: 'PBKDF2'; readonly hash: HashName; readonly salt: Uint8Array; readonly iterations: number }
  | { readonly derive: 'HKDF'; readonly hash: HashName; readonly salt: Uint8Array; readonly data: Uint8Array | KeyReference }
  /** SP 800-108 with an HMAC: counter, feedback and double pipeline. Its fixed input is `data` and the length of the output in bits, 32 bits long. */
  | {
      readonly derive: 'SP800-108-C' | 'SP800-108-F' | 'SP800-108-DPI'
      readonly hash: HashName
      readonly data: Uint8Array | KeyReference
      /** Of the feedback mode; may be empty. */
      readonly iv: Uint8Array
    }
  /** The base key is private; what comes out is the shared secret as it is. */
  | { readonly derive: 'ECDH'; readonly publicKey: KeyReference }

/** All but the ciphers of RSA. */
export type SymmetricMechanism = Exclude<CipherMechanism, { cipher: 'RSA-OAEP' | 'RSA-PKCS1' | 'RSA-RAW' }>

export interface Ciphertext {
  readonly data: Uint8Array
  /** The authentication tag, for GCM, CCM and ChaCha20-Poly1305. */
  readonly tag?: Uint8Array
}

/** A cryptographic operation that is done in parts, and what it needs to know from the first part on. */
export type StreamOperation =
  | { readonly operation: 'encrypt'; readonly mechanism: CipherMechanism }
  /** `tag`: the authentication tag of GCM and ChaCha20-Poly1305, which is known before the first part (KMIP 2.1 §6.1.11). */
  | { readonly operation: 'decrypt'; readonly mechanism: CipherMechanism; readonly tag?: Uint8Array }
  | { readonly operation: 'sign'; readonly mechanism: SignMechanism }
  /** The signature may have been made with any of the mechanisms, which share their hash. */
  | { readonly operation: 'verify'; readonly mechanisms: readonly SignMechanism[] }
  | { readonly operation: 'mac' | 'verifyMac'; readonly mechanism: MacMechanism }

/** What the parts of a stream gave. */
export interface StreamEnd {
  /** Ciphertext or plain text that was still to come; the signature, the MAC or the digest. */
  readonly data: Uint8Array
  /** The authentication tag, where encryption made one. */
  readonly tag?: Uint8Array
  /** Whether the signature or MAC fits, where one was to be verified. */
  readonly valid?: boolean
}

export interface OpenedStream {
  /** Its name within the partition. */
  readonly stream: string
  /** Whether no plain text is given before the end: decryption that is verified by a tag. The caller bounds how much is held so. */
  readonly holdsBack: boolean
}

/**
 * Operations in parts. A stream is bound to its device session: it lives in one process, until it ends, fails at a part, or is abandoned.
 * Who begins streams bounds their number and their age.
 * @throws KmipError as the operations in one part do; UnsupportedCryptographicParameters for a mechanism that works on whole messages only, by
 *   name; InvalidCorrelationValue for a stream that is not there.
 */
export interface PartitionStreams {
  /** `handle` of the key may be forgotten from here on: the stream keeps what it needs. */
  begin(key: KeyReference, operation: StreamOperation): Promise<OpenedStream>
  beginHash(hash: HashName): Promise<OpenedStream>
  /** What can be given already; often nothing. */
  update(stream: string, data: Uint8Array): Promise<Uint8Array>
  /** `expected`: the signature or MAC that is to fit. */
  end(stream: string, data: Uint8Array, expected?: Uint8Array): Promise<StreamEnd>
  /** Ends it without a result; one that is not there is no error. */
  abandon(stream: string): void
}

/** How a managed key is wrapped under another one for Get and Export (KMIP 2.1 §3.30). */
export type WrapMechanism = { readonly wrap: 'AES-KEY-WRAP' | 'AES-KEY-WRAP-PAD' } | CipherMechanism

/** What a partition can do, as names: `AES-GCM`, `AES-CBC`, `RSA-OAEP`, `HMAC`, `GENERATE-AES`, `GENERATE-RSA`, `GENERATE-RESIDENT-Ed25519` (resident keys alone), `WRAP-AES-KEY-WRAP` ... Query and `partition show` print them. `RSA-PKCS1-ENCRYPT` is `RSA-PKCS1` without its decryption. */
export type MechanismName = string

export type PartitionKind = 'software' | 'pkcs11'

/** What a partition has and can do at this moment, for Query and `partition show`. */
export interface PartitionDescription {
  /** The epoch whose KEK wraps new keys; counts from 1. */
  readonly epoch: number
  readonly mechanisms: readonly MechanismName[]
  /** For people: module, library version, token label and serial, or where the root secret lies. */
  readonly details: Readonly<Record<string, string>>
}

/**
 * A tenant's key space in a crypto device. Plain key material never crosses this interface, but for `importKey` and `reveal`.
 * Arguments and results are plain data, so that the same interface serves a partition in another process.
 *
 * @throws KmipError with the standard's reason: CryptographicFailure, UnsupportedCryptographicParameters (a mechanism that the
 *   device lacks, named), Sensitive, NotExtractable, InvalidField (a length or parameter that cannot be), GeneralFailure (the device failed, with a cure).
 */
export interface Partition {
  readonly name: string
  readonly kind: PartitionKind
  describe(): Promise<PartitionDescription>
  /** Makes a symmetric or HMAC key inside and returns it wrapped. */
  generateKey(type: KeyType, policy: KeyPolicy): Promise<NewKey>
  /** Makes a key pair inside. The public key lies under the same KEK, and so does not depend on the store being honest. */
  generateKeyPair(type: KeyType, policy: KeyPolicy): Promise<{ readonly privateKey: WrappedKey; readonly publicKey: WrappedKey }>
  /**
   * Makes a symmetric or HMAC key of another one, inside, and returns it wrapped.
   * @throws KmipError InvalidField when the method gives fewer bytes than the new key has.
   */
  deriveKey(base: KeyReference, mechanism: DeriveMechanism, type: KeyType, policy: KeyPolicy): Promise<WrappedKey>
  /** Takes in a value that came from outside (Register, Import). */
  importKey(plain: PlainKey, policy: KeyPolicy): Promise<WrappedKey>
  /** The plain value, for Get and Export of what may leave, and for nothing else. Refuses Sensitive and not extractable keys itself. */
  reveal(key: KeyReference): Promise<PlainKey>
  encrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array): Promise<Ciphertext>
  decrypt(key: KeyReference, mechanism: CipherMechanism, data: Uint8Array, tag?: Uint8Array): Promise<Uint8Array>
  sign(key: KeyReference, mechanism: SignMechanism, data: Uint8Array): Promise<Uint8Array>
  verify(key: KeyReference, mechanism: SignMechanism, data: Uint8Array, signature: Uint8Array): Promise<boolean>
  mac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array): Promise<Uint8Array>
  /** Constant-time. */
  verifyMac(key: KeyReference, mechanism: MacMechanism, data: Uint8Array, mac: Uint8Array): Promise<boolean>
  /** The target's plain value (raw bytes, or the PKCS#8 / SPKI DER) wrapped under another managed key, inside the device. */
  wrapKey(target: KeyReference, wrapping: KeyReference, mechanism: WrapMechanism): Promise<Uint8Array>
  /** Takes in a value that arrives wrapped under a managed key (Register, Import). */
  unwrapKey(
    wrapped: Uint8Array,
    wrapping: KeyReference,
    mechanism: WrapMechanism,
    kind: KeyKind,
    type: KeyType | undefined,
    policy: KeyPolicy,
  ): Promise<WrappedKey>
  /**
   * Makes a symmetric or HMAC key that stays inside for good, never extractable; what is given back refers to it in place of wrapped bytes
   * (`residentName`). Undefined, as the next three, where all keys lie outside.
   * @param name 16 bytes that name no other key, ever
   * @throws KmipError ServerLimitExceeded when the device has no room
   */
  generateResident?(type: KeyType, name: Uint8Array): Promise<WrappedKey>
  /** A pair whose private key stays inside. */
  generateResidentPair?(type: KeyType, name: Uint8Array): Promise<{ readonly privateKey: WrappedKey; readonly publicKey: WrappedKey }>
  /** The names of all keys that stay inside. */
  residents?(): Promise<readonly Uint8Array[]>
  /** Destroys a key that stays inside; one that is not there is no error. @throws KmipError GeneralFailure when it is still there. */
  destroyResident?(name: Uint8Array): Promise<void>
  /** Makes the KEK of an epoch to come inside, unless it is there. Undefined, as the next two, where the definition holds the KEKs. */
  makeEpoch?(epoch: number): Promise<void>
  /** Takes an epoch for the current one, whose KEK was made since. Cheap when it is already. */
  atEpoch?(epoch: number): Promise<void>
  /** Destroys the KEKs of epochs before the current one. */
  dropEarlierEpochs?(): Promise<void>
  /** The same value wrapped under the KEK of the current epoch, inside the device; the key itself where it is so already. */
  rewrap(key: WrappedKey): Promise<WrappedKey>
  /**
   * Gives a key away to another partition, whatever its policy: wrapped under a transport key (AES key wrap with padding), public keys and data as
   * values. For `KeyTransfer` and nothing else. Undefined where keys are not given away.
   */
  handOver?(key: WrappedKey, transport: KeyReference): Promise<{ readonly wrapped: Uint8Array } | PlainKey>
  hash(hash: HashName, data: Uint8Array): Promise<Uint8Array>
  /** Random bytes from the device's generator. */
  random(length: number): Promise<Uint8Array>
  /** KMIP's Digest attribute (KMIP 2.1 §4.20) of a key that may not be revealed: the hash of its plain value, made inside; undefined where the device cannot. */
  digest(key: KeyReference, hash: HashName): Promise<Uint8Array | undefined>
  /** The MAC over a stored record, by the partition's integrity key. 32 bytes. */
  sealRecord(record: Uint8Array): Promise<Uint8Array>
  /** Whether a stored record is one that this partition sealed. Constant-time. */
  checkRecord(record: Uint8Array, seal: Uint8Array): Promise<boolean>
  /** Operations in parts; undefined where the device's are whole. */
  readonly streams?: PartitionStreams
  /** Drops what is held unwrapped for a handle, if anything is. */
  forget(handle: string): void
  close(): Promise<void>
}
