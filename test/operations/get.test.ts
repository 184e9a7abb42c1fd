import { createDecipheriv, createPrivateKey, createPublicKey } from 'node:crypto'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload, StructureValue } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { hex, registerKey } from '../support/registered-keys.ts'

type Specification = StructureValue<'KeyWrappingSpecification'>

const kekBytes = '000102030405060708090a0b0c0d0e0f'
const key = '00112233445566778899aabbccddeeff'
/** RFC 3394 §4.1. */
const wrapped = hex('1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5')

function wrapWith(uniqueIdentifier: string, more: Partial<Specification> = {}): Specification {
  return {
    wrappingMethod: 'Encrypt',
    encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: { blockCipherMode: 'NISTKeyWrap' } },
    attributeNames: [],
    ...more,
  }
}

async function create(bench: OperationBench, ...attributes: AttributeInstance[]): Promise<string> {
  const { uniqueIdentifier } = await bench.run('Create', {
    objectType: 'SymmetricKey',
    attributes: [{ name: 'CryptographicAlgorithm', value: 'AES' }, { name: 'CryptographicLength', value: 256 }, ...attributes],
  })
  return String(uniqueIdentifier)
}

test('gives a created key, in the formats of a symmetric key', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await create(bench)
  const raw = await bench.run('Get', { uniqueIdentifier })
  const keyBlock = raw.symmetricKey?.keyBlock
  t.is(keyBlock?.keyFormatType, 'Raw')
  t.is(keyBlock?.cryptographicAlgorithm, 'AES')
  t.is(keyBlock?.cryptographicLength, 256)
  const keyMaterial = keyBlock?.keyValue && 'keyMaterial' in keyBlock.keyValue ? keyBlock.keyValue.keyMaterial : undefined
  t.is((keyMaterial as Uint8Array).length, 32)
  const transparent = await bench.run('Get', { uniqueIdentifier, keyFormatType: 'TransparentSymmetricKey' })
  t.deepEqual(transparent.symmetricKey?.keyBlock.keyValue, {
    keyMaterial: { format: 'TransparentSymmetricKey', key: keyMaterial },
    attributes: [],
  } as never)
})

for (const [name, algorithm, length, domain, formats] of [
  [
    'RSA',
    'RSA',
    1024,
    [],
    { privateKey: ['PKCS_1', 'PKCS_8', 'TransparentRSAPrivateKey'], publicKey: ['PKCS_1', 'X_509', 'TransparentRSAPublicKey'] },
  ],
  [
    'EC',
    'EC',
    256,
    [{ name: 'CryptographicDomainParameters', value: { recommendedCurve: 'P_256' } }],
    { privateKey: ['ECPrivateKey', 'PKCS_8', 'TransparentECPrivateKey'], publicKey: ['X_509', 'TransparentECPublicKey'] },
  ],
  ['Ed25519', 'Ed25519', 256, [], { privateKey: ['PKCS_8', 'Raw'], publicKey: ['X_509', 'Raw'] }],
] as const) {
  test(`gives both keys of a created ${name} pair in every format, the first by default`, async (t) => {
    const bench = operationContext()
    const made = await bench.run('CreateKeyPair', {
      commonAttributes: [{ name: 'CryptographicAlgorithm', value: algorithm }, { name: 'CryptographicLength', value: length }, ...domain],
      privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }],
      publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
    })
    for (const [side, uniqueIdentifier] of [
      ['privateKey', made.privateKeyUniqueIdentifier],
      ['publicKey', made.publicKeyUniqueIdentifier],
    ] as const) {
      const byDefault = await bench.run('Get', { uniqueIdentifier })
      t.is(byDefault[side]?.keyBlock.keyFormatType, formats[side][0])
      for (const keyFormatType of formats[side]) {
        const { keyBlock } = (await bench.run('Get', { uniqueIdentifier, keyFormatType }))[side]!
        t.is(keyBlock.keyFormatType, keyFormatType)
        const material = keyBlock.keyValue && 'keyMaterial' in keyBlock.keyValue ? keyBlock.keyValue.keyMaterial : undefined
        if (keyFormatType === 'PKCS_8')
          t.notThrows(() => createPrivateKey({ key: Buffer.from(material as Uint8Array), format: 'der', type: 'pkcs8' }))
        if (keyFormatType === 'X_509')
          t.notThrows(() => createPublicKey({ key: Buffer.from(material as Uint8Array), format: 'der', type: 'spki' }))
      }
      const error = await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier, keyFormatType: 'TransparentSymmetricKey' }))
      t.is(error.reason, 'KeyFormatTypeNotSupported')
    }
  })
}

test('Fresh until it is given for the first time, and after a refusal', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await create(bench)
  const isFresh = () => bench.objects.get(uniqueIdentifier)?.attributes.get('Fresh')
  await t.throwsAsync(bench.run('Get', { uniqueIdentifier, keyFormatType: 'PKCS_1' }))
  t.true(isFresh())
  await bench.run('Get', { uniqueIdentifier })
  t.false(isFresh())
  const { generation } = bench.objects.get(uniqueIdentifier)!
  await bench.run('Get', { uniqueIdentifier })
  t.is(bench.objects.get(uniqueIdentifier)?.generation, generation)
})

test('wraps as RFC 3394 does, without letting the key out (TC-WRAP-3)', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, kekBytes)
  const uniqueIdentifier = await registerKey(bench, key)
  const specification = wrapWith(kek, { encodingOption: 'NoEncoding' })
  const { symmetricKey } = await bench.run('Get', { uniqueIdentifier, keyWrappingSpecification: specification })
  t.deepEqual(symmetricKey?.keyBlock.keyValue, { keyMaterial: wrapped, attributes: [] } as never)
  t.like(symmetricKey?.keyBlock.keyWrappingData, { wrappingMethod: 'Encrypt', encodingOption: 'NoEncoding' })
  t.is(symmetricKey?.keyBlock.keyWrappingData?.encryptionKeyInformation?.uniqueIdentifier, kek)
})

test('wraps the TTLV of the Key Value unless No Encoding is asked for', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, kekBytes)
  const uniqueIdentifier = await registerKey(bench, key)
  for (const more of [{}, { encodingOption: 'TTLVEncoding' }] as const) {
    const { symmetricKey } = await bench.run('Get', { uniqueIdentifier, keyWrappingSpecification: wrapWith(kek, more) })
    const keyValue = symmetricKey?.keyBlock.keyValue
    const bytes = keyValue && 'wrapped' in keyValue ? keyValue.wrapped : new Uint8Array()
    const decipher = createDecipheriv('id-aes128-wrap', hex(kekBytes), Buffer.alloc(8, 0xa6))
    const open = Buffer.concat([decipher.update(bytes), decipher.final()])
    t.is(open.toString('hex'), `4200450100000018420043080000001000112233445566778899aabbccddeeff`)
  }
})

test('wraps with a cipher, and answers the IV', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, kekBytes)
  const uniqueIdentifier = await registerKey(bench, key)
  const { symmetricKey } = await bench.run('Get', {
    uniqueIdentifier,
    keyWrappingSpecification: wrapWith(kek, {
      encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } },
      encodingOption: 'NoEncoding',
    }),
  })
  const { keyValue, keyWrappingData } = symmetricKey!.keyBlock
  const decipher = createDecipheriv('aes-128-cbc', hex(kekBytes), keyWrappingData!.ivCounterNonce!)
  const data = keyValue && 'keyMaterial' in keyValue ? (keyValue.keyMaterial as Uint8Array) : new Uint8Array()
  t.is(Buffer.concat([decipher.update(data), decipher.final()]).toString('hex'), key)
})

const sensitive: AttributeInstance = { name: 'Sensitive', value: true }
const captive: AttributeInstance = { name: 'Extractable', value: false }

test('a sensitive key leaves only wrapped, by its partition (TC-SENSITIVE-1)', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, kekBytes)
  const uniqueIdentifier = await create(bench, sensitive)
  const bare = wrapWith(kek, { encodingOption: 'NoEncoding' })
  const { symmetricKey } = await bench.run('Get', { uniqueIdentifier, keyWrappingSpecification: bare })
  const { keyValue } = symmetricKey!.keyBlock
  t.is(keyValue && 'wrapped' in keyValue ? keyValue.wrapped.length : 0, 40)
  const refused: readonly (readonly [Omit<RequestPayload<'Get'>, 'uniqueIdentifier'>, ResultReason])[] = [
    [{}, 'Sensitive'],
    [{ keyWrapType: 'NotWrapped' }, 'Sensitive'],
    [{ keyWrappingSpecification: wrapWith(kek) }, 'EncodingOptionError'],
    [{ keyWrappingSpecification: bare, keyFormatType: 'TransparentSymmetricKey' }, 'KeyFormatTypeNotSupported'],
  ]
  for (const [request, reason] of refused)
    t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier, ...request }))).reason, reason)
})

test('a key that is not extractable leaves in no form (TC-EXTRACTABLE-1)', async (t) => {
  const bench = operationContext()
  const kek = await registerKey(bench, kekBytes)
  for (const attributes of [[captive], [captive, sensitive]]) {
    const uniqueIdentifier = await create(bench, ...attributes)
    for (const request of [{}, { keyWrappingSpecification: wrapWith(kek, { encodingOption: 'NoEncoding' }) }])
      t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier, ...request }))).reason, 'NotExtractable')
  }
})

test('what a client has tightened since counts too', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await create(bench)
  await bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: sensitive })
  t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier }))).reason, 'Sensitive')
  await bench.run('ModifyAttribute', { uniqueIdentifier, newAttribute: captive })
  t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier }))).reason, 'NotExtractable')
})

test('a sensitive public key, a DSA one at that, does not leave either (BL-M-12)', async (t) => {
  const bench = operationContext()
  const material = {
    format: 'TransparentDSAPublicKey',
    p: hex('00000000000000fc'),
    q: hex('0000000000000096'),
    g: hex('0000000000000067'),
    y: hex('00000000000000b3'),
  } as const
  const register = async (attributes: readonly AttributeInstance[]) =>
    (
      await bench.run('Register', {
        objectType: 'PublicKey',
        attributes,
        publicKey: {
          keyBlock: {
            keyFormatType: material.format,
            keyValue: { keyMaterial: material, attributes: [] },
            cryptographicAlgorithm: 'DSA',
            cryptographicLength: 512,
          },
        },
      })
    ).uniqueIdentifier
  t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier: await register([sensitive]) }))).reason, 'Sensitive')
  const { publicKey } = await bench.run('Get', { uniqueIdentifier: await register([]) })
  t.deepEqual(
    JSON.stringify(
      publicKey?.keyBlock.keyValue && 'keyMaterial' in publicKey.keyBlock.keyValue ? publicKey.keyBlock.keyValue.keyMaterial : {},
    ),
    JSON.stringify(material),
  )
})

test('a compromised key can be had, a destroyed one cannot (BL-M-8)', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await create(bench)
  await bench.run('Revoke', { uniqueIdentifier, revocationReason: { code: 'KeyCompromise' } })
  await t.notThrowsAsync(bench.run('Get', { uniqueIdentifier }))
  await bench.run('Destroy', { uniqueIdentifier })
  t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier }))).reason, 'ObjectDestroyed')
  t.is((await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier: 'nobody' }))).reason, 'ObjectNotFound')
})

const refusals: readonly (readonly [string, (kek: string) => Specification, ResultReason, RegExp])[] = [
  ['a wrapping key that is not there', () => wrapWith('nobody'), 'WrappingObjectNotFound', /no wrapping key nobody/],
  ['no wrapping key at all', () => ({ wrappingMethod: 'Encrypt', attributeNames: [] }), 'InvalidMessage', /names no wrapping key/],
  ['another Wrapping Method', (kek) => wrapWith(kek, { wrappingMethod: 'EncryptThenMACSign' }), 'FeatureNotSupported', /Use Encrypt/],
  [
    'attributes with No Encoding',
    (kek) => wrapWith(kek, { attributeNames: ['State'], encodingOption: 'NoEncoding' }),
    'EncodingOptionError',
    /holds no attributes/,
  ],
  ['attributes with the key', (kek) => wrapWith(kek, { attributeNames: ['State'] }), 'FeatureNotSupported', /Get Attributes/],
  [
    'no parameters, neither in the request nor with the wrapping key',
    (kek) => wrapWith(kek, { encryptionKeyInformation: { uniqueIdentifier: kek } }),
    'BadCryptographicParameters',
    /says how to wrap/,
  ],
  ...(['GCM', 'CCM', 'XTS'] as const).map((blockCipherMode): (typeof refusals)[number] => [
    blockCipherMode,
    (kek) => wrapWith(kek, { encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode } } }),
    'UnsupportedCryptographicParameters',
    new RegExp(`${blockCipherMode} does not wrap keys`),
  ]),
]

for (const [what, specification, reason, message] of refusals) {
  test(`refuses to wrap: ${what}`, async (t) => {
    const bench = operationContext()
    const kek = await registerKey(bench, kekBytes)
    const uniqueIdentifier = await registerKey(bench, key)
    const error = await t.throwsAsync<KmipError>(bench.run('Get', { uniqueIdentifier, keyWrappingSpecification: specification(kek) }))
    t.is(error.reason, reason)
    t.regex(error.message, message)
  })
}

test('a wrapping key’s own parameters, mask, state and limits hold', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const get = async (attributes: readonly AttributeInstance[]) => {
    const kek = await registerKey(bench, kekBytes, attributes)
    return bench.run('Get', { uniqueIdentifier, keyWrappingSpecification: wrapWith(kek, { encodingOption: 'NoEncoding' }) })
  }
  const own = (blockCipherMode: 'NISTKeyWrap' | 'CBC'): AttributeInstance => ({
    name: 'CryptographicParameters',
    value: { blockCipherMode },
  })
  await t.notThrowsAsync(get([own('CBC'), own('NISTKeyWrap')]))
  for (const [attributes, reason] of [
    [[own('CBC')], 'BadCryptographicParameters'],
    [[{ name: 'CryptographicUsageMask', value: 0xc }], 'IncompatibleCryptographicUsageMask'],
    [[{ name: 'ActivationDate', value: bench.context.now + 1 }], 'WrongKeyLifecycleState'],
    [[{ name: 'UsageLimits', value: { total: 0n, unit: 'Object' } }], 'PermissionDenied'],
  ] as const)
    t.is((await t.throwsAsync<KmipError>(get(attributes))).reason, reason)
})

for (const [request, reason] of [
  [{ keyFormatType: 'Raw' }, undefined],
  [{ keyFormatType: 'Opaque' }, undefined],
  [{ keyFormatType: 'X_509' }, 'KeyFormatTypeNotSupported'],
  [{ keyCompressionType: 'ECPublicKeyTypeX9_62Hybrid' }, 'KeyCompressionTypeNotSupported'],
  [{ keyWrappingSpecification: wrapWith('any') }, 'InvalidObjectType'],
] as const) {
  test(`an Opaque Object, asked for with ${JSON.stringify(request)}`, async (t) => {
    const bench = operationContext()
    const opaqueObject = { opaqueDataType: 1, opaqueDataValue: hex(key) }
    const { uniqueIdentifier } = await bench.run('Register', { objectType: 'OpaqueObject', attributes: [], opaqueObject })
    const answer = bench.run('Get', { uniqueIdentifier, ...request })
    if (reason === undefined) t.deepEqual(Buffer.from((await answer).opaqueObject!.opaqueDataValue), hex(key))
    else t.is((await t.throwsAsync<KmipError>(answer)).reason, reason)
  })
}
