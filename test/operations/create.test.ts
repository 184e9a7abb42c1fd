import { masks } from '../../spec/enumerations.ts'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { operationContext } from '../support/operation-context.ts'
import { onToken, test } from '../support/operation-test.ts'

const { Encrypt, Decrypt, Sign, Verify, MACGenerate, MACVerify } = masks.CryptographicUsageMask

function name(value: string): AttributeInstance {
  return { name: 'Name', value: { value, type: 'UninterpretedTextString' } }
}

/** What is asked, and what the key then is; a request that is silent gets the defaults that Query tells. */
const keys: [string, AttributeInstance[], { algorithm: string; length: number; mask: number }][] = [
  ['nothing said', [], { algorithm: 'AES', length: 256, mask: Encrypt.value | Decrypt.value }],
  [
    'AES without a length',
    [{ name: 'CryptographicAlgorithm', value: 'AES' }],
    { algorithm: 'AES', length: 256, mask: Encrypt.value | Decrypt.value },
  ],
  [
    'AES-128 for encryption',
    [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 128 },
      { name: 'CryptographicUsageMask', value: Encrypt.value },
    ],
    { algorithm: 'AES', length: 128, mask: Encrypt.value },
  ],
  ['3DES', [{ name: 'CryptographicAlgorithm', value: 'DES3' }], { algorithm: 'DES3', length: 168, mask: Encrypt.value | Decrypt.value }],
  [
    'HMAC-SHA384',
    [{ name: 'CryptographicAlgorithm', value: 'HMAC_SHA384' }],
    { algorithm: 'HMAC_SHA384', length: 384, mask: MACGenerate.value | MACVerify.value },
  ],
]

for (const [title, attributes, expected] of keys)
  test(`Create a symmetric key, ${title}`, async (t) => {
    const bench = operationContext({ now: 1_700_000_000 })
    const { objectType, uniqueIdentifier } = await bench.run('Create', { objectType: 'SymmetricKey', attributes })
    t.is(objectType, 'SymmetricKey')
    const object = bench.objects.get(uniqueIdentifier as string)
    const held = object?.attributes
    t.is(held?.get('CryptographicAlgorithm'), expected.algorithm as never)
    t.is(held?.get('CryptographicLength'), expected.length)
    t.is(held?.get('CryptographicUsageMask'), expected.mask)
    t.is(held?.get('KeyFormatType'), 'Raw')
    t.is(held?.get('OriginalCreationDate'), 1_700_000_000)
    t.is(held?.get('Digest')?.digestValue?.length, 32)
    t.is(held?.get('RandomNumberGenerator')?.rngAlgorithm, onToken() ? 'Unspecified' : 'DRBG')
    t.is(object?.key?.kind, 'secret')
  })

const foreign = onToken() ? 'Software' : 'Hardware'

const refusals: [string, RequestPayload<'Create'>, ResultReason][] = [
  ['a private key', { objectType: 'PrivateKey', attributes: [] }, 'InvalidObjectType'],
  ['a State', { objectType: 'SymmetricKey', attributes: [{ name: 'State', value: 'Active' }] }, 'ReadOnlyAttribute'],
  ['100 bits of AES', { objectType: 'SymmetricKey', attributes: [{ name: 'CryptographicLength', value: 100 }] }, 'InvalidField'],
  [
    'an algorithm for pairs',
    { objectType: 'SymmetricKey', attributes: [{ name: 'CryptographicAlgorithm', value: 'RSA' }] },
    'UnsupportedCryptographicParameters',
  ],
  [
    'AES-128 that is quantum safe',
    {
      objectType: 'SymmetricKey',
      attributes: [
        { name: 'CryptographicLength', value: 128 },
        { name: 'QuantumSafe', value: true },
      ],
    },
    'GeneralFailure',
  ],
  [
    'storage that is not there',
    { objectType: 'SymmetricKey', attributes: [], protectionStorageMasks: { masks: [masks.ProtectionStorageMask[foreign].value] } },
    'ProtectionStorageUnavailable',
  ],
  [
    'a Template that is not there',
    { objectType: 'SymmetricKey', attributes: [], templates: [{ value: 'T', type: 'UninterpretedTextString' }] },
    'ObjectNotFound',
  ],
]

for (const [title, request, reason] of refusals)
  test(`Create refuses ${title}: ${reason}`, async (t) => {
    const bench = operationContext()
    t.is((await t.throwsAsync<KmipError>(bench.run('Create', request)))?.reason, reason)
    t.is(bench.objects.size, 0)
  })

test('a name is given once in a tenant, and again after its bearer is destroyed', async (t) => {
  const bench = operationContext()
  const request: RequestPayload<'Create'> = { objectType: 'SymmetricKey', attributes: [name('one')] }
  const first = await bench.run('Create', request)
  t.is((await t.throwsAsync<KmipError>(bench.run('Create', request)))?.reason, 'NonUniqueNameAttribute')
  await bench.run('Destroy', { uniqueIdentifier: first.uniqueIdentifier })
  await t.notThrowsAsync(bench.run('Create', request))
})

test('Sensitive and Extractable reach the partition’s policy; a silent request gets the tenant’s', async (t) => {
  const bench = operationContext({ policy: { sensitive: true, extractable: false } })
  const silent = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [] })
  t.deepEqual(bench.objects.get(silent.uniqueIdentifier as string)?.key?.policy, { sensitive: true, extractable: false })
  const open = await bench.run('Create', {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'Sensitive', value: false },
      { name: 'Extractable', value: true },
    ],
  })
  const object = bench.objects.get(open.uniqueIdentifier as string)
  t.deepEqual(object?.key?.policy, { sensitive: false, extractable: true })
  t.is(object?.attributes.get('AlwaysSensitive'), false)
  t.is(object?.attributes.get('NeverExtractable'), false)
})

test('Create Secret Data of 80 random bits', async (t) => {
  const bench = operationContext()
  const { uniqueIdentifier } = await bench.run('Create', {
    objectType: 'SecretData',
    attributes: [{ name: 'CryptographicLength', value: 80 }],
  })
  const object = bench.objects.get(uniqueIdentifier as string)
  t.is(object?.objectType, 'SecretData')
  t.is(object?.form.secretDataType, 'Password')
  t.is(object?.attributes.get('CryptographicAlgorithm'), undefined)
})

test('a Template gives its attributes, but the request’s own win', async (t) => {
  const bench = operationContext()
  await bench.run('Register', {
    objectType: 'Template',
    attributes: [],
    template: {
      attributes: [
        name('T'),
        { name: 'ObjectGroup', value: 'group' },
        { name: 'ContactInformation', value: 'template' },
        { name: 'CryptographicLength', value: 192 },
      ],
    },
  })
  const { uniqueIdentifier } = await bench.run('Create', {
    objectType: 'SymmetricKey',
    templates: [{ value: 'T', type: 'UninterpretedTextString' }],
    attributes: [{ name: 'ContactInformation', value: 'own' }],
  })
  const held = bench.objects.get(uniqueIdentifier as string)?.attributes
  t.is(held?.get('ObjectGroup'), 'group')
  t.is(held?.get('ContactInformation'), 'own')
  t.is(held?.get('CryptographicLength'), 192)
  t.false(held?.has('Name') ?? true)
})

const pairs: [string, AttributeInstance[], { algorithm: string; length: number; curve?: string }][] = [
  ['nothing said', [], { algorithm: 'RSA', length: 2048 }],
  [
    'EC of 384 bits',
    [
      { name: 'CryptographicAlgorithm', value: 'EC' },
      { name: 'CryptographicLength', value: 384 },
    ],
    { algorithm: 'EC', length: 384, curve: 'P_384' },
  ],
  [
    'ECDSA on P-521',
    [
      { name: 'CryptographicAlgorithm', value: 'ECDSA' },
      { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_521' } },
    ],
    { algorithm: 'ECDSA', length: 521, curve: 'P_521' },
  ],
  [
    'secp256k1',
    [
      { name: 'CryptographicAlgorithm', value: 'EC' },
      { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'SECP256K1' } },
    ],
    { algorithm: 'EC', length: 256, curve: 'SECP256K1' },
  ],
  ['Ed25519', [{ name: 'CryptographicAlgorithm', value: 'Ed25519' }], { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' }],
  ...(
    [
      ['ECDH', 256, 'CURVE25519'],
      ['ECDH', 448, 'CURVE448'],
      ['EC', 256, 'CURVE25519'],
      ['EC', 456, 'CURVE448'],
    ] as const
  ).map(([algorithm, length, curve]): (typeof pairs)[number] => [
    `${algorithm} on ${curve}`,
    [
      { name: 'CryptographicAlgorithm', value: algorithm },
      { name: 'CryptographicDomainParameters', value: { recommendedCurve: curve } },
    ],
    { algorithm, length, curve },
  ]),
]

for (const [title, commonAttributes, expected] of pairs)
  test(`Create Key Pair, ${title}`, async (t) => {
    const bench = operationContext()
    const answer = await bench.run('CreateKeyPair', {
      commonAttributes,
      privateKeyAttributes: [name('private')],
      publicKeyAttributes: [name('public')],
    })
    const privateId = answer.privateKeyUniqueIdentifier as string
    const publicId = answer.publicKeyUniqueIdentifier as string
    const privateKey = bench.objects.get(privateId)
    const publicKey = bench.objects.get(publicId)
    for (const each of [privateKey, publicKey]) {
      t.is(each?.attributes.get('CryptographicAlgorithm'), expected.algorithm as never)
      t.is(each?.attributes.get('CryptographicLength'), expected.length)
      t.is(each?.attributes.get('CryptographicDomainParameters')?.recommendedCurve, expected.curve as never)
    }
    t.is(privateKey?.objectType, 'PrivateKey')
    t.is(publicKey?.objectType, 'PublicKey')
    t.is(privateKey?.attributes.get('CryptographicUsageMask'), Sign.value)
    t.is(publicKey?.attributes.get('CryptographicUsageMask'), Verify.value)
    t.deepEqual(privateKey?.attributes.get('Link'), { linkType: 'PublicKeyLink', linkedObjectIdentifier: publicId })
    t.deepEqual(publicKey?.attributes.get('Link'), { linkType: 'PrivateKeyLink', linkedObjectIdentifier: privateId })
    t.is(privateKey?.attributes.get('Name')?.value, 'private')
  })

const pairRefusals: [string, RequestPayload<'CreateKeyPair'>, ResultReason][] = [
  [
    'two algorithms',
    {
      privateKeyAttributes: [{ name: 'CryptographicAlgorithm', value: 'RSA' }],
      publicKeyAttributes: [{ name: 'CryptographicAlgorithm', value: 'EC' }],
    },
    'InvalidAttributeValue',
  ],
  [
    'a length that is no curve’s',
    {
      commonAttributes: [
        { name: 'CryptographicAlgorithm', value: 'EC' },
        { name: 'CryptographicLength', value: 300 },
      ],
    },
    'InvalidField',
  ],
  [
    'a curve of another length',
    {
      commonAttributes: [
        { name: 'CryptographicAlgorithm', value: 'EC' },
        { name: 'CryptographicLength', value: 384 },
        { name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_256' } },
      ],
    },
    'InvalidField',
  ],
  ['one name for both keys', { commonAttributes: [name('both')] }, 'NonUniqueNameAttribute'],
]

for (const [title, request, reason] of pairRefusals)
  test(`Create Key Pair refuses ${title}: ${reason}`, async (t) => {
    t.is((await t.throwsAsync<KmipError>(operationContext().run('CreateKeyPair', request)))?.reason, reason)
  })
