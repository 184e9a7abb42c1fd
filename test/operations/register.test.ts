import { createHash, generateKeyPairSync } from 'node:crypto'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, KeyBlock, RequestPayload } from '../../spec/values.ts'
import { operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { hex, registerKey } from '../support/registered-keys.ts'

type Request = RequestPayload<'Register'>

const bytes = hex('00112233445566778899aabbccddeeff')
const pair = pairOfOddLength()
const pkcs1 = pair.privateKey.export({ format: 'der', type: 'pkcs1' })
const spki = pair.publicKey.export({ format: 'der', type: 'spki' })

function block(keyFormatType: KeyBlock['keyFormatType'], keyMaterial: Uint8Array, more: Partial<KeyBlock> = {}): KeyBlock {
  return { keyFormatType, keyValue: { keyMaterial, attributes: [] }, ...more }
}

const aes: Partial<KeyBlock> = { cryptographicAlgorithm: 'AES', cryptographicLength: 128 }

/** One of each kind: what Get gives back is what was registered. */
const kinds: readonly (readonly [Omit<Request, 'attributes'>, Partial<Record<AttributeInstance['name'], unknown>>])[] = [
  [
    { objectType: 'SymmetricKey', symmetricKey: { keyBlock: block('Raw', bytes, aes) } },
    { CryptographicAlgorithm: 'AES', CryptographicLength: 128 },
  ],
  [
    {
      objectType: 'PrivateKey',
      privateKey: { keyBlock: block('PKCS_1', pkcs1, { cryptographicAlgorithm: 'RSA', cryptographicLength: 1024 }) },
    },
    { CryptographicAlgorithm: 'RSA', CryptographicLength: 1024, KeyFormatType: 'PKCS_1' },
  ],
  [
    {
      objectType: 'PublicKey',
      publicKey: { keyBlock: block('X_509', spki, { cryptographicAlgorithm: 'RSA', cryptographicLength: 1024 }) },
    },
    { CryptographicAlgorithm: 'RSA', KeyFormatType: 'X_509' },
  ],
  [{ objectType: 'SecretData', secretData: { secretDataType: 'Password', keyBlock: block('Opaque', bytes) } }, { KeyFormatType: 'Opaque' }],
  [
    {
      objectType: 'SplitKey',
      splitKey: {
        splitKeyParts: 3,
        keyPartIdentifier: 1,
        splitKeyThreshold: 2,
        splitKeyMethod: 'PolynomialSharingGF216',
        keyBlock: block('Raw', bytes, aes),
      },
    },
    { CryptographicAlgorithm: 'AES' },
  ],
  [
    {
      objectType: 'PGPKey',
      pgpKey: { pgpKeyVersion: 4, keyBlock: block('Raw', bytes, { cryptographicAlgorithm: 'RSA', cryptographicLength: 2048 }) },
    },
    {
      CryptographicAlgorithm: 'RSA',
      CryptographicLength: 2048,
    },
  ],
  [{ objectType: 'OpaqueObject', opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: bytes } }, { OpaqueDataType: 0x80000001 }],
  [
    { objectType: 'Certificate', certificate: { certificateType: 'PGP', certificateValue: bytes } },
    { CertificateType: 'PGP', CertificateLength: 16 },
  ],
  [{ objectType: 'CertificateRequest', certificateRequest: { certificateRequestType: 'PKCS_10', certificateRequestValue: bytes } }, {}],
]

for (const [request, attributes] of kinds) {
  test(`registers and gives back: ${request.objectType}`, async (t) => {
    const bench = operationContext()
    const { uniqueIdentifier } = await bench.run('Register', { attributes: [], ...request })
    const { uniqueIdentifier: same, objectType, ...object } = await bench.run('Get', { uniqueIdentifier })
    t.is(same, uniqueIdentifier)
    t.is(objectType, request.objectType)
    const { objectType: _, ...registered } = request
    t.deepEqual(plain(object), plain(registered))
    const stored = bench.objects.get(String(uniqueIdentifier))!
    for (const [name, value] of Object.entries(attributes)) t.deepEqual(stored.attributes.get(name as 'State'), value as never)
    const material = request.privateKey === undefined ? (request.publicKey === undefined ? bytes : spki) : pkcs1
    t.deepEqual(Buffer.from(stored.attributes.get('Digest')?.digestValue ?? []), createHash('sha256').update(material).digest())
    t.is(stored.attributes.get('OriginalCreationDate'), undefined)
  })
}

/** Without undefined fields, and with bytes that compare. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each)),
    (_, each) => (each?.type === 'Buffer' ? Buffer.from(each.data).toString('hex') : each),
  )
}

test('a Template is its attributes', async (t) => {
  const bench = operationContext()
  const attributes: readonly AttributeInstance[] = [{ name: 'CryptographicAlgorithm', value: 'AES' }]
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'Template',
    attributes: [{ name: 'Name', value: { value: 'a template', type: 'UninterpretedTextString' } }],
    template: { attributes },
  })
  const { template } = await bench.run('Get', { uniqueIdentifier })
  t.true(template?.attributes.some(({ name, value }) => name === 'CryptographicAlgorithm' && value === 'AES'))
})

test('an object whose key lies elsewhere has a Key Block without a Key Value (TC-MDO-1)', async (t) => {
  const bench = operationContext()
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'CryptographicUsageMask', value: 0xc },
      { name: 'ActivationDate', value: 1 },
      { name: 'KeyValueLocation', value: { value: 'HSM-13345', type: 'UninterpretedTextString' } },
    ],
    symmetricKey: { keyBlock: { keyFormatType: 'Raw', ...aes } },
  })
  t.is(bench.objects.get(String(uniqueIdentifier))?.attributes.get('KeyValuePresent'), false)
  const { symmetricKey } = await bench.run('Get', { uniqueIdentifier })
  t.deepEqual(plain(symmetricKey), { keyBlock: { keyFormatType: 'Raw', ...aes } })
  for (const action of [
    () => bench.run('Get', { uniqueIdentifier, keyFormatType: 'TransparentSymmetricKey' }),
    () => bench.run('Encrypt', { uniqueIdentifier, data: bytes, cryptographicParameters: { blockCipherMode: 'ECB' } }),
  ])
    t.is((await t.throwsAsync<KmipError>(action())).reason, 'KeyValueNotPresent')
})

test('a Template named in the request gives its attributes', async (t) => {
  const bench = operationContext()
  const name = { value: 'a template', type: 'UninterpretedTextString' } as const
  await bench.run('Register', {
    objectType: 'Template',
    attributes: [{ name: 'Name', value: name }],
    template: { attributes: [{ name: 'CryptographicUsageMask', value: 0xc }] },
  })
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SymmetricKey',
    templates: [name],
    attributes: [],
    symmetricKey: { keyBlock: block('Raw', bytes, aes) },
  })
  t.is(bench.objects.get(String(uniqueIdentifier))?.attributes.get('CryptographicUsageMask'), 0xc)
})

test('attributes inside the Key Value count where the request has none', async (t) => {
  const bench = operationContext()
  const inside: readonly AttributeInstance[] = [
    { name: 'CryptographicUsageMask', value: 0x4 },
    { name: 'ContactInformation', value: 'inside' },
  ]
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SymmetricKey',
    attributes: [{ name: 'CryptographicUsageMask', value: 0xc }],
    symmetricKey: { keyBlock: { ...block('Raw', bytes, aes), keyValue: { keyMaterial: bytes, attributes: inside } } },
  })
  const { attributes } = bench.objects.get(String(uniqueIdentifier))!
  t.is(attributes.get('CryptographicUsageMask'), 0xc)
  t.is(attributes.get('ContactInformation'), 'inside')
})

const wrappingKey = '000102030405060708090a0b0c0d0e0f'
/** RFC 3394 §4.1, and TC-WRAP-1. */
const wrapped = hex('1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5')

function wrappedBlock(uniqueIdentifier: string): KeyBlock {
  return block('Raw', wrapped, {
    ...aes,
    keyWrappingData: {
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: { blockCipherMode: 'NISTKeyWrap' } },
      encodingOption: 'NoEncoding',
    },
  })
}

for (const mask of [0x10, 0x20]) {
  test(`a wrapped key is unwrapped when its wrapping key is here, with the mask ${mask}`, async (t) => {
    const bench = operationContext()
    const kek = await registerKey(bench, wrappingKey, [{ name: 'CryptographicUsageMask', value: mask }])
    const { uniqueIdentifier } = await bench.run('Register', {
      objectType: 'SymmetricKey',
      attributes: [
        { name: 'CryptographicUsageMask', value: 0xc },
        { name: 'ActivationDate', value: 1 },
      ],
      symmetricKey: { keyBlock: wrappedBlock(kek) },
    })
    const asRegistered = await bench.run('Get', { uniqueIdentifier })
    t.deepEqual(plain(asRegistered.symmetricKey?.keyBlock), plain(wrappedBlock(kek)))
    const open = await bench.run('Get', { uniqueIdentifier, keyWrapType: 'NotWrapped' })
    t.deepEqual(plain(open.symmetricKey?.keyBlock), plain(block('Raw', bytes, aes)))
    const data = hex('01020304050607080910111213141516')
    await t.notThrowsAsync(bench.run('Encrypt', { uniqueIdentifier, data, cryptographicParameters: { blockCipherMode: 'ECB' } }))
    const [link] = bench.objects.get(String(uniqueIdentifier))!.attributes.all('Link')
    t.deepEqual(link?.value, { linkType: 'WrappingKeyLink', linkedObjectIdentifier: kek })
  })
}

test('a wrapped key whose wrapping key is not here is kept as it came, and given back so', async (t) => {
  const bench = operationContext()
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'CryptographicUsageMask', value: 0xc },
      { name: 'ActivationDate', value: 1 },
      { name: 'Sensitive', value: true },
    ],
    symmetricKey: { keyBlock: wrappedBlock('elsewhere') },
  })
  const asRegistered = await bench.run('Get', { uniqueIdentifier, keyWrapType: 'AsRegistered' })
  t.deepEqual(plain(asRegistered.symmetricKey?.keyBlock), plain(wrappedBlock('elsewhere')))
  for (const [action, reason] of [
    [() => bench.run('Get', { uniqueIdentifier, keyWrapType: 'NotWrapped' }), 'Sensitive'],
    [() => bench.run('Get', { uniqueIdentifier, keyFormatType: 'TransparentSymmetricKey' }), 'KeyFormatTypeNotSupported'],
    [
      () => bench.run('Encrypt', { uniqueIdentifier, data: bytes, cryptographicParameters: { blockCipherMode: 'ECB' } }),
      'KeyValueNotPresent',
    ],
  ] as const)
    t.is((await t.throwsAsync<KmipError>(action())).reason, reason)
})

test('a key that is kept wrapped is not given in any other way', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, wrappingKey)
  const symmetricKey = { keyBlock: wrappedBlock('elsewhere') }
  const { uniqueIdentifier } = await bench.run('Register', { objectType: 'SymmetricKey', attributes: [], symmetricKey })
  const keyWrappingSpecification = { ...wrappedBlock(kek).keyWrappingData!, attributeNames: [] }
  for (const request of [{ keyWrapType: 'NotWrapped' }, { keyWrappingSpecification }] as const)
    t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier, ...request }))).reason, 'KeyWrapTypeNotSupported')
})

test('a wrapped private key in PKCS #1 is taken in whatever its form, and gives what was registered', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, wrappingKey)
  const plainKey = await bench.run('Register', {
    objectType: 'PrivateKey',
    attributes: [{ name: 'CryptographicUsageMask', value: 1 }],
    privateKey: { keyBlock: block('PKCS_1', pkcs1) },
  })
  for (const encodingOption of ['NoEncoding', 'TTLVEncoding'] as const) {
    const got = await bench.run('Get', {
      uniqueIdentifier: plainKey.uniqueIdentifier,
      keyWrappingSpecification: {
        wrappingMethod: 'Encrypt',
        encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode: 'AESKeyWrapPadding' } },
        attributeNames: [],
        encodingOption,
      },
    })
    const { uniqueIdentifier } = await bench.run('Register', {
      objectType: 'PrivateKey',
      attributes: [{ name: 'CryptographicUsageMask', value: 1 }],
      privateKey: got.privateKey,
    })
    const open = await bench.run('Get', { uniqueIdentifier, keyWrapType: 'NotWrapped' })
    t.deepEqual(
      plain(open.privateKey?.keyBlock),
      plain(block('PKCS_1', pkcs1, { cryptographicAlgorithm: 'RSA', cryptographicLength: 1024 })),
    )
  }
})

/** An RSA pair whose private key in PKCS #1 fills no whole blocks of 8 bytes, as most do: tokens refuse to wrap it, each time. */
function pairOfOddLength() {
  for (;;) {
    const made = generateKeyPairSync('rsa', { modulusLength: 1024 })
    if (made.privateKey.export({ format: 'der', type: 'pkcs1' }).length % 8 !== 0) return made
  }
}

const dsa = { format: 'TransparentDSAPublicKey', p: hex('00fc'), q: hex('0096'), g: hex('67'), y: hex('00b3') } as const

const refusals: readonly (readonly [string, Request, ResultReason, RegExp])[] = [
  [
    'an object of another kind than the Object Type says',
    { objectType: 'PrivateKey', attributes: [], symmetricKey: { keyBlock: block('Raw', bytes, aes) } },
    'InvalidMessage',
    /says PrivateKey/,
  ],
  ['no object', { objectType: 'SymmetricKey', attributes: [] }, 'InvalidMessage', /carries one SymmetricKey/],
  [
    'a length that is not the key’s',
    { objectType: 'SymmetricKey', attributes: [], symmetricKey: { keyBlock: block('Raw', bytes, { ...aes, cryptographicLength: 256 }) } },
    'InvalidField',
    /says 256 bits, but the AES key has 16 bytes/,
  ],
  [
    'attributes that say otherwise than the Key Block',
    {
      objectType: 'SymmetricKey',
      attributes: [{ name: 'CryptographicAlgorithm', value: 'DES3' }],
      symmetricKey: { keyBlock: block('Raw', bytes, aes) },
    },
    'InvalidField',
    /Key Block says Cryptographic Algorithm AES, the attributes say DES3/,
  ],
  [
    'a byte string that is not wrapped',
    {
      objectType: 'SymmetricKey',
      attributes: [],
      symmetricKey: { keyBlock: { keyFormatType: 'Raw', keyValue: { wrapped: bytes }, ...aes } },
    },
    'InvalidField',
    /goes with Key Wrapping Data/,
  ],
  [
    'PKCS #12',
    { objectType: 'PrivateKey', attributes: [], privateKey: { keyBlock: { keyFormatType: 'PKCS_12', keyValue: { wrapped: bytes } } } },
    'KeyFormatTypeNotSupported',
    /goes with Key Wrapping Data/,
  ],
  [
    'a certificate that is none',
    { objectType: 'Certificate', attributes: [], certificate: { certificateType: 'X_509', certificateValue: bytes } },
    'InvalidField',
    /no X.509 certificate/,
  ],
  [
    'an attribute that only the server sets',
    { objectType: 'SymmetricKey', attributes: [{ name: 'InitialDate', value: 1 }], symmetricKey: { keyBlock: block('Raw', bytes, aes) } },
    'ReadOnlyAttribute',
    /InitialDate/,
  ],
  [
    'wrapped Key Material that is a structure',
    {
      objectType: 'PublicKey',
      attributes: [],
      publicKey: {
        keyBlock: { ...wrappedBlock('x'), keyFormatType: 'TransparentDSAPublicKey', keyValue: { keyMaterial: dsa, attributes: [] } },
      },
    },
    'InvalidField',
    /wrapped Key Value is a byte string/,
  ],
]

for (const [what, request, reason, message] of refusals) {
  test(`refuses ${what}`, async (t) => {
    const bench = operationContext()
    const error = await t.throwsAsync<KmipError>(bench.run('Register', request))
    t.is(error.reason, reason)
    t.regex(error.message, message)
    t.is(bench.objects.size, 0)
  })
}

test('refuses a wrapped key that does not unwrap', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, 'ff0102030405060708090a0b0c0d0e0f')
  const request = { objectType: 'SymmetricKey', attributes: [], symmetricKey: { keyBlock: wrappedBlock(kek) } } as const
  t.is((await t.throwsAsync<KmipError>(bench.run('Register', request))).reason, 'CryptographicFailure')
})

test('the digest of a structure is made over its TTLV', async (t) => {
  const bench = operationContext()
  const material = { format: 'TransparentSymmetricKey', key: bytes } as const
  const { uniqueIdentifier } = await bench.run('Register', {
    objectType: 'SymmetricKey',
    attributes: [],
    symmetricKey: { keyBlock: { keyFormatType: material.format, keyValue: { keyMaterial: material, attributes: [] }, ...aes } },
  })
  const digest = bench.objects.get(String(uniqueIdentifier))?.attributes.get('Digest')
  const ttlv = Buffer.concat([hex('42004301 00000018 42003f08 00000010'.replaceAll(' ', '')), bytes])
  t.is(digest?.keyFormatType, 'TransparentSymmetricKey')
  t.deepEqual(Buffer.from(digest?.digestValue ?? []), createHash('sha256').update(ttlv).digest())
})
