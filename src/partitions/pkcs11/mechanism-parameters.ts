import type { TokenWay } from '../mechanism-table.ts'
import type { CipherMechanism, DeriveMechanism, SignMechanism } from '../partition.ts'
import { ckdNull, ckzDataSpecified, parameterType } from './constants.ts'
import type { EcdhParameter, Mechanism } from './cryptoki.ts'
import { numbersOf } from './mechanisms.ts'

type Parameter = Mechanism['parameter']
type Builder = (mechanism: CipherMechanism | SignMechanism, length: number) => Parameter

/**
 * A mechanism's parameter in PKCS #11's form, by the builder that its row names.
 * @param length of the data that is encrypted, in bytes; CCM begins with it.
 * @returns undefined where the mechanism has none, or where PKCS #11 has no number for a hash in it.
 */
export function parameterOf({ parameter }: TokenWay, mechanism: CipherMechanism | SignMechanism, length: number): Parameter {
  return parameter === undefined || !(parameter in builders) ? undefined : builders[parameter as keyof typeof builders](mechanism, length)
}

/** Of ECDH, without a key derivation function. @param point of the other side's public key */
export function agreementParameter(point: Uint8Array): EcdhParameter {
  return { type: parameterType.EC_DH, kdf: ckdNull, publicData: copy(point) }
}

/** The same of a derivation. @param data what the method works on; of ECDH the other side's point. */
export function derivationParameter({ parameter }: TokenWay, derivation: DeriveMechanism, data: Uint8Array): Parameter {
  if (parameter === 'ecdh') return agreementParameter(data)
  if (derivation.derive !== 'ENCRYPT' || !('iv' in derivation.mechanism)) return undefined
  const iv = copy(derivation.mechanism.iv ?? noBytes)
  return { type: parameter === 'desData' ? parameterType.DES_CBC_DATA : parameterType.AES_CBC_DATA, iv, data: copy(data) }
}

const builders: Readonly<Record<Exclude<NonNullable<TokenWay['parameter']>, 'ecdh' | 'aesData' | 'desData'>, Builder>> = {
  iv: (mechanism) => ('iv' in mechanism && mechanism.iv !== undefined ? copy(mechanism.iv) : noBytes),
  counter: (mechanism) =>
    'cipher' in mechanism && mechanism.cipher === 'CTR' ? counter(mechanism.iv, mechanism.counterBits ?? 128) : undefined,
  gcm: (mechanism) => {
    if (!('additionalData' in mechanism)) return undefined
    const { iv, additionalData, tagLength } = mechanism
    return { type: parameterType.AES_GCM_V240, iv: copy(iv), ivBits: iv.length * 8, aad: copy(additionalData), tagBits: tagLength * 8 }
  },
  ccm: (mechanism, length) => {
    if (!('additionalData' in mechanism)) return undefined
    const { iv, additionalData, tagLength } = mechanism
    return { type: parameterType.AES_CCM, dataLength: length, nonce: copy(iv), aad: copy(additionalData), macLength: tagLength }
  },
  // CK_NSS_AEAD_PARAMS (nonce, additional data, length of the tag), which pkcs11js has no form for; this structure of another mechanism has its layout.
  nssAead: (mechanism) => {
    // NSS takes a whole tag and no other.
    if (!('additionalData' in mechanism) || mechanism.tagLength !== 16) return undefined
    const { iv, additionalData, tagLength } = mechanism
    return { type: parameterType.GOSTR3410_KEY_WRAP, wrapOID: copy(iv), ukm: copy(additionalData), key: long(tagLength) }
  },
  chacha20: (mechanism) =>
    'cipher' in mechanism && mechanism.cipher === 'ChaCha20' ? blockAndNonce(mechanism.iv, mechanism.counter) : undefined,
  oaep: (mechanism) => {
    if (!('cipher' in mechanism && mechanism.cipher === 'RSA-OAEP')) return undefined
    const hashAlg = numbersOf(mechanism.hash)?.digest
    const mgf = numbersOf(mechanism.maskHash)?.mgf
    if (hashAlg === undefined || mgf === undefined) return undefined
    const label = mechanism.label.length > 0 ? { sourceData: copy(mechanism.label) } : {}
    return { type: parameterType.RSA_OAEP, hashAlg, mgf, source: ckzDataSpecified, ...label }
  },
  pss: (mechanism) => {
    if (!('scheme' in mechanism && mechanism.scheme === 'RSA-PSS')) return undefined
    const hashAlg = numbersOf(mechanism.hash)?.digest
    const mgf = numbersOf(mechanism.maskHash)?.mgf
    if (hashAlg === undefined || mgf === undefined) return undefined
    return { type: parameterType.RSA_PSS, hashAlg, mgf, saltLen: mechanism.saltLength }
  },
}

const noBytes = Buffer.alloc(0)

function copy(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

/** A CK_ULONG in the machine's own layout. */
function long(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** CK_AES_CTR_PARAMS, which pkcs11js has no form for: a long for the counter's bits and 16 bytes, in the machine's own layout. */
function counter(iv: Uint8Array, bits: number): Buffer {
  return Buffer.concat([long(bits), iv])
}

/** 16 bytes: the block counter, little endian, in what the nonce leaves, and the nonce. */
function blockAndNonce(nonce: Uint8Array, start: number): Buffer {
  const parameter = Buffer.alloc(16)
  parameter.writeBigUInt64LE(BigInt(start))
  parameter.set(nonce, 16 - nonce.length)
  return parameter
}
