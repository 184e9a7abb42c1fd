import { curves } from './curves.ts'
import { hashes, hashNames } from './hashes.ts'
import type { Asked, MechanismRow, SoftwareWay, TokenWay } from './mechanism-row.ts'
import type { AlgorithmName, CurveName, DeriveMechanism, HashName, MechanismName } from './partition.ts'
import { ckf, ckk, ckm } from './pkcs11/constants.ts'
import { symmetricKeys } from './symmetric-lengths.ts'

export type { MechanismRow, SoftwareWay, TokenWay }

type CipherRow = Extract<MechanismRow, { does: 'encrypt' }>

const aes = (mode: string) => ({ ciphers: { 16: `aes-128-${mode}`, 24: `aes-192-${mode}`, 32: `aes-256-${mode}` } })
const encrypting = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay[] => [{ mechanism, flag: ckf.ENCRYPT, ...more }]

function blockCipher(
  algorithm: 'AES' | 'DES3',
  cipher: Exclude<CipherRow['cipher'], `RSA${string}` | `ChaCha20${string}`>,
  more: Pick<CipherRow, 'iv' | 'software'> & { readonly name?: string; readonly token?: TokenWay[] },
): CipherRow {
  return { name: `${algorithm}-${cipher}`, does: 'encrypt', keys: [algorithm], cipher, kmip: { blockCipherMode: cipher }, ...more }
}

/**
 * Encrypt and Decrypt. The IV that the server makes is what SP 800-38D §8.2 recommends for GCM, for CCM what RFC 5116 §5.3 does. CFB is that of whole
 * blocks: KMIP names no segment, and that is what other servers and most libraries mean by CFB alone.
 */
const cipherRows: readonly CipherRow[] = [
  blockCipher('AES', 'ECB', { iv: 'none', software: aes('ecb'), token: encrypting(ckm.AES_ECB) }),
  blockCipher('AES', 'CBC', {
    iv: 'block',
    software: aes('cbc'),
    token: encrypting(ckm.AES_CBC, { padded: ckm.AES_CBC_PAD, parameter: 'iv' }),
  }),
  blockCipher('AES', 'CTR', { iv: 'block', software: aes('ctr'), token: encrypting(ckm.AES_CTR, { parameter: 'counter' }) }),
  blockCipher('AES', 'CFB', {
    name: 'AES-CFB128',
    iv: 'block',
    software: aes('cfb'),
    token: encrypting(ckm.AES_CFB128, { parameter: 'iv' }),
  }),
  blockCipher('AES', 'OFB', { iv: 'block', software: aes('ofb'), token: encrypting(ckm.AES_OFB, { parameter: 'iv' }) }),
  // Two keys in one: XTS of AES-128 and of AES-256. Modules that have it have a key type of its own for them.
  blockCipher('AES', 'XTS', { iv: 'block', software: { ciphers: { 32: 'aes-128-xts', 64: 'aes-256-xts' } } }),
  blockCipher('AES', 'GCM', { iv: 12, software: aes('gcm'), token: encrypting(ckm.AES_GCM, { parameter: 'gcm' }) }),
  blockCipher('AES', 'CCM', { iv: 12, software: aes('ccm'), token: encrypting(ckm.AES_CCM, { parameter: 'ccm' }) }),
  blockCipher('DES3', 'ECB', {
    iv: 'none',
    software: { ciphers: { 16: 'des-ede', 24: 'des-ede3' } },
    token: encrypting(ckm.DES3_ECB),
  }),
  blockCipher('DES3', 'CBC', {
    iv: 'block',
    software: { ciphers: { 16: 'des-ede-cbc', 24: 'des-ede3-cbc' } },
    token: encrypting(ckm.DES3_CBC, { padded: ckm.DES3_CBC_PAD, parameter: 'iv' }),
  }),
  // A nonce that the server makes has 12 bytes (RFC 8439 §2.3). PKCS #11's own mechanisms of ChaCha20 have parameters that the binding cannot build: NSS's own
  // for the cipher alone has no pointers, and that with a tag has the layout of one that it builds.
  {
    name: 'ChaCha20',
    does: 'encrypt',
    keys: ['ChaCha20'],
    cipher: 'ChaCha20',
    kmip: {},
    iv: 12,
    software: { ciphers: { 32: 'chacha20' } },
    token: encrypting(ckm.NSS_CHACHA20_CTR, { parameter: 'chacha20', keyType: ckk.NSS_CHACHA20 }),
  },
  {
    name: 'ChaCha20-Poly1305',
    does: 'encrypt',
    keys: ['ChaCha20Poly1305'],
    cipher: 'ChaCha20-Poly1305',
    kmip: { blockCipherMode: 'AEAD' },
    iv: 12,
    software: { ciphers: { 32: 'chacha20-poly1305' } },
    token: encrypting(ckm.NSS_CHACHA20_POLY1305, { parameter: 'nssAead', keyType: ckk.NSS_CHACHA20 }),
  },
  rsaCipher('RSA-OAEP', 'OAEP', 'always', encrypting(ckm.RSA_PKCS_OAEP, { parameter: 'oaep' })),
  rsaCipher('RSA-PKCS1', 'PKCS1V1_5', 'with implicit rejection', encrypting(ckm.RSA_PKCS)),
  { ...rsaCipher('RSA-PKCS1', 'PKCS1V1_5', 'without implicit rejection'), name: 'RSA-PKCS1-ENCRYPT' },
  rsaCipher('RSA-RAW', 'None', 'always', encrypting(ckm.RSA_X_509)),
]

function rsaCipher(
  cipher: Extract<CipherRow['cipher'], `RSA${string}`>,
  paddingMethod: Asked['paddingMethod'],
  software: SoftwareWay,
  token?: TokenWay[],
): CipherRow {
  return { name: cipher, does: 'encrypt', keys: ['RSA'], cipher, kmip: { paddingMethod }, iv: 'none', software, ...(token && { token }) }
}

const keyWrap = (size: string) => ({ ciphers: { 16: `id-aes128-wrap${size}`, 24: `id-aes192-wrap${size}`, 32: `id-aes256-wrap${size}` } })
const wrapping = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay => ({ mechanism, flag: ckf.WRAP, ...more })

/** What encrypts and cannot be asked to wrap: KMIP has no place for the tag of GCM and CCM, XTS is for storage, and RSA without padding for neither. */
const neverWraps: ReadonlySet<CipherRow['name']> = new Set(['AES-GCM', 'AES-CCM', 'AES-XTS', 'RSA-RAW', 'RSA-PKCS1-ENCRYPT'])

/** Key wrapping (KMIP 2.1 §3.3). What encrypts wraps in software too, but for a few. */
const wrapRows: readonly MechanismRow[] = [
  {
    name: 'WRAP-AES-KEY-WRAP',
    does: 'wrap',
    keys: ['AES'],
    wrap: 'AES-KEY-WRAP',
    kmip: { blockCipherMode: 'NISTKeyWrap' },
    software: keyWrap(''),
    token: [wrapping(ckm.AES_KEY_WRAP)],
  },
  {
    name: 'WRAP-AES-KEY-WRAP-PAD',
    does: 'wrap',
    keys: ['AES'],
    wrap: 'AES-KEY-WRAP-PAD',
    kmip: { blockCipherMode: 'AESKeyWrapPadding' },
    software: keyWrap('-pad'),
    // Some tokens mean another padding by one of them: which one is found out when the partition is opened.
    token: [wrapping(ckm.AES_KEY_WRAP_PAD), wrapping(ckm.AES_KEY_WRAP_KWP)],
  },
  ...cipherRows.filter(({ name }) => !neverWraps.has(name)).map(wrapRowOf),
]

function wrapRowOf({ name, cipher, keys, kmip, software, token }: CipherRow): MechanismRow {
  const ways = cipher.startsWith('RSA')
    ? token?.map(({ mechanism, parameter }) => wrapping(mechanism, parameter && { parameter }))
    : undefined
  return { name: `WRAP-${name}`, does: 'wrap', wrap: cipher, keys, kmip, ...(software && { software }), ...(ways && { token: ways }) }
}

const signing = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay => ({ mechanism, flag: ckf.SIGN, ...more })

/** Sign, Signature Verify, MAC and Hash by a hash. A token hashes, then signs the digest: it needs no mechanism that does both. */
function hashRows(hash: HashName): readonly MechanismRow[] {
  const { node, token, hmacKey, rsa, ecdsa } = hashes[hash]!
  const software = { hash: node }
  const digest = { mechanism: token.digest, flag: ckf.DIGEST }
  const kmip = { hashingAlgorithm: hash }
  const signature = (name?: Asked['digitalSignatureAlgorithm']) => (name === undefined ? kmip : { digitalSignatureAlgorithm: name })
  const pss = token.mgf === undefined ? undefined : [signing(ckm.RSA_PKCS_PSS, { parameter: 'pss', also: digest })]
  return [
    { name: `HASH-${hash}`, does: 'hash', hash, keys: [], kmip, software, token: [digest] },
    { name: `HMAC-${hash}`, does: 'mac', mac: 'HMAC', hash, keys: hmacKey ? [hmacKey] : [], kmip, software, token: [signing(token.hmac)] },
    {
      name: `RSA-PKCS1-${hash}`,
      does: 'sign',
      scheme: 'RSA-PKCS1',
      hash,
      keys: ['RSA'],
      kmip: signature(rsa),
      software,
      token: [signing(ckm.RSA_PKCS, { also: digest })],
    },
    {
      name: `RSA-PSS-${hash}`,
      does: 'sign',
      scheme: 'RSA-PSS',
      hash,
      keys: ['RSA'],
      kmip: { ...kmip, digitalSignatureAlgorithm: 'RSASSA_PSS', paddingMethod: 'PSS' },
      software,
      ...(pss && { token: pss }),
    },
    {
      name: `ECDSA-${hash}`,
      does: 'sign',
      scheme: 'ECDSA',
      hash,
      keys: curveAlgorithms,
      kmip: signature(ecdsa),
      software,
      token: [signing(ckm.ECDSA, { also: digest })],
    },
  ]
}

const deriving = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay => ({ mechanism, flag: ckf.DERIVE, ...more })

/** Ciphers without a tag. */
const encryptsForDerivation: ReadonlySet<CipherRow['cipher']> = new Set<CipherRow['cipher']>(['ECB', 'CBC', 'CTR', 'CFB', 'OFB'])

/** The binding has no parameter for the mechanisms of ECB. */
const encryptDataWays: Readonly<Record<MechanismName, readonly TokenWay[]>> = {
  'AES-CBC': [deriving(ckm.AES_CBC_ENCRYPT_DATA, { parameter: 'aesData' })],
  'DES3-CBC': [deriving(ckm.DES3_CBC_ENCRYPT_DATA, { parameter: 'desData' })],
}

/** What Create Key Pair may ask of a curve: KMIP 1.0 says ECDSA or ECDH, later versions EC. */
export const curveAlgorithms: readonly AlgorithmName[] = ['EC', 'ECDSA', 'ECDH']

/** Signatures and MACs that name no hash. */
const plainRows: readonly MechanismRow[] = [
  {
    name: 'EdDSA',
    does: 'sign',
    scheme: 'EdDSA',
    keys: ['Ed25519', 'Ed448'],
    kmip: {},
    software: 'always',
    token: [signing(ckm.EDDSA)],
  },
  // node:crypto does not offer it.
  { name: 'CMAC', does: 'mac', mac: 'CMAC', keys: ['AES'], kmip: { blockCipherMode: 'CMAC' }, token: [signing(ckm.AES_CMAC)] },
  { name: 'DES3-CMAC', does: 'mac', mac: 'CMAC', keys: ['DES3'], kmip: { blockCipherMode: 'CMAC' }, token: [signing(ckm.DES3_CMAC)] },
  // GMAC is GCM with nothing encrypted, and its tag. MAC has no field for its IV, so KMIP asks for it as GCM.
  { name: 'GMAC', does: 'mac', mac: 'GMAC', keys: ['AES'], kmip: {}, software: 'always', token: encrypting(ckm.AES_GCM) },
]

/** Derive Key. The keys that a method takes are named where it does not take secret values of all sorts. */
const deriveRows: readonly MechanismRow[] = [
  ...hashNames.map((hash): MechanismRow => {
    const { node, token } = hashes[hash]!
    const ways = token.derive === undefined ? [] : [deriving(token.derive)]
    return {
      name: `DERIVE-HASH-${hash}`,
      does: 'derive',
      derive: 'HASH',
      keys: [],
      kmip: { derivationMethod: 'HASH', hashingAlgorithm: hash },
      software: { hash: node },
      token: ways,
    }
  }),
  deriveRow('HMAC', 'HMAC'),
  deriveRow('PBKDF2', 'PBKDF2'),
  deriveRow('HKDF', 'HKDF'),
  deriveRow('SP800-108-C', 'NIST800_108_C'),
  deriveRow('SP800-108-F', 'NIST800_108_F'),
  deriveRow('SP800-108-DPI', 'NIST800_108_DPI'),
  { ...deriveRow('ECDH', 'AsymmetricKey'), keys: curveAlgorithms, token: [deriving(ckm.ECDH1_DERIVE, { parameter: 'ecdh' })] },
  ...cipherRows.filter(({ cipher }) => encryptsForDerivation.has(cipher)).map(encryptRowOf),
]

function deriveRow(derive: DeriveMechanism['derive'], derivationMethod: NonNullable<Asked['derivationMethod']>): MechanismRow {
  return { name: `DERIVE-${derive}`, does: 'derive', derive, keys: [], kmip: { derivationMethod }, software: 'always' }
}

function encryptRowOf({ name, keys, kmip, software }: CipherRow): MechanismRow {
  const ways = encryptDataWays[name]
  return {
    name: `DERIVE-ENCRYPT-${name}`,
    does: 'derive',
    derive: 'ENCRYPT',
    keys,
    kmip: { ...kmip, derivationMethod: 'ENCRYPT' },
    ...(software && { software }),
    ...(ways && { token: ways }),
  }
}

const making = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay => ({ mechanism, flag: ckf.GENERATE, ...more })
const makingPair = (mechanism: number, more: Partial<TokenWay> = {}): TokenWay => ({ mechanism, flag: ckf.GENERATE_KEY_PAIR, ...more })

/** Secret keys that are not generic secrets to a token. */
const ownKeys: Partial<Record<AlgorithmName, readonly TokenWay[]>> = {
  AES: [making(ckm.AES_KEY_GEN, { keyType: ckk.AES })],
  DES3: [making(ckm.DES3_KEY_GEN, { keyType: ckk.DES3 })],
  ChaCha20: [making(ckm.NSS_CHACHA20_KEY_GEN, { keyType: ckk.NSS_CHACHA20 })],
  ChaCha20Poly1305: [making(ckm.NSS_CHACHA20_KEY_GEN, { keyType: ckk.NSS_CHACHA20 })],
}
const genericSecret = [making(ckm.GENERIC_SECRET_KEY_GEN, { keyType: ckk.GENERIC_SECRET })]

function pairRow(algorithm: AlgorithmName, curve: 'Ed25519' | 'Ed448' | 'X25519' | 'X448', token: readonly TokenWay[]): MechanismRow {
  return { name: `GENERATE-${curve}`, does: 'generate', keys: [algorithm], kmip: {}, software: 'always', token }
}

const edwards = [makingPair(ckm.EC_EDWARDS_KEY_PAIR_GEN, { keyType: ckk.EC_EDWARDS })]
// SoftHSM makes these too by the mechanism for Edwards curves.
const montgomery = [makingPair(ckm.EC_MONTGOMERY_KEY_PAIR_GEN, { keyType: ckk.EC_MONTGOMERY }), ...edwards]

const generateRows: readonly MechanismRow[] = [
  ...(Object.keys(symmetricKeys) as AlgorithmName[]).map(
    (algorithm): MechanismRow => ({
      name: `GENERATE-${algorithm}`,
      does: 'generate',
      keys: [algorithm],
      kmip: {},
      software: 'always',
      token: ownKeys[algorithm] ?? genericSecret,
    }),
  ),
  { name: 'GENERATE-AES-512', does: 'generate', keys: ['AES'], kmip: {}, software: 'always' },
  {
    name: 'GENERATE-RSA',
    does: 'generate',
    keys: ['RSA'],
    kmip: {},
    software: 'always',
    token: [makingPair(ckm.RSA_PKCS_KEY_PAIR_GEN, { keyType: ckk.RSA })],
  },
  pairRow('Ed25519', 'Ed25519', edwards),
  pairRow('Ed448', 'Ed448', edwards),
  pairRow('ECDH', 'X25519', montgomery),
  pairRow('ECDH', 'X448', montgomery),
  ...(Object.keys(curves) as CurveName[]).map((curve): MechanismRow => {
    const { node, bits } = curves[curve]!
    return {
      name: `GENERATE-EC-${curve}`,
      does: 'generate',
      keys: curveAlgorithms,
      kmip: {},
      software: { curve: node },
      token: [makingPair(ckm.EC_KEY_PAIR_GEN, { keyType: ckk.EC, bits })],
    }
  }),
]

/**
 * Every mechanism that Tresor knows: the one place where KMIP's parameters, OpenSSL's names and PKCS #11's numbers meet. What a partition has of
 * them is a fact of its device; it is read when the partition is opened.
 */
export const mechanismTable: readonly MechanismRow[] = [
  ...cipherRows,
  ...wrapRows,
  ...plainRows,
  ...hashNames.flatMap(hashRows),
  ...deriveRows,
  ...generateRows,
]

export type RowOf<D extends MechanismRow['does']> = Extract<MechanismRow, { does: D }>

/** The rows that do something, in the table's order. */
export function rowsThat<D extends MechanismRow['does']>(does: D): readonly RowOf<D>[] {
  return mechanismTable.filter((row): row is RowOf<D> => row.does === does)
}

const byName: ReadonlyMap<MechanismName, MechanismRow> = new Map(mechanismTable.map((row) => [row.name, row]))

/** The row of a name; undefined for what no partition has. */
export function rowNamed(name: MechanismName): MechanismRow | undefined {
  return byName.get(name)
}
