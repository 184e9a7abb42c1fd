import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { operationContext } from '../support/operation-context.ts'
import { refusedTest, test } from '../support/operation-test.ts'
import { algorithms, hex, registerKey } from '../support/registered-keys.ts'

type Request = Omit<RequestPayload<'Encrypt'>, 'uniqueIdentifier'>
type Parameters = NonNullable<Request['cryptographicParameters']>

const key = '0123456789abcdef0123456789abcdef'
const block = hex('01020304050607080910111213141516')
const longer = hex('010203040506070809101112131415160102030405060708091011121314151601')
const iv = hex('01020304050607080910111213141516')

/** From the official cases CS-BC-M-4 to CS-BC-M-10, CS-BC-M-GCM-1 and 2, SP 800-38A (F.5.1, F.3.13, F.4.1), SP 800-38C (C.2) and IEEE 1619 (vector 15). */
const vectors: readonly (readonly [string, string, Request, string, string?])[] = [
  ['ECB', key, { cryptographicParameters: { blockCipherMode: 'ECB' }, data: block }, 'd9bcce11b0b437b90239552df3a360c9'],
  [
    'ECB, padded',
    key,
    { cryptographicParameters: { blockCipherMode: 'ECB', paddingMethod: 'PKCS5' }, data: block },
    'd9bcce11b0b437b90239552df3a360c90efb6bfed93b4d1ea2123ba4db075ff6',
  ],
  [
    'CBC, padded',
    key,
    { cryptographicParameters: { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' }, data: longer, ivCounterNonce: iv },
    '79abc5c23868ad84d388ce61110a62742bda19d694bbcb757dd06617c0d80fb1df2e71864ad9633d7d797e30860df00d',
  ],
  [
    'GCM',
    '00000000000000000000000000000000',
    { cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 16 }, data: new Uint8Array(16), ivCounterNonce: new Uint8Array(12) },
    '0388dace60b6a392f328c2b971b2fe78',
    'ab6e47d42cec13bdf53a67b21257bddf',
  ],
  [
    'GCM of no data, with additional data and a tag of 15 bytes',
    '6dfa1a07c14f978020ace450ad663d18',
    {
      cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 15 },
      data: new Uint8Array(),
      ivCounterNonce: hex('34edfa462a14c6969a680ec1'),
      additionalData: hex('2a35c7f5f8578e919a581c60500c04f6'),
    },
    '',
    '751f3098d59cf4ea1d2fb0853bde1c',
  ],
  [
    'CTR',
    '2b7e151628aed2a6abf7158809cf4f3c',
    {
      cryptographicParameters: { blockCipherMode: 'CTR' },
      data: hex('6bc1bee22e409f96e93d7e117393172a'),
      ivCounterNonce: hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
    },
    '874d6191b620e3261bef6864990db6ce',
  ],
  [
    'CFB, its segments whole blocks',
    '2b7e151628aed2a6abf7158809cf4f3c',
    {
      cryptographicParameters: { blockCipherMode: 'CFB' },
      data: hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'),
      ivCounterNonce: hex('000102030405060708090a0b0c0d0e0f'),
    },
    '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b',
  ],
  [
    'OFB',
    '2b7e151628aed2a6abf7158809cf4f3c',
    {
      cryptographicParameters: { blockCipherMode: 'OFB' },
      data: hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'),
      ivCounterNonce: hex('000102030405060708090a0b0c0d0e0f'),
    },
    '3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825',
  ],
  [
    'XTS, of a data unit that ends with part of a block',
    'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0',
    {
      cryptographicParameters: { blockCipherMode: 'XTS' },
      data: hex('000102030405060708090a0b0c0d0e0f10'),
      ivCounterNonce: hex('9a785634120000000000000000000000'),
    },
    '6c1625db4671522d3d7599601de7ca09ed',
  ],
  [
    'CCM',
    '404142434445464748494a4b4c4d4e4f',
    {
      cryptographicParameters: { blockCipherMode: 'CCM', tagLength: 6 },
      data: hex('202122232425262728292a2b2c2d2e2f'),
      ivCounterNonce: hex('1011121314151617'),
      additionalData: hex('000102030405060708090a0b0c0d0e0f'),
    },
    'd2a1f0e051ea5f62081a7792073d593d',
    '1fc64fbfaccd',
  ],
]

for (const [name, material, request, data, tag] of vectors) {
  test(`encrypts and decrypts: ${name}`, async (t) => {
    const bench = operationContext()
    const uniqueIdentifier = await registerKey(bench, material)
    const answer = await bench.run('Encrypt', { uniqueIdentifier, ...request })
    t.is(Buffer.from(answer.data!).toString('hex'), data)
    t.is(answer.tag && Buffer.from(answer.tag).toString('hex'), tag)
    t.is(answer.ivCounterNonce, undefined)
    const { cryptographicParameters, ivCounterNonce, additionalData } = request
    const back = await bench.run('Decrypt', {
      uniqueIdentifier,
      cryptographicParameters,
      ivCounterNonce,
      additionalData,
      data: answer.data,
      tag: answer.tag,
    })
    t.deepEqual(Buffer.from(back.data!), Buffer.from(request.data!))
  })
}

test('a nonce shorter than a block is followed by the Initial Counter Value', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const run = (cryptographicParameters: Parameters, nonce: string) =>
    bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters, data: longer, ivCounterNonce: hex(nonce) })
  const apart = await run({ blockCipherMode: 'CTR', initialCounterValue: 0x7cfdfeff }, 'f0f1f2f3f4f5f6f7f8f9fafb')
  const whole = await run({ blockCipherMode: 'CTR' }, 'f0f1f2f3f4f5f6f7f8f9fafb7cfdfeff')
  t.deepEqual(apart.data, whole.data)
})

for (const [parameters, length] of [
  [{ blockCipherMode: 'CBC', paddingMethod: 'PKCS5', randomIv: true }, 16],
  [{ blockCipherMode: 'CBC', paddingMethod: 'PKCS5' }, 16],
  [{ blockCipherMode: 'CTR', randomIv: true }, 16],
  [{ blockCipherMode: 'GCM' }, 12],
  [{ blockCipherMode: 'GCM', randomIv: true, ivLength: 128, tagLength: 12 }, 16],
  [{ blockCipherMode: 'CFB', randomIv: true }, 16],
  [{ blockCipherMode: 'OFB' }, 16],
  [{ blockCipherMode: 'CCM', tagLength: 16 }, 12],
  [{ blockCipherMode: 'CCM', randomIv: true, ivLength: 104, tagLength: 8 }, 13],
] as readonly (readonly [Parameters, number])[]) {
  test(`makes and answers the IV: ${JSON.stringify(parameters)}`, async (t) => {
    const bench = operationContext()
    const uniqueIdentifier = await registerKey(bench, key)
    const request = { uniqueIdentifier, cryptographicParameters: parameters, data: longer }
    const [one, other] = [await bench.run('Encrypt', request), await bench.run('Encrypt', request)]
    t.is(one.ivCounterNonce?.length, length)
    t.notDeepEqual(one.ivCounterNonce, other.ivCounterNonce)
    const { data, tag, ivCounterNonce } = one
    const back = await bench.run('Decrypt', { uniqueIdentifier, cryptographicParameters: parameters, data, tag, ivCounterNonce })
    t.deepEqual(Buffer.from(back.data!), longer)
  })
}

test('takes the key’s own Cryptographic Parameters when the request has none', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key, [
    { name: 'CryptographicParameters', value: { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } },
  ])
  const { data } = await bench.run('Encrypt', { uniqueIdentifier, data: longer, ivCounterNonce: iv })
  t.is(Buffer.from(data!).toString('hex'), vectors[2]![3])
})

test('3DES in CBC', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, '0123456789abcdef23456789abcdef01456789abcdef0123', [], algorithms.DES3)
  const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5', randomIv: true } as const
  const { data, ivCounterNonce } = await bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters, data: longer })
  t.is(ivCounterNonce?.length, 8)
  t.is(data?.length, 40)
  const back = await bench.run('Decrypt', { uniqueIdentifier, cryptographicParameters, data, ivCounterNonce })
  t.deepEqual(Buffer.from(back.data!), longer)
})

test('before 1.4 the GCM tag stands behind the ciphertext', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16 } as const
  const { data, tag, ivCounterNonce } = await bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters, data: longer })
  const back = await bench.run('Decrypt', {
    uniqueIdentifier,
    cryptographicParameters,
    ivCounterNonce,
    data: Buffer.concat([data!, tag!]),
  })
  t.deepEqual(Buffer.from(back.data!), longer)
})

const usageLimits = (total: bigint, unit: 'Byte' | 'Object'): AttributeInstance => ({ name: 'UsageLimits', value: { total, unit } })

for (const [unit, total] of [
  ['Byte', 16n],
  ['Object', 1n],
] as const) {
  test(`Usage Limits in ${unit} are counted down, and refuse when they are used up`, async (t) => {
    const bench = operationContext()
    const uniqueIdentifier = await registerKey(bench, key, [usageLimits(total, unit)])
    const request = { uniqueIdentifier, cryptographicParameters: { blockCipherMode: 'ECB' }, data: block } as const
    await bench.run('Encrypt', request)
    t.is(bench.objects.get(uniqueIdentifier)?.attributes.get('UsageLimits')?.count, 0n)
    const error = await t.throwsAsync<KmipError>(bench.run('Encrypt', request))
    t.is(error.reason, 'PermissionDenied')
    await t.notThrowsAsync(bench.run('Decrypt', request))
  })
}

const now = 1_700_000_000

const refusals: readonly (readonly [string, Request, ResultReason, RegExp, (readonly AttributeInstance[])?])[] = [
  ['no mode', { data: block }, 'BadCryptographicParameters', /name a Block Cipher Mode/],
  [
    'a mode nobody has',
    { cryptographicParameters: { blockCipherMode: 'PCBC' }, data: block },
    'UnsupportedCryptographicParameters',
    /PCBC/,
  ],
  [
    'a padding nobody has',
    { cryptographicParameters: { blockCipherMode: 'ECB', paddingMethod: 'SSL3' }, data: block },
    'UnsupportedCryptographicParameters',
    /SSL3/,
  ],
  [
    'an algorithm that is not the key’s',
    { cryptographicParameters: { blockCipherMode: 'ECB', cryptographicAlgorithm: 'DES3' }, data: block },
    'BadCryptographicParameters',
    /say DES3, but the key is of AES/,
  ],
  [
    'no IV, and none wanted from the server',
    { cryptographicParameters: { blockCipherMode: 'CBC', randomIv: false }, data: block },
    'InvalidMessage',
    /IV\/Counter\/Nonce is missing/,
  ],
  [
    'a tag of one byte',
    { cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 1 }, data: block },
    'GeneralFailure',
    /12 to 16 bytes/,
  ],
  [
    'a tag of 32 bytes',
    { cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 32 }, data: block },
    'GeneralFailure',
    /12 to 16 bytes/,
  ],
  [
    'GCM with an IV of 129 bytes',
    { cryptographicParameters: { blockCipherMode: 'GCM' }, data: block, ivCounterNonce: Buffer.alloc(129) },
    'InvalidField',
    /takes an IV of 1 to 128 bytes, not 129/,
  ],
  [
    'CCM without a Tag Length',
    { cryptographicParameters: { blockCipherMode: 'CCM' }, data: block },
    'BadCryptographicParameters',
    /needs a Tag Length/,
  ],
  [
    'CCM with a tag of 5 bytes',
    { cryptographicParameters: { blockCipherMode: 'CCM', tagLength: 5 }, data: block },
    'InvalidField',
    /tag length of 4, 6, 8, 10, 12, 14 or 16 bytes, not 5/,
  ],
  [
    'CCM with a nonce as long as a block',
    { cryptographicParameters: { blockCipherMode: 'CCM', tagLength: 8 }, data: block, ivCounterNonce: iv },
    'InvalidField',
    /nonce of 7 to 13 bytes, not 16/,
  ],
  [
    'XTS with a key of 128 bits, which is no two keys',
    { cryptographicParameters: { blockCipherMode: 'XTS' }, data: block, ivCounterNonce: iv },
    'UnsupportedCryptographicParameters',
    /AES-XTS: this key has 128 bits/,
  ],
  [
    'CFB with an IV of 8 bytes',
    { cryptographicParameters: { blockCipherMode: 'CFB' }, data: block, ivCounterNonce: iv.subarray(8) },
    'InvalidField',
    /IV of 16 bytes, not 8/,
  ],
  ['no data', { cryptographicParameters: { blockCipherMode: 'ECB' } }, 'InvalidMessage', /has no Data/],
  [
    'a part of a block without padding',
    { cryptographicParameters: { blockCipherMode: 'ECB' }, data: longer },
    'InvalidField',
    /multiple of 16 bytes/,
  ],
  [
    'a key that may not encrypt',
    { cryptographicParameters: { blockCipherMode: 'ECB' }, data: block },
    'IncompatibleCryptographicUsageMask',
    /may not be used for Encrypt/,
    [{ name: 'CryptographicUsageMask', value: 0x8 }],
  ],
  [
    'a key before its activation',
    { cryptographicParameters: { blockCipherMode: 'ECB' }, data: block },
    'WrongKeyLifecycleState',
    /PreActive/,
    [{ name: 'ActivationDate', value: now + 10 }],
  ],
  [
    'a key after its Protect Stop Date',
    { cryptographicParameters: { blockCipherMode: 'ECB' }, data: block },
    'WrongKeyLifecycleState',
    /Protect Stop Date/,
    [{ name: 'ProtectStopDate', value: now - 10 }],
  ],
]

for (const [what, request, reason, message, attributes = []] of refusals) {
  const attempt = async () => {
    const bench = operationContext({ now })
    const uniqueIdentifier = await registerKey(bench, key, attributes)
    await bench.run('Encrypt', { uniqueIdentifier, ...request })
  }
  refusedTest(`refuses ${what}`, attempt, { reason, says: message })
}

test('refuses a destroyed key, an unknown one, and what is no key', async (t) => {
  const bench = operationContext({ now })
  const uniqueIdentifier = await registerKey(bench, key)
  const request = { cryptographicParameters: { blockCipherMode: 'ECB' }, data: block } as const
  const secret = await bench.run('Register', {
    objectType: 'SecretData',
    attributes: [
      { name: 'CryptographicUsageMask', value: 0x4 },
      { name: 'ActivationDate', value: now - 10 },
    ],
    secretData: { secretDataType: 'Password', keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: block, attributes: [] } } },
  })
  await bench.run('Revoke', { uniqueIdentifier, revocationReason: { code: 'Unspecified' } })
  await bench.run('Destroy', { uniqueIdentifier })
  for (const [identifier, reason] of [
    [uniqueIdentifier, 'ObjectDestroyed'],
    ['nobody', 'ObjectNotFound'],
    [secret.uniqueIdentifier, 'InvalidObjectType'],
  ] as const) {
    const error = await t.throwsAsync<KmipError>(bench.run('Encrypt', { uniqueIdentifier: identifier, ...request }))
    t.is(error.reason, reason)
  }
})
