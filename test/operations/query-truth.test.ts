import type { ExecutionContext } from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { isResident } from '../../src/objects/index.ts'
import type { curves } from '../../src/partitions/curves.ts'
import { type MechanismRow, type RowOf, rowsThat } from '../../src/partitions/mechanism-table.ts'
import { residentOnlyName } from '../../src/partitions/mechanisms.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { registerKey } from '../support/registered-keys.ts'

type Parameters = NonNullable<RequestPayload<'Encrypt'>['cryptographicParameters']>
type Pair = { readonly privateKey: string; readonly publicKey: string }

/** 64 bytes: blocks for every cipher, and room in RSA-2048 with OAEP. */
const data = Buffer.alloc(64, 'truth')
const active = { name: 'ActivationDate', value: 1_000_000_000 } as const
const anyUse = { name: 'CryptographicUsageMask', value: 0xfff } as const

/** Uses one mechanism as a client would ask for it. */
type Use<D extends MechanismRow['does']> = (on: OperationBench, row: RowOf<D>, keys: Keys) => Promise<unknown>

/** Keys that many mechanisms share: a pair of RSA takes long to make. */
class Keys {
  readonly #on: OperationBench
  readonly #listed: ReadonlySet<string>
  readonly #pairs = new Map<string, Promise<Pair>>()

  constructor(on: OperationBench, listed: ReadonlySet<string>) {
    this.#on = on
    this.#listed = listed
  }

  /** A resident one where no other is made. */
  pair(algorithm: 'RSA' | 'EC' | 'Ed25519'): Promise<Pair> {
    const generate = { RSA: 'GENERATE-RSA', EC: 'GENERATE-EC-P_256', Ed25519: 'GENERATE-Ed25519' }[algorithm]
    const stays = this.#listed.has(residentOnlyName(generate)) ? [isResident] : []
    const made = this.#pairs.get(algorithm) ?? newPair(this.#on, algorithm, algorithm === 'RSA' ? 2048 : undefined, 'P_256', stays)
    this.#pairs.set(algorithm, made)
    return made
  }

  secret(row: MechanismRow): Promise<string> {
    const algorithm = row.keys[0] ?? 'AES'
    return registerKey(this.#on, '0123456789abcdef23456789abcdef01456789abcdef0123'.padEnd(keyDigits(row), 'fe'), [], algorithm)
  }
}

/** Hexadecimal digits of a key that the mechanism takes; HMACs get one as long as the longest hash, which some modules want. */
function keyDigits({ name, keys: [algorithm = 'AES'] }: MechanismRow): number {
  if (algorithm === 'DES3') return 48
  return name.endsWith('AES-XTS') || algorithm.startsWith('HMAC') ? 128 : 64
}

async function newPair(
  on: OperationBench,
  algorithm: 'RSA' | 'EC' | 'ECDH' | 'Ed25519' | 'Ed448',
  length?: number,
  curve = 'P_256',
  privateKeyAttributes: readonly AttributeInstance[] = [],
) {
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await on.run('CreateKeyPair', {
    commonTemplates: [],
    privateKeyTemplates: [],
    publicKeyTemplates: [],
    commonAttributes: [
      { name: 'CryptographicAlgorithm', value: algorithm },
      ...(length === undefined ? [] : [{ name: 'CryptographicLength', value: length } as const]),
      ...(algorithm === 'EC' || algorithm === 'ECDH'
        ? [{ name: 'CryptographicDomainParameters', value: { recommendedCurve: curve as keyof typeof curves } } as const]
        : []),
      active,
      anyUse,
    ],
    privateKeyAttributes,
    publicKeyAttributes: [],
  })
  return { privateKey: String(privateKeyUniqueIdentifier), publicKey: String(publicKeyUniqueIdentifier) }
}

const encrypts: Use<'encrypt'> = async (on, row, keys) => {
  const isRsa = row.cipher.startsWith('RSA')
  const pair = isRsa ? await keys.pair('RSA') : undefined
  const secret = pair === undefined ? await keys.secret(row) : undefined
  const cryptographicParameters: Parameters = { ...row.kmip, ...(row.iv === 'none' ? {} : { randomIv: true, tagLength: 16 }) }
  const plain = row.cipher === 'RSA-RAW' ? Buffer.alloc(256, 1) : data
  const sealed = await on.run('Encrypt', { uniqueIdentifier: pair?.publicKey ?? secret, cryptographicParameters, data: plain })
  await on.run('Decrypt', {
    uniqueIdentifier: pair?.privateKey ?? secret,
    cryptographicParameters,
    data: sealed.data,
    ivCounterNonce: sealed.ivCounterNonce,
    tag: sealed.tag,
  })
}

const signs: Use<'sign'> = async (on, { scheme, hash }, keys) => {
  const { privateKey, publicKey } = await keys.pair(scheme === 'EdDSA' ? 'Ed25519' : scheme === 'ECDSA' ? 'EC' : 'RSA')
  const padding = { 'RSA-PKCS1': 'PKCS1V1_5', 'RSA-PSS': 'PSS', ECDSA: undefined, EdDSA: undefined } as const
  const cryptographicParameters: Parameters = { hashingAlgorithm: hash, paddingMethod: padding[scheme] }
  const { signatureData } = await on.run('Sign', { uniqueIdentifier: privateKey, cryptographicParameters, data })
  await on.run('SignatureVerify', { uniqueIdentifier: publicKey, cryptographicParameters, data, signatureData })
}

const macs: Use<'mac'> = async (on, row, keys) => {
  const uniqueIdentifier = await keys.secret(row)
  if (row.mac === 'GMAC') {
    const cryptographicParameters: Parameters = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true }
    return on.run('Encrypt', { uniqueIdentifier, cryptographicParameters, data: Buffer.alloc(0), additionalData: data })
  }
  return on.run('MAC', { uniqueIdentifier, cryptographicParameters: row.kmip as Parameters, data })
}

const makes: Use<'generate'> = async (on, { name, keys: [algorithm = 'AES'] }) => {
  const what = name.replace('GENERATE-', '')
  if (isPair(what)) return makesPair(on, what)
  const length = { 'AES-512': 512, AES: 256, DES3: 168, ChaCha20: 256, ChaCha20Poly1305: 256 }[what] ?? 512
  const attributes = [
    { name: 'CryptographicAlgorithm', value: algorithm } as const,
    { name: 'CryptographicLength', value: length } as const,
  ]
  return on.run('Create', { objectType: 'SymmetricKey', attributes: [...attributes, active] })
}

const curveOf: Readonly<Record<string, string>> = { Ed25519: 'CURVE25519', X25519: 'CURVE25519', Ed448: 'CURVE448', X448: 'CURVE448' }

function isPair(what: string): boolean {
  return what === 'RSA' || what in curveOf || what.startsWith('EC-')
}

function makesPair(on: OperationBench, what: string, privateKeyAttributes: readonly AttributeInstance[] = []): Promise<Pair> {
  if (what === 'RSA') return newPair(on, 'RSA', 2048, undefined, privateKeyAttributes)
  const algorithm = what.startsWith('X') ? 'ECDH' : 'EC'
  return newPair(on, algorithm, undefined, curveOf[what] ?? what.slice(3), privateKeyAttributes)
}

const derives: Use<'derive'> = async (on, row, keys) => {
  const { derivationMethod = 'HASH', ...asked } = row.kmip
  const pair = derivationMethod === 'AsymmetricKey' ? await keys.pair('EC') : undefined
  const cryptographicParameters: Parameters = { hashingAlgorithm: 'SHA_256', ...asked }
  const withoutData = row.derive === 'HASH' || row.derive === 'PBKDF2' || row.derive === 'ECDH'
  return on.run('DeriveKey', {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: pair === undefined ? [await keys.secret(row)] : [pair.privateKey, pair.publicKey],
    derivationMethod,
    derivationParameters: {
      ...(row.derive === 'ECDH' ? {} : { cryptographicParameters }),
      derivationData: withoutData ? [] : [data],
      ...(row.derive === 'PBKDF2' ? { salt: data, iterationCount: 1 } : {}),
    },
    templates: [],
    // The digest of MD5 has 16 bytes; a token gives an agreement whole.
    attributes: [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: row.derive === 'ECDH' ? 256 : 128 },
    ],
  })
}

const wraps: Use<'wrap'> = async (on, row, keys) => {
  const pair = row.wrap.startsWith('RSA') ? await keys.pair('RSA') : undefined
  const secret = pair === undefined ? await keys.secret(row) : ''
  const cryptographicParameters = row.kmip as Parameters
  const { symmetricKey } = await on.run('Get', {
    uniqueIdentifier: await registerKey(on, '00112233445566778899aabbccddeeff'),
    keyWrappingSpecification: {
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: { uniqueIdentifier: pair?.publicKey ?? secret, cryptographicParameters },
      attributeNames: [],
      encodingOption: 'NoEncoding',
    },
  })
  const { keyBlock } = symmetricKey!
  const encryptionKeyInformation = { ...keyBlock.keyWrappingData?.encryptionKeyInformation, uniqueIdentifier: pair?.privateKey ?? secret }
  const keyWrappingData = { ...keyBlock.keyWrappingData!, encryptionKeyInformation }
  const facts = { cryptographicAlgorithm: 'AES', cryptographicLength: 128 } as const
  await on.run('Register', {
    objectType: 'SymmetricKey',
    attributes: [anyUse],
    symmetricKey: { keyBlock: { ...keyBlock, ...facts, keyWrappingData } },
  })
}

/** Each use succeeds where its mechanism is listed, and is refused by the mechanism's name, or that of a key that cannot be made, where it is not. */
async function isTrue<D extends MechanismRow['does']>(t: ExecutionContext, rows: readonly RowOf<D>[], use: Use<D>): Promise<void> {
  const on = operationContext()
  const listed = new Set((await on.context.partition.describe()).mechanisms)
  const keys = new Keys(on, listed)
  const untrue: string[] = []
  for (const row of rows) {
    const outcome = await use(on, row, keys).then(
      () => 'works',
      (error: unknown) => error,
    )
    if (listed.has(row.name) ? outcome !== 'works' : !isRefusedByName(row, listed, outcome))
      untrue.push(`${row.name} is ${listed.has(row.name) ? '' : 'not '}listed: ${outcome}`)
  }
  t.deepEqual(untrue, [])
}

function isRefusedByName({ name }: MechanismRow, listed: ReadonlySet<string>, outcome: unknown): boolean {
  if (!(outcome instanceof KmipError) || outcome.reason !== 'UnsupportedCryptographicParameters') return false
  const named = / has no mechanism ([\w-]+)/.exec(outcome.message)?.[1] ?? ''
  return !listed.has(named) && (name.endsWith(named) || named.startsWith('GENERATE-'))
}

// Without its decryption it is a line of its own in the list, and no other thing to ask for.
const ciphers = rowsThat('encrypt').filter(({ name }) => name !== 'RSA-PKCS1-ENCRYPT')
const truth = 'what the partition lists works, and what it does not list is refused by name'

test(`Encrypt and Decrypt: ${truth}`, (t) => isTrue(t, ciphers, encrypts))
test(`Sign and Signature Verify: ${truth}`, (t) => isTrue(t, rowsThat('sign'), signs))
test(`MAC: ${truth}`, (t) => isTrue(t, rowsThat('mac'), macs))
test(`Hash: ${truth}`, (t) =>
  isTrue(t, rowsThat('hash'), (on, { hash }) => on.run('Hash', { cryptographicParameters: { hashingAlgorithm: hash }, data })))
test(`Create and Create Key Pair: ${truth}`, (t) => isTrue(t, rowsThat('generate'), makes))
test(`Derive Key: ${truth}`, (t) => isTrue(t, rowsThat('derive'), derives))
test(`Get of a wrapped key: ${truth}`, (t) => isTrue(t, rowsThat('wrap'), wraps))

test('Create Key Pair: what is listed for resident keys alone works for them, and the others that are listed too', async (t) => {
  const on = operationContext()
  const listed = new Set((await on.context.partition.describe()).mechanisms)
  const untrue: string[] = []
  for (const { name } of rowsThat('generate').filter((row) => isPair(row.name.replace('GENERATE-', '')))) {
    const isListed = on.context.partition.generateResident !== undefined && (listed.has(name) || listed.has(residentOnlyName(name)))
    const outcome = await makesPair(on, name.replace('GENERATE-', ''), [isResident]).then(
      () => 'works',
      (error: unknown) => error,
    )
    if (isListed !== (outcome === 'works')) untrue.push(`${name} is ${isListed ? '' : 'not '}listed for resident keys: ${outcome}`)
  }
  t.deepEqual(untrue, [])
})

test('the generator that Query names is the one of every key that is made, and of none that comes in', async (t) => {
  const on = operationContext()
  const { rngParameters } = await on.run('Query', { queryFunctions: ['QueryRNGs'] })
  const generatorOf = async (uniqueIdentifier: string) => {
    const { attributes } = await on.run('GetAttributes', { uniqueIdentifier, references: ['RandomNumberGenerator'] })
    return attributes.map(({ value }) => value)
  }
  const { uniqueIdentifier } = await on.run('Create', { objectType: 'SymmetricKey', attributes: [] })
  const { privateKey, publicKey } = await newPair(on, 'RSA', 2048)
  for (const made of [String(uniqueIdentifier), privateKey, publicKey]) t.deepEqual(await generatorOf(made), rngParameters)
  t.deepEqual(await generatorOf(await registerKey(on, '00112233445566778899aabbccddeeff')), [])
})

test('where Query tells of streaming, an operation in parts works', async (t) => {
  const on = operationContext()
  const [capability] = (await on.run('Query', { queryFunctions: ['QueryCapabilities'] })).capabilityInformation
  t.true(capability?.streamingCapability)
  const request = on.begin()
  const begun = await request.run('Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data, initIndicator: true })
  t.truthy(begun.correlationValue)
  const ended = await request.run('Hash', { data, correlationValue: begun.correlationValue, finalIndicator: true })
  t.is(ended.data?.length, 32)
})

test('Query tells of no attestation, and names no type of it', async (t) => {
  const answer = await operationContext().run('Query', { queryFunctions: ['QueryCapabilities', 'QueryAttestationTypes'] })
  t.deepEqual([answer.capabilityInformation[0]?.attestationCapability, answer.attestationTypes], [false, []])
})
