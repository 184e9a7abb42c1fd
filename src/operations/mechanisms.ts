import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { StructureValue } from '../../spec/values.ts'
import { hashes, hashNames } from '../partitions/hashes.ts'
import { type RowOf, rowsThat } from '../partitions/mechanism-table.ts'
import type {
  AlgorithmName,
  CipherMechanism,
  HashName,
  KeyType,
  MacMechanism,
  SignMechanism,
  WrapMechanism,
} from '../partitions/partition.ts'

/** Cryptographic Parameters as requests and attributes carry them (KMIP 2.1 §4.16). */
export type Parameters = StructureValue<'CryptographicParameters'>

type Mode = EnumerationValue<'BlockCipherMode'>
type SignatureName = EnumerationValue<'DigitalSignatureAlgorithm'>

/** How long a block and an IV are, in bytes. */
const blockSizes: Partial<Record<AlgorithmName, number>> = { AES: 16, DES3: 8 }

type BlockCipher = Extract<RowOf<'encrypt'>['cipher'], Mode>

/** The Block Cipher Modes that a partition may know, each with the bytes of the IV that the server makes. */
const modes: ReadonlyMap<Mode, RowOf<'encrypt'> & { readonly cipher: BlockCipher }> = new Map(
  rowsThat('encrypt').flatMap((row) => (row.cipher === row.kmip.blockCipherMode ? [[row.cipher, { ...row, cipher: row.cipher }]] : [])),
)

/** Block Cipher Modes that wrap keys. */
const wraps: ReadonlyMap<Mode | undefined, WrapMechanism> = new Map(
  rowsThat('wrap').flatMap(({ kmip, wrap }) =>
    wrap === 'AES-KEY-WRAP' || wrap === 'AES-KEY-WRAP-PAD' ? [[kmip.blockCipherMode, { wrap }]] : [],
  ),
)

/** Digital Signature Algorithms that name their hash. */
const signatures: ReadonlyMap<SignatureName, { readonly scheme: 'RSA-PKCS1' | 'ECDSA'; readonly hash: HashName }> = new Map(
  rowsThat('sign').flatMap(({ kmip: { digitalSignatureAlgorithm: named }, scheme, hash }) =>
    named !== undefined && hash !== undefined && (scheme === 'RSA-PKCS1' || scheme === 'ECDSA') ? [[named, { scheme, hash }]] : [],
  ),
)

/** The hash that an HMAC key's algorithm names. */
const hmacs: ReadonlyMap<AlgorithmName, HashName> = new Map(
  rowsThat('mac').flatMap(({ keys, hash }) => (hash === undefined ? [] : keys.map((algorithm) => [algorithm, hash] as const))),
)

/** The hash of keys for an HMAC; undefined for other keys. */
export function hmacHash(algorithm: AlgorithmName): HashName | undefined {
  return hmacs.get(algorithm)
}

/** Length of a digest in bytes. */
const digestSizes: Partial<Record<HashName, number>> = Object.fromEntries(hashNames.map((hash) => [hash, hashes[hash]?.size]))

/** The hash that made a digest of so many bytes, for Digested Data that comes without a Hashing Algorithm: the usual one of that length. */
const hashOfLength: ReadonlyMap<number, HashName> = new Map([...hashNames].reverse().map((hash) => [hashes[hash]!.size, hash]))

const nothing = new Uint8Array()
/** Bytes of a nonce that the server makes (RFC 8439 §2.3). */
const chachaNonce = 12
const fullTag = 16

/**
 * How long an IV the server must make for these parameters, in bytes; 0 where none is needed.
 * @throws KmipError BadCryptographicParameters for an IV Length that a random IV must not have.
 */
export function ivLength(type: KeyType, parameters: Parameters): number {
  if (type.algorithm === 'ChaCha20' || type.algorithm === 'ChaCha20Poly1305') return chachaNonce
  const { blockCipherMode: mode, ivLength: bits } = parameters
  const rule = mode === undefined || type.algorithm === 'RSA' ? 'none' : modes.get(mode)?.iv
  if (rule === undefined || rule === 'none') return 0
  if (rule === 'block') return blockSizes[type.algorithm] ?? 0
  return bits === undefined ? rule : randomIvLength(mode === 'CCM' ? 'CCM' : 'GCM', bits)
}

/** In bits. A random IV of GCM has 96 bits at least (SP 800-38D §8.2.2), and OpenSSL takes no more than 1,024; a nonce of CCM 56 to 104 (SP 800-38C). */
const randomIvs = { GCM: [96, 1024], CCM: [56, 104] } as const

function randomIvLength(mode: keyof typeof randomIvs, bits: number): number {
  const [least, most] = randomIvs[mode]
  if (bits >= least && bits <= most && bits % 8 === 0) return bits / 8
  throw bad(`The IV Length says ${bits} bits; an IV that is made here for ${mode} has ${least} to ${most}, a multiple of 8.`)
}

/**
 * The mechanism for Encrypt, Decrypt and key wrapping with a cipher. `iv` is the request's, or the one just made.
 * @throws KmipError BadCryptographicParameters, UnsupportedCryptographicParameters, InvalidMessage (no IV), GeneralFailure (tag length).
 */
export function cipherMechanism(
  type: KeyType,
  parameters: Parameters,
  iv: Uint8Array | undefined,
  additionalData: Uint8Array | undefined,
  tagLength: number | undefined = parameters.tagLength,
): CipherMechanism {
  if (type.algorithm === 'RSA') return rsaMechanism(parameters)
  if (type.algorithm === 'ChaCha20' || type.algorithm === 'ChaCha20Poly1305')
    return chachaMechanism(type, parameters, iv, additionalData, tagLength)
  const mode = checkedMode(type, parameters)
  if (mode === 'ECB') return { cipher: mode, padding: padding(parameters) }
  // The official cases (CS-BC-M-11 to 13) want Invalid Message, not Missing Initialization Vector.
  if (iv === undefined)
    throw new KmipError('InvalidMessage', `${type.algorithm} in mode ${mode} needs the IV/Counter/Nonce, and none was given.`)
  if (mode === 'CBC') return { cipher: mode, padding: padding(parameters), iv }
  if (mode === 'CTR') return counterMechanism(type, parameters, iv)
  if (mode === 'CFB' || mode === 'OFB' || mode === 'XTS') return { cipher: mode, iv }
  if (mode === 'CCM') return { cipher: mode, iv, additionalData: additionalData ?? nothing, tagLength: ccmTagLength(tagLength) }
  return { cipher: mode, iv, additionalData: additionalData ?? nothing, tagLength: checkedTagLength(tagLength ?? fullTag) }
}

/** The mechanism that wraps keys with a key of this type (KMIP 2.1 §3.3). GCM and CCM are not among them: the standard has no place for their tag; nor XTS, which is for storage, and RSA without padding. */
export function wrapMechanism(type: KeyType, parameters: Parameters, iv: Uint8Array | undefined): WrapMechanism {
  const { blockCipherMode: mode } = parameters
  const wrap = mode === undefined ? undefined : wraps.get(mode)
  if (wrap !== undefined) return wrap
  if (mode === 'GCM' || mode === 'CCM' || mode === 'XTS')
    throw unsupported(`${mode} does not wrap keys. Use NISTKeyWrap or AESKeyWrapPadding.`)
  if (type.algorithm === 'RSA' && parameters.paddingMethod === 'None')
    throw unsupported('RSA without padding does not wrap keys. Use OAEP.')
  return cipherMechanism(type, parameters, iv, undefined)
}

/**
 * The mechanism for Sign and Signature Verify. Without a Salt Length the salt is as long as the digest (RFC 8017 §9.1), and without a mask
 * hash MGF1 uses the hash of the message, as the official signature of CS-AC-M-2 does.
 * @throws KmipError BadCryptographicParameters, UnsupportedCryptographicParameters.
 */
export function signMechanism(type: KeyType, parameters: Parameters, digested: Uint8Array | undefined): SignMechanism {
  const { digitalSignatureAlgorithm: named, paddingMethod } = parameters
  const isDigested = digested !== undefined
  if (named !== undefined && named !== 'RSASSA_PSS') {
    const known = signatures.get(named)
    if (known === undefined) throw unsupported(`The Digital Signature Algorithm ${named} is not supported.`)
    return { ...known, digested: isDigested }
  }
  if (isEdwards(type)) {
    if (isDigested) throw unsupported('Ed25519 and Ed448 sign the data itself, not a digest of it (RFC 8032). Send the Data.')
    return { scheme: 'EdDSA' }
  }
  const hash = parameters.hashingAlgorithm ?? (digested && hashOfLength.get(digested.length))
  if (hash === undefined) throw bad('The Cryptographic Parameters name no Hashing Algorithm, and the key has none of its own.')
  if (type.algorithm !== 'RSA') return { scheme: 'ECDSA', hash, digested: isDigested }
  if (named === undefined && (paddingMethod === undefined || paddingMethod === 'PKCS1V1_5'))
    return { scheme: 'RSA-PKCS1', hash, digested: isDigested }
  if (named === undefined && paddingMethod !== 'PSS')
    throw unsupported(`RSA signatures with padding ${paddingMethod} are not supported. Use PSS or PKCS1V1_5.`)
  const { saltLength = digestSizes[hash] ?? 0, maskGeneratorHashingAlgorithm: maskHash = hash } = parameters
  return { scheme: 'RSA-PSS', hash, maskHash, saltLength, digested: isDigested }
}

/**
 * The mechanisms that a signature may have been made with: where no Salt Length is given, a verifier takes the usual ones (the digest's
 * length, the longest that fits, none), since PKCS #11 devices must be told.
 */
export function verifyMechanisms(type: KeyType, parameters: Parameters, digested: Uint8Array | undefined): readonly SignMechanism[] {
  const mechanism = signMechanism(type, parameters, digested)
  if (mechanism.scheme !== 'RSA-PSS' || parameters.saltLength !== undefined) return [mechanism]
  const longest = Math.ceil((type.length - 1) / 8) - (digestSizes[mechanism.hash] ?? 0) - 2
  return [mechanism, { ...mechanism, saltLength: Math.max(longest, 0) }, { ...mechanism, saltLength: 0 }]
}

/**
 * The mechanism for MAC: by the algorithm of the parameters, or of the key. An AES key may serve HMAC too (CS-AC-M-4).
 * @throws KmipError UnsupportedCryptographicParameters.
 */
export function macMechanism(type: KeyType, parameters: Parameters): MacMechanism {
  const algorithm = parameters.cryptographicAlgorithm ?? type.algorithm
  const hash = hmacs.get(algorithm) ?? (parameters.cryptographicAlgorithm === undefined ? parameters.hashingAlgorithm : undefined)
  if (hash !== undefined) return { mac: 'HMAC', hash }
  const mode = parameters.blockCipherMode ?? 'CMAC'
  if (blockSizes[algorithm] !== undefined && algorithm === type.algorithm && mode === 'CMAC') return { mac: 'CMAC' }
  if (mode === 'GCM')
    throw unsupported(
      'GMAC needs an IV, for which MAC has no field. Encrypt empty Data in mode GCM instead: the tag is the GMAC of the additional data.',
    )
  throw unsupported(
    `${type.algorithm} makes no MAC with these parameters. Name an HMAC algorithm, or use an AES key with Block Cipher Mode CMAC.`,
  )
}

/**
 * MGF1 uses the hash of OAEP where no other is named. KMIP 2.1 §4.16 would have SHA-1; but before 1.4 no client could name it, libraries take
 * the same hash for both, and so do the official PSS signatures.
 */
function rsaMechanism(parameters: Parameters): CipherMechanism {
  switch (parameters.paddingMethod) {
    case 'OAEP': {
      const { hashingAlgorithm: hash = 'SHA_1', maskGeneratorHashingAlgorithm: maskHash = hash, pSource: label = nothing } = parameters
      return { cipher: 'RSA-OAEP', hash, maskHash, label }
    }
    case 'PKCS1V1_5':
      return { cipher: 'RSA-PKCS1' }
    case 'None':
      return { cipher: 'RSA-RAW' }
    case undefined:
      throw bad('RSA needs a Padding Method: OAEP, PKCS1V1_5 or None.')
    default:
      throw unsupported(`RSA encryption with padding ${parameters.paddingMethod} is not supported. Use OAEP or PKCS1V1_5.`)
  }
}

/** ChaCha20 has no Block Cipher Mode; ChaCha20-Poly1305 is asked for as AEAD (KMIP 2.1, case CS-BC-M-CHACHA20POLY1305-1), or not at all. */
function chachaMechanism(
  { algorithm }: KeyType,
  parameters: Parameters,
  iv: Uint8Array | undefined,
  additionalData: Uint8Array | undefined,
  tagLength: number | undefined,
): CipherMechanism {
  const isAead = algorithm === 'ChaCha20Poly1305'
  const { blockCipherMode: mode, cryptographicAlgorithm: named, initialCounterValue } = parameters
  if (named !== undefined && named !== algorithm) throw bad(`The Cryptographic Parameters say ${named}, but the key is of ${algorithm}.`)
  if (mode !== undefined && !(isAead && mode === 'AEAD'))
    throw unsupported(`Block Cipher Mode ${mode} does not go with ${algorithm}; name none.`)
  if (iv === undefined) throw new KmipError('InvalidMessage', `${algorithm} needs the IV/Counter/Nonce, and none was given.`)
  if (!isAead) return { cipher: 'ChaCha20', iv, counter: initialCounterValue ?? 0 }
  return { cipher: 'ChaCha20-Poly1305', iv, additionalData: additionalData ?? nothing, tagLength: checkedTagLength(tagLength ?? fullTag) }
}

function checkedMode(type: KeyType, parameters: Parameters): BlockCipher {
  const { blockCipherMode: mode, cryptographicAlgorithm: algorithm } = parameters
  if (algorithm !== undefined && algorithm !== type.algorithm)
    throw bad(`The Cryptographic Parameters say ${algorithm}, but the key is of ${type.algorithm}.`)
  if (blockSizes[type.algorithm] === undefined) throw unsupported(`Keys of ${type.algorithm} do not encrypt or decrypt here.`)
  if (mode === undefined)
    throw bad('Neither the request nor the key’s Cryptographic Parameters name a Block Cipher Mode: GCM, for example.')
  const cipher = modes.get(mode)?.cipher
  if (cipher !== undefined) return cipher
  throw unsupported(`Block Cipher Mode ${mode} does not encrypt here. Use ${[...modes.keys()].join(', ')}.`)
}

function padding({ paddingMethod }: Parameters): 'None' | 'PKCS5' {
  if (paddingMethod === undefined || paddingMethod === 'None') return 'None'
  if (paddingMethod === 'PKCS5') return paddingMethod
  throw unsupported(`Padding Method ${paddingMethod} is not supported with a block cipher. Use PKCS5 or None.`)
}

/** A nonce shorter than a block is followed by the counter, which begins at Initial Counter Value (RFC 3686). */
function counterMechanism(type: KeyType, parameters: Parameters, nonce: Uint8Array): CipherMechanism {
  const block = blockSizes[type.algorithm] ?? nonce.length
  const { initialCounterValue, counterLength } = parameters
  const iv = initialCounterValue === undefined || nonce.length >= block ? nonce : withCounter(nonce, block, initialCounterValue)
  return counterLength === undefined ? { cipher: 'CTR', iv } : { cipher: 'CTR', iv, counterBits: counterLength }
}

function withCounter(nonce: Uint8Array, block: number, start: number): Uint8Array {
  const iv = new Uint8Array(block)
  let rest = start
  for (let at = block - 1; at >= nonce.length && rest > 0; at--) {
    iv[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  if (rest > 0 || start < 0)
    throw bad(`The Initial Counter Value ${start} does not fit the ${block - nonce.length} bytes that the nonce leaves.`)
  iv.set(nonce)
  return iv
}

/** SP 800-38D §5.2.1.2. The official case CS-BC-M-GCM-1 wants General Failure for other lengths. */
function checkedTagLength(bytes: number): number {
  if (bytes >= 12 && bytes <= fullTag) return bytes
  throw new KmipError('GeneralFailure', `An authentication tag has 12 to ${fullTag} bytes; the Tag Length says ${bytes}.`)
}

/** The length of CCM's tag goes into all of it, so there is none to assume (SP 800-38C §5.2). */
function ccmTagLength(bytes: number | undefined): number {
  if (bytes !== undefined) return bytes
  throw bad('CCM needs a Tag Length in the Cryptographic Parameters: 4, 6, 8, 10, 12, 14 or 16 bytes.')
}

/** Ed25519 and Ed448 keys sign the data itself; clients may call them EC or ECDSA. */
function isEdwards({ algorithm, curve }: KeyType): boolean {
  return algorithm === 'Ed25519' || algorithm === 'Ed448' || curve === 'CURVE25519' || curve === 'CURVE448'
}

function bad(message: string): KmipError {
  return new KmipError('BadCryptographicParameters', message)
}

function unsupported(message: string): KmipError {
  return new KmipError('UnsupportedCryptographicParameters', message)
}
