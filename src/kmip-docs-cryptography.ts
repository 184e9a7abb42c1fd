import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { type EnumerationName, type EnumerationValue, enumerations, type ValueRow } from '../spec/enumerations.ts'
import { isWithin, servedVersions } from '../spec/versions.ts'
import { span, table } from './kmip-docs-tables.ts'
import { curves } from './objects/curves.ts'
import { fromPlain, type KeyFormat, type KeyObjectType, type PlainValue, toPlain } from './objects/key-formats/index.ts'
import { mostIterations } from './operations/derive-mechanism.ts'
import { cipherMechanism, macMechanism, type Parameters, signMechanism, wrapMechanism } from './operations/mechanisms.ts'
import { rowNamed, rowsThat } from './partitions/mechanism-table.ts'
import { cipherName, generateName, macName, signName, wrapName } from './partitions/mechanisms.ts'
import type { AlgorithmName, KeyType, MechanismName } from './partitions/partition.ts'
import { softwareMechanisms } from './partitions/software/mechanisms.ts'
import { symmetricKeys } from './partitions/symmetric-lengths.ts'

/** The parts of docs/kmip.md about keys and mechanisms, found by asking the code what it takes. */
export function describeCryptography(): string {
  return `## Keys that are made

| asked for | lengths in bits, or curves | software | PKCS #11 |
|---|---|---|---|
${madeKeys().join('\n')}

3DES is made and used for a tenant that allows it (\`tresor tenant set NAME --3des allow\`), and refused otherwise. On a token, vendor attribute \`Resident\` of
\`Tresor\` asks for a key that never leaves it: [hsm.md](hsm.md#resident-keys).

## Key formats

A symmetric key or a key pair is kept as what it is, and can be had in each of these formats whatever it came in. Anything else (Secret Data, Split Keys, PGP Keys,
Opaque, DSA and DH keys, encrypted PKCS #8) is given back in the format it came in. X.509 and PKCS #10 stand for themselves.

${keyFormats()}

## Cryptographic Parameters and mechanisms

The mechanism that a request comes to, by the key's algorithm and the Cryptographic Parameters of the request or the key. What a partition has is a fact of its
device: \`tresor partition show NAME\`. Below, "yes" for a software partition is what Node.js itself brings; "if the token has it" for PKCS #11.

### Encrypt and Decrypt

${ciphers()}

A software partition takes PKCS #1 v1.5 padding off only where the OpenSSL of Node.js does it without telling good padding from bad (Node.js 24); else it
encrypts with it and does not decrypt. Only ECB and CBC are padded; without an IV in the request of Encrypt, Random IV asks for one.

CFB works in segments of a whole block: KMIP names no segment length, and CFB alone means that to most libraries. XTS takes a key of twice the
length (AES of 256 bits for XTS-AES-128, of 512 bits for XTS-AES-256) whose halves differ, the tweak as the IV, and one data unit of 16 bytes to 16 MiB. CCM needs a
Tag Length (4, 6, 8, 10, 12, 14 or 16 bytes) and takes a nonce of 7 to 13 bytes. XTS and CCM take their data whole, not in parts.

### Wrapping and unwrapping keys (Get, Register)

${wraps()}

### Sign and Signature Verify

${signatures()}

### MAC

${macs()}

### Derive Key

${derivations()}

A new key is the beginning of what the method gives; one that is longer is refused. HASH is of the one object's value, HMAC and HKDF take the object as the key
and Derivation Data, or a second object that is Secret Data, as the data. ENCRYPT without an Initialization Vector takes zeros; modes with a tag do not derive. In
the methods of SP 800-108 the number of a block stands before Derivation Data, and the length of the output in bits after it, both 32 bits long. PBKDF2 takes ${mostIterations.toLocaleString('en')}
iterations at most. Key agreement takes a private and a public key of one curve, and gives the shared secret as it is; tokens give all of it only.

### Hash

${table(
  ['Hashing Algorithm', 'mechanism', 'software', 'PKCS #11'],
  names('HashingAlgorithm')
    .map((hash) => [hash, `HASH-${hash}`] as const)
    .filter(([, name]) => software.has(name))
    .map(([hash, name]) => [shown('HashingAlgorithm', hash), ...had(name)]),
)}`
}

const software = softwareMechanisms()
const bytes = new Uint8Array(16)
/** Bytes of a tag that every authenticated mode takes. */
const fullTag = 16

function had(name: MechanismName): [string, string, string] {
  const inSoftware = name.endsWith('RSA-PKCS1') ? 'with Node.js 24' : software.has(name) ? 'yes' : 'no'
  return [`\`${name}\``, inSoftware, isOnTokens(name) ? 'if the token has it' : 'no']
}

function isHad(name: MechanismName): boolean {
  return software.has(name) || isOnTokens(name)
}

function isOnTokens(name: MechanismName): boolean {
  return (rowNamed(name)?.token ?? []).length > 0
}

function names<E extends EnumerationName>(enumeration: E): EnumerationValue<E>[] {
  const rows: Readonly<Record<string, ValueRow>> = enumerations[enumeration]
  return Object.keys(rows).filter((name) => {
    const { since, until } = rows[name] as ValueRow
    return servedVersions.some((version) => isWithin(version, since, until))
  }) as EnumerationValue<E>[]
}

function shown<E extends EnumerationName>(enumeration: E, name: EnumerationValue<E>): string {
  const rows: Readonly<Record<string, ValueRow>> = enumerations[enumeration]
  return rows[name]?.name ?? name
}

/** What the function gives, or undefined where it refuses. */
function asked<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

function madeKeys(): string[] {
  const rows: [string, string, MechanismName][] = Object.entries(symmetricKeys).flatMap(([algorithm, { lengths }]) =>
    symmetricRows(algorithm as AlgorithmName, lengths),
  )
  rows.push(['RSA', '1024 to 8192, a multiple of 8', 'GENERATE-RSA'])
  rows.push(['Ed25519, or EC on its curve', 'Curve25519', 'GENERATE-Ed25519'], ['Ed448, or EC on its curve', 'Curve448', 'GENERATE-Ed448'])
  rows.push(['ECDH (X25519)', 'Curve25519', 'GENERATE-X25519'], ['ECDH (X448)', 'Curve448', 'GENERATE-X448'])
  const curveNames = Object.keys(curves) as (keyof typeof curves)[]
  rows.push(['EC, ECDSA, ECDH', curveNames.map((curve) => shown('RecommendedCurve', curve)).join(', '), 'GENERATE-EC-P_256'])
  return rows.map(([what, lengths, name]) => {
    const [, inSoftware, onToken] = had(name)
    return `| ${what} | ${lengths} | ${inSoftware} | ${onToken} |`
  })
}

/** A row for each way of making the lengths. */
function symmetricRows(
  algorithm: AlgorithmName,
  lengths: Readonly<Record<number, number>> | string,
): [what: string, lengths: string, name: MechanismName][] {
  const what = shown('CryptographicAlgorithm', algorithm)
  if (typeof lengths === 'string') return [[what, lengths, generateName({ algorithm, length: 0 })]]
  const byName = new Map<MechanismName, string[]>()
  for (const length of Object.keys(lengths)) {
    const name = generateName({ algorithm, length: Number(length) })
    byName.set(name, [...(byName.get(name) ?? []), length])
  }
  return [...byName].map(([name, group]) => [what, group.join(', '), name])
}

interface Sample {
  readonly what: string
  readonly objectType: KeyObjectType
  readonly plain: PlainValue
}

function samples(): Sample[] {
  const pair = (what: string, type: KeyType, { privateKey, publicKey }: KeyPairKeyObjectResult): Sample[] => [
    { what: `${what} private key`, objectType: 'PrivateKey', plain: { kind: 'private', type, bytes: privateKey.export(pkcs8) } },
    { what: `${what} public key`, objectType: 'PublicKey', plain: { kind: 'public', type, bytes: publicKey.export(spki) } },
  ]
  return [
    { what: 'symmetric key', objectType: 'SymmetricKey', plain: { kind: 'secret', type: { algorithm: 'AES', length: 128 }, bytes } },
    ...pair('RSA', { algorithm: 'RSA', length: 1024 }, generateKeyPairSync('rsa', { modulusLength: 1024 })),
    ...pair('EC', { algorithm: 'EC', length: 256, curve: 'P_256' }, generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    ...pair('Ed25519', { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' }, generateKeyPairSync('ed25519')),
  ]
}

const pkcs8 = { format: 'der', type: 'pkcs8' } as const
const spki = { format: 'der', type: 'spki' } as const

function keyFormats(): string {
  const rows = samples().map(({ what, objectType, plain }) => {
    const given: string[] = []
    const taken: string[] = []
    for (const format of names('KeyFormatType')) {
      const material = asked(() => fromPlain(plain, format, format))
      if (material === undefined) continue
      given.push(formatText(format))
      const claimed = { algorithm: plain.type?.algorithm, length: plain.type?.length }
      const again = asked(() => toPlain(objectType, { format, material }, claimed))
      if (again?.type !== undefined) taken.push(formatText(format))
    }
    return [what, given.join(', '), taken.join(', ') === given.join(', ') ? 'the same' : taken.join(', ')]
  })
  return table(['key', 'given as (Get)', 'taken as (Register)'], rows)
}

function formatText(format: KeyFormat): string {
  const versions = span(enumerations.KeyFormatType[format])
  return `${shown('KeyFormatType', format)}${versions === 'all' ? '' : ` (${versions})`}`
}

const keyTypes: readonly KeyType[] = [
  { algorithm: 'AES', length: 256 },
  { algorithm: 'DES3', length: 168 },
  { algorithm: 'ChaCha20', length: 256 },
  { algorithm: 'ChaCha20Poly1305', length: 256 },
  { algorithm: 'RSA', length: 2048 },
]

/** Every Block Cipher Mode and Padding Method that may be asked for, none included. */
function choices(): Parameters[] {
  const modes = [undefined, ...names('BlockCipherMode')]
  return modes.flatMap((mode) =>
    [undefined, ...names('PaddingMethod')].map((padding) => ({
      ...(mode === undefined ? {} : { blockCipherMode: mode }),
      ...(padding === undefined ? {} : { paddingMethod: padding }),
    })),
  )
}

/** One row for each mechanism, with the parameters that lead to it; of the paddings, all that it takes. */
function mechanismRows(mechanismOf: (type: KeyType, parameters: Parameters) => string | undefined): string {
  const found = new Map<string, { type: KeyType; modes: Set<string>; paddings: Set<string>; name: string }>()
  for (const type of keyTypes) {
    for (const parameters of choices()) {
      const name = mechanismOf(type, parameters)
      if (name === undefined || !isHad(name)) continue
      // RSA has no modes; a mode beside it is not looked at.
      if (type.algorithm === 'RSA' && parameters.blockCipherMode !== undefined) continue
      const { blockCipherMode: mode, paddingMethod: padding } = parameters
      const row = found.get(`${type.algorithm} ${name}`) ?? { type, modes: new Set(), paddings: new Set(), name }
      found.set(`${type.algorithm} ${name}`, row)
      row.modes.add(mode === undefined ? '' : shown('BlockCipherMode', mode))
      row.paddings.add(padding === undefined ? '' : shown('PaddingMethod', padding))
    }
  }
  const every = names('PaddingMethod').length
  return table(
    ['key', 'Block Cipher Mode', 'Padding Method', 'mechanism', 'software', 'PKCS #11'],
    [...found.values()].map(({ type, modes, paddings, name }) => [
      shown('CryptographicAlgorithm', type.algorithm),
      [...modes].map((mode) => mode || 'none').join(', '),
      paddings.size > every ? '' : [...paddings].filter((padding) => padding !== '' || paddings.size === 1).join(', '),
      ...had(name),
    ]),
  )
}

function ciphers(): string {
  return mechanismRows((type, parameters) =>
    asked(() => cipherName(type.algorithm, cipherMechanism(type, parameters, bytes, undefined, fullTag))),
  )
}

function wraps(): string {
  return mechanismRows((type, parameters) =>
    asked(() => {
      const mechanism = wrapMechanism(type, parameters, bytes)
      // AES key wrap is of AES keys; another key is refused by its partition.
      return 'wrap' in mechanism && type.algorithm !== 'AES' ? undefined : wrapName(type.algorithm, mechanism)
    }),
  )
}

function derivations(): string {
  const rows = rowsThat('derive').map(({ name, keys, kmip: { derivationMethod, blockCipherMode, hashingAlgorithm } }) => {
    const said = [
      ...(derivationMethod === undefined ? [] : [shown('DerivationMethod', derivationMethod)]),
      ...(hashingAlgorithm === undefined ? [] : [`Hashing Algorithm ${shown('HashingAlgorithm', hashingAlgorithm)}`]),
      ...(blockCipherMode === undefined ? [] : [`Block Cipher Mode ${shown('BlockCipherMode', blockCipherMode)}`]),
    ]
    return [keys.map((key) => shown('CryptographicAlgorithm', key)).join(', ') || 'any', said.join(', '), ...had(name)]
  })
  return table(['key', 'asked for', 'mechanism', 'software', 'PKCS #11'], rows)
}

function signatures(): string {
  const rsa: KeyType = { algorithm: 'RSA', length: 2048 }
  const ec: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }
  const rows: string[][] = []
  for (const digitalSignatureAlgorithm of names('DigitalSignatureAlgorithm')) {
    const mechanism = asked(() => signMechanism(rsa, { digitalSignatureAlgorithm, hashingAlgorithm: 'SHA_256' }, undefined))
    if (mechanism === undefined) continue
    const key = mechanism.scheme === 'ECDSA' ? 'EC' : 'RSA'
    const label = shown('DigitalSignatureAlgorithm', digitalSignatureAlgorithm)
    rows.push([
      key,
      digitalSignatureAlgorithm === 'RSASSA_PSS' ? `${label}, Hashing Algorithm SHA-256` : label,
      ...had(signName(mechanism)),
    ])
  }
  for (const padding of names('PaddingMethod')) {
    const mechanism = asked(() => signMechanism(rsa, { paddingMethod: padding, hashingAlgorithm: 'SHA_256' }, undefined))
    if (mechanism === undefined) continue
    rows.push(['RSA', `Padding Method ${shown('PaddingMethod', padding)}, Hashing Algorithm SHA-256`, ...had(signName(mechanism))])
  }
  const ecdsa = signMechanism(ec, { hashingAlgorithm: 'SHA_256' }, undefined)
  rows.push(['EC', 'Hashing Algorithm SHA-256', ...had(signName(ecdsa))])
  rows.push(['Ed25519, Ed448', 'none', ...had(signName(signMechanism({ algorithm: 'Ed25519', length: 256 }, {}, undefined)))])
  return table(['key', 'parameters', 'mechanism', 'software', 'PKCS #11'], rows)
}

function macs(): string {
  const rows: string[][] = []
  for (const algorithm of names('CryptographicAlgorithm')) {
    const mechanism = asked(() => macMechanism({ algorithm, length: 256 }, {}))
    if (mechanism === undefined) continue
    rows.push([shown('CryptographicAlgorithm', algorithm), 'none', ...had(macName(mechanism, algorithm))])
  }
  rows.push([
    'AES',
    'Cryptographic Algorithm HMAC-SHA256',
    ...had(macName(macMechanism({ algorithm: 'AES', length: 256 }, { cryptographicAlgorithm: 'HMAC_SHA256' }))),
  ])
  return table(['key', 'parameters', 'mechanism', 'software', 'PKCS #11'], rows)
}
