import { constants, createHash, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import type { KmipError } from '../../spec/kmip-error.ts'
import type { RequestPayload } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { registered } from '../support/registered-keys.ts'

type Parameters = NonNullable<RequestPayload<'Sign'>['cryptographicParameters']>

const data = Buffer.from('a text to sign')
const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  ed25519: generateKeyPairSync('ed25519'),
}
type PairName = keyof typeof pairs

async function registerPair(bench: OperationBench, name: PairName, cryptographicParameters?: Parameters) {
  const attributes =
    cryptographicParameters === undefined ? [] : [{ name: 'CryptographicParameters', value: cryptographicParameters } as const]
  const { privateKey, publicKey } = pairs[name]
  const material = (bytes: Uint8Array) => ({ keyMaterial: bytes, attributes: [] })
  return {
    privateKey: await registered(bench, 'PrivateKey', attributes, {
      keyFormatType: 'PKCS_8',
      keyValue: material(privateKey.export({ format: 'der', type: 'pkcs8' })),
    }),
    publicKey: await registered(bench, 'PublicKey', attributes, {
      keyFormatType: 'X_509',
      keyValue: material(publicKey.export({ format: 'der', type: 'spki' })),
    }),
  }
}

const pss = (publicKey: KeyObject, saltLength: number) => ({ key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })

/** Each with what node:crypto makes of the signature. */
const schemes: readonly (readonly [string, PairName, Parameters, (signature: Uint8Array, key: KeyObject) => boolean])[] = [
  ['RSA by its hash', 'rsa', { hashingAlgorithm: 'SHA_256' }, (signature, key) => verify('sha256', data, key, signature)],
  [
    'RSA by the name of its algorithm',
    'rsa',
    { digitalSignatureAlgorithm: 'SHA_384WithRSAEncryption' },
    (signature, key) => verify('sha384', data, key, signature),
  ],
  [
    'RSA with PKCS #1 v1.5 padding',
    'rsa',
    { paddingMethod: 'PKCS1V1_5', hashingAlgorithm: 'SHA_512', cryptographicAlgorithm: 'RSA' },
    (signature, key) => verify('sha512', data, key, signature),
  ],
  [
    'PSS',
    'rsa',
    { paddingMethod: 'PSS', hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'RSA' },
    (signature, key) => verify('sha256', data, pss(key, 32), signature),
  ],
  [
    'PSS by name, with the longest salt',
    'rsa',
    { digitalSignatureAlgorithm: 'RSASSA_PSS', hashingAlgorithm: 'SHA_256', saltLength: 222 },
    (signature, key) => verify('sha256', data, pss(key, 222), signature),
  ],
  [
    'ECDSA',
    'p256',
    { hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'ECDSA' },
    (signature, key) => verify('sha256', data, key, signature),
  ],
  ['ECDSA by name', 'p256', { digitalSignatureAlgorithm: 'ECDSAWithSHA384' }, (signature, key) => verify('sha384', data, key, signature)],
  ['Ed25519', 'ed25519', {}, (signature, key) => verify(null, data, key, signature)],
]

for (const [name, pair, parameters, isValid] of schemes) {
  test(`signs and verifies: ${name}`, async (t) => {
    const bench = operationContext()
    const { privateKey, publicKey } = await registerPair(bench, pair, parameters)
    const { signatureData } = await bench.run('Sign', { uniqueIdentifier: privateKey, data })
    t.true(isValid(signatureData!, pairs[pair].publicKey))
    const check = async (request: Partial<RequestPayload<'SignatureVerify'>>) =>
      (await bench.run('SignatureVerify', { uniqueIdentifier: publicKey, data, signatureData, ...request })).validityIndicator
    t.is(await check({}), 'Valid')
    t.is(await check({ cryptographicParameters: parameters }), 'Valid')
    t.is(await check({ data: Buffer.from('another text') }), 'Invalid')
    t.is(await check({ signatureData: Buffer.concat([Buffer.of(signatureData![0]! ^ 1), signatureData!.subarray(1)]) }), 'Invalid')
    t.is(await check({ signatureData: signatureData!.subarray(1) }), 'Invalid')
  })
}

test('a PSS signature with any usual salt is valid where no Salt Length is given', async (t) => {
  const bench = operationContext()
  const parameters = { paddingMethod: 'PSS', hashingAlgorithm: 'SHA_256' } as const
  const { publicKey } = await registerPair(bench, 'rsa', parameters)
  for (const saltLength of [32, 222, 0]) {
    const signatureData = sign('sha256', data, pss(pairs.rsa.privateKey, saltLength))
    const answer = await bench.run('SignatureVerify', { uniqueIdentifier: publicKey, data, signatureData })
    t.is(answer.validityIndicator, 'Valid')
    const strict = await bench.run('SignatureVerify', {
      uniqueIdentifier: publicKey,
      data,
      signatureData,
      cryptographicParameters: { ...parameters, saltLength: 222 },
    })
    t.is(strict.validityIndicator, saltLength === 222 ? 'Valid' : 'Invalid')
  }
})

test('an RSA signature that begins with zeros is valid with them, and not without', async (t) => {
  const bench = operationContext()
  const parameters = { paddingMethod: 'PSS', hashingAlgorithm: 'SHA_256', saltLength: 32 } as const
  const { publicKey } = await registerPair(bench, 'rsa', parameters)
  let whole = sign('sha256', data, pss(pairs.rsa.privateKey, 32))
  while (whole[0] !== 0) whole = sign('sha256', data, pss(pairs.rsa.privateKey, 32))
  for (const [signatureData, expected] of [
    [whole, 'Valid'],
    [whole.subarray(1), 'Invalid'],
  ] as const) {
    const request = { uniqueIdentifier: publicKey, signatureData }
    t.is((await bench.run('SignatureVerify', { ...request, data })).validityIndicator, expected)
    const { correlationValue } = await bench.run('SignatureVerify', { uniqueIdentifier: publicKey, data, initIndicator: true })
    const end = { ...request, data: Buffer.alloc(0), finalIndicator: true, correlationValue }
    t.is((await bench.run('SignatureVerify', end)).validityIndicator, expected)
  }
})

for (const parameters of [{ hashingAlgorithm: 'SHA_256' }, {}] as const) {
  test(`signs a digest: ${JSON.stringify(parameters)}`, async (t) => {
    const bench = operationContext()
    const { privateKey, publicKey } = await registerPair(bench, 'rsa', { cryptographicAlgorithm: 'RSA', ...parameters })
    const digestedData = createHash('sha256').update(data).digest()
    const { signatureData } = await bench.run('Sign', { uniqueIdentifier: privateKey, digestedData })
    t.is((await bench.run('SignatureVerify', { uniqueIdentifier: publicKey, digestedData, signatureData })).validityIndicator, 'Valid')
    const cryptographicParameters = { hashingAlgorithm: 'SHA_256', ...parameters } as const
    const whole = await bench.run('SignatureVerify', { uniqueIdentifier: publicKey, data, signatureData, cryptographicParameters })
    t.is(whole.validityIndicator, 'Valid')
  })
}

test('refuses what cannot be signed with', async (t) => {
  const bench = operationContext()
  const rsa = await registerPair(bench, 'rsa')
  const p256 = await registerPair(bench, 'p256')
  for (const [uniqueIdentifier, request, reason] of [
    [rsa.privateKey, { data }, 'BadCryptographicParameters'],
    [
      rsa.privateKey,
      { data, cryptographicParameters: { paddingMethod: 'X9_31', hashingAlgorithm: 'SHA_1' } },
      'UnsupportedCryptographicParameters',
    ],
    [
      rsa.privateKey,
      { data, cryptographicParameters: { digitalSignatureAlgorithm: 'DSAWithSHA256' } },
      'UnsupportedCryptographicParameters',
    ],
    [p256.privateKey, { data, cryptographicParameters: { digitalSignatureAlgorithm: 'SHA_256WithRSAEncryption' } }, 'InvalidField'],
    [rsa.publicKey, { data, cryptographicParameters: { hashingAlgorithm: 'SHA_256' } }, 'InvalidField'],
    [rsa.privateKey, { cryptographicParameters: { hashingAlgorithm: 'SHA_256' } }, 'InvalidMessage'],
    [rsa.privateKey, { data, correlationValue: data }, 'InvalidCorrelationValue'],
    [rsa.privateKey, { digestedData: data, cryptographicParameters: { hashingAlgorithm: 'SHA_256' } }, 'InvalidField'],
  ] as const) {
    const error = await t.throwsAsync<KmipError>(bench.run('Sign', { uniqueIdentifier, ...request }))
    t.is(error.reason, reason)
  }
})
