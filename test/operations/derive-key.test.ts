import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { masks } from '../../spec/enumerations.ts'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { refusedTest, test } from '../support/operation-test.ts'
import { hex, registerKey } from '../support/registered-keys.ts'

type DeriveRequest = RequestPayload<'DeriveKey'>

const key = '00112233445566778899aabbccddeeff'
const { DeriveKey, Encrypt, Sign, Verify } = masks.CryptographicUsageMask
const deriving: AttributeInstance = { name: 'CryptographicUsageMask', value: DeriveKey.value }
const active: AttributeInstance = { name: 'ActivationDate', value: 1_000_000_000 }
const password = Buffer.from('password')

const aes = (length: number): AttributeInstance[] => [
  { name: 'CryptographicAlgorithm', value: 'AES' },
  { name: 'CryptographicLength', value: length },
]

function request(uniqueIdentifiers: string[], given: Partial<DeriveRequest>): DeriveRequest {
  return {
    objectType: 'SymmetricKey',
    uniqueIdentifiers,
    derivationMethod: 'HASH',
    derivationParameters: { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, derivationData: [] },
    templates: [],
    attributes: aes(128),
    ...given,
  }
}

async function derived(bench: OperationBench, uniqueIdentifiers: string[], given: Partial<DeriveRequest>): Promise<Buffer> {
  const { uniqueIdentifier } = await bench.run('DeriveKey', request(uniqueIdentifiers, given))
  const answer = await bench.run('Get', { uniqueIdentifier })
  const keyValue = (answer.symmetricKey ?? answer.secretData)?.keyBlock.keyValue
  return Buffer.from(keyValue !== undefined && 'keyMaterial' in keyValue ? (keyValue.keyMaterial as Uint8Array) : [])
}

async function secretData(bench: OperationBench, value: Uint8Array): Promise<string> {
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SecretData',
    templates: [],
    attributes: [deriving, active],
    secretData: { secretDataType: 'Password', keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: value, attributes: [] } } },
  })
  return String(uniqueIdentifier)
}

const sha256 = { hashingAlgorithm: 'SHA_256' } as const

test('HASH of a key: the beginning of the digest', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving])
  t.deepEqual(await derived(bench, [base], {}), createHash('sha256').update(hex(key)).digest().subarray(0, 16))
})

test('HMAC of Derivation Data, or of a second object’s value', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving])
  const data = hex('0102')
  const expected = createHmac('sha256', hex(key)).update(data).digest().subarray(0, 16)
  const given = { cryptographicParameters: sha256, derivationData: [data] }
  t.deepEqual(await derived(bench, [base], { derivationMethod: 'HMAC', derivationParameters: given }), expected)
  const second = await secretData(bench, data)
  const silent = { cryptographicParameters: sha256, derivationData: [] }
  t.deepEqual(await derived(bench, [base, second], { derivationMethod: 'HMAC', derivationParameters: silent }), expected)
})

test('an HMAC key knows its own hash', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving], 'HMAC_SHA384')
  const data = hex('0102')
  const derivationParameters = { cryptographicParameters: sha256, derivationData: [data] }
  const expected = createHmac('sha384', hex(key)).update(data).digest().subarray(0, 32)
  t.deepEqual(await derived(bench, [base], { derivationMethod: 'HMAC', derivationParameters, attributes: aes(256) }), expected)
})

test('PBKDF2 of Secret Data, with HMAC-SHA-1 where no hash is named', async (t) => {
  const bench = operationContext()
  const base = await secretData(bench, password)
  const salt = Buffer.from('salt')
  for (const [hash, parameters] of [
    ['sha1', {}],
    ['sha256', { cryptographicParameters: sha256 }],
  ] as const) {
    const derivationParameters = { ...parameters, derivationData: [], salt, iterationCount: 1000 }
    const value = await derived(bench, [base], { derivationMethod: 'PBKDF2', derivationParameters, attributes: aes(256) })
    t.deepEqual(value, pbkdf2Sync(password, salt, 1000, 32, hash))
  }
})

test('ENCRYPT: data under the base key', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, '2b7e151628aed2a6abf7158809cf4f3c', [deriving])
  const derivationParameters = {
    cryptographicParameters: { blockCipherMode: 'CBC' },
    initializationVector: hex('000102030405060708090a0b0c0d0e0f'),
    derivationData: [hex('6bc1bee22e409f96e93d7e117393172a')],
  } as const
  const value = await derived(bench, [base], { derivationMethod: 'ENCRYPT', derivationParameters })
  t.is(value.toString('hex'), '7649abac8119b246cee98e9b12e9197d')
})

test('Secret Data is derived too', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving])
  const value = await derived(bench, [base], {
    objectType: 'SecretData',
    attributes: [{ name: 'CryptographicLength', value: 256 }],
  })
  t.deepEqual(value, createHash('sha256').update(hex(key)).digest())
})

test('Asymmetric Key: both sides come to the same key, whichever order names the two objects', async (t) => {
  const bench = operationContext()
  const pair = async () => {
    const { privateKeyUniqueIdentifier: mine, publicKeyUniqueIdentifier: theirs } = await bench.run('CreateKeyPair', {
      commonTemplates: [],
      privateKeyTemplates: [],
      publicKeyTemplates: [],
      commonAttributes: [
        { name: 'CryptographicAlgorithm', value: 'EC' },
        { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_256' } },
        active,
      ],
      privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: DeriveKey.value | Sign.value }],
      publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: DeriveKey.value | Verify.value }],
    })
    return { mine: String(mine), theirs: String(theirs) }
  }
  const [one, other] = [await pair(), await pair()]
  const given = {
    derivationMethod: 'AsymmetricKey',
    derivationParameters: { cryptographicParameters: { cryptographicAlgorithm: 'ECDH' }, derivationData: [] },
    attributes: aes(256),
  } as const
  const value = await derived(bench, [one.mine, other.theirs], given)
  t.is(value.length, 32)
  t.deepEqual(await derived(bench, [one.theirs, other.mine], given), value)
})

test('base and derived key link to each other, and nothing random is claimed', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving])
  const { uniqueIdentifier } = await bench.run(
    'DeriveKey',
    request([base], { attributes: [...aes(128), { name: 'Sensitive', value: true }] }),
  )
  const links = (id: string) =>
    bench.objects
      .get(id)
      ?.attributes.all('Link')
      .map(({ value }) => value)
  t.deepEqual(links(base), [{ linkType: 'DerivedKeyLink', linkedObjectIdentifier: String(uniqueIdentifier) }])
  t.deepEqual(links(String(uniqueIdentifier)), [{ linkType: 'DerivationBaseObjectLink', linkedObjectIdentifier: base }])
  const made = bench.objects.get(String(uniqueIdentifier))?.attributes
  t.is(made?.get('RandomNumberGenerator')?.rngAlgorithm, 'Unspecified')
  t.is(made?.get('OriginalCreationDate'), 1_700_000_000)
  t.is(made?.get('Sensitive'), true)
  t.is(made?.get('CryptographicUsageMask'), Encrypt.value | masks.CryptographicUsageMask.Decrypt.value)
})

test('a derivation is a use of its base: Usage Limits count it', async (t) => {
  const bench = operationContext()
  const base = await registerKey(bench, key, [deriving, { name: 'UsageLimits', value: { total: 1n, unit: 'Object' } }])
  await bench.run('DeriveKey', request([base], {}))
  t.is((await t.throwsAsync<KmipError>(bench.run('DeriveKey', request([base], {}))))?.reason, 'PermissionDenied')
})

/** What is asked of an AES key that may be derived from, and why it is refused. */
const refusals: readonly (readonly [string, Partial<DeriveRequest>, ResultReason, RegExp])[] = [
  ['a key pair', { objectType: 'PrivateKey' }, 'InvalidObjectType', /not a PrivateKey/],
  ['no length', { attributes: aes(128).slice(0, 1) }, 'InvalidMessage', /needs CryptographicLength/],
  [
    'more than the method gives',
    {
      attributes: [
        { name: 'CryptographicAlgorithm', value: 'HMAC_SHA256' },
        { name: 'CryptographicLength', value: 264 },
      ],
    },
    'InvalidField',
    /gives 32 bytes here, and the new key has 33/,
  ],
  ['HASH without a hash', { derivationParameters: { derivationData: [] } }, 'BadCryptographicParameters', /needs a Hashing Algorithm/],
  [
    'HASH of a key and of data',
    { derivationParameters: { cryptographicParameters: sha256, derivationData: [hex('01')] } },
    'InvalidField',
    /HASH is of a key or of a value/,
  ],
  ['HMAC without data', { derivationMethod: 'HMAC' }, 'InvalidMessage', /needs Derivation Data/],
  ['PBKDF2 without a salt', { derivationMethod: 'PBKDF2' }, 'InvalidMessage', /needs a Salt and an Iteration Count/],
  [
    'PBKDF2 for ever',
    { derivationMethod: 'PBKDF2', derivationParameters: { salt: hex('01'), iterationCount: 2_147_483_647, derivationData: [] } },
    'InvalidField',
    /Iteration Count is 2147483647; it is 1 to/,
  ],
  ['ECDH with one object', { derivationMethod: 'AsymmetricKey' }, 'InvalidObjectType', /two objects, a Private Key and/],
  [
    'ENCRYPT with a tag',
    {
      derivationMethod: 'ENCRYPT',
      derivationParameters: { cryptographicParameters: { blockCipherMode: 'GCM' }, derivationData: [hex('01')] },
    },
    'UnsupportedCryptographicParameters',
    /does not derive with GCM/,
  ],
  ['AWS Signature Version 4', { derivationMethod: 'AWSSignatureVersion4' }, 'UnsupportedCryptographicParameters', /is not supported/],
]

for (const [title, given, reason, says] of refusals)
  refusedTest(
    `Derive Key refuses ${title}`,
    async () => {
      const bench = operationContext()
      await bench.run('DeriveKey', request([await registerKey(bench, key, [deriving])], given))
    },
    { reason, says },
  )

refusedTest(
  'Derive Key refuses a base whose Cryptographic Usage Mask lacks it',
  async () => {
    const bench = operationContext()
    const base = await registerKey(bench, key, [{ name: 'CryptographicUsageMask', value: Encrypt.value }])
    await bench.run('DeriveKey', request([base], {}))
  },
  { reason: 'IncompatibleCryptographicUsageMask', says: /DeriveKey/ },
)
