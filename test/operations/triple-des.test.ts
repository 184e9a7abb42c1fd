import type { RequestPayload } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { refusedTest, test } from '../support/operation-test.ts'
import { algorithms, hex, registerKey } from '../support/registered-keys.ts'

const key = '0123456789abcdef23456789abcdef01456789abcdef0123'
const length = { name: 'CryptographicLength', value: 168 } as const
const tripleDes = { name: 'CryptographicAlgorithm', value: 'DES3' } as const
const cbc = { blockCipherMode: 'CBC' } as const
const refused = {
  reason: 'UnsupportedCryptographicParameters',
  says: /3DES \(DES3\) is off for this tenant.*tenant set NAME --3des allow/,
} as const

/** Of a tenant that says nothing about 3DES. */
const bench = (policy: Partial<OperationBench['context']['policy']> = {}) =>
  operationContext({ policy: { sensitive: false, extractable: true, ...policy } })

const uses: Readonly<Record<string, (bench: OperationBench, uniqueIdentifier: string) => Promise<unknown>>> = {
  Encrypt: (on, uniqueIdentifier) =>
    on.run('Encrypt', { uniqueIdentifier, cryptographicParameters: cbc, data: hex(key), ivCounterNonce: hex('0102030405060708') }),
  Decrypt: (on, uniqueIdentifier) =>
    on.run('Decrypt', { uniqueIdentifier, cryptographicParameters: cbc, data: hex(key), ivCounterNonce: hex('0102030405060708') }),
  'MAC by HMAC': (on, uniqueIdentifier) =>
    on.run('MAC', { uniqueIdentifier, cryptographicParameters: { cryptographicAlgorithm: 'HMAC_SHA256' }, data: hex(key) }),
  'a stream': (on, uniqueIdentifier) =>
    on.run('Encrypt', { uniqueIdentifier, cryptographicParameters: cbc, ivCounterNonce: hex('0102030405060708'), initIndicator: true }),
  'Derive Key from it': (on, uniqueIdentifier) => on.run('DeriveKey', derivation(uniqueIdentifier, 'AES', 128)),
  wrapping: async (on, uniqueIdentifier) =>
    on.run('Get', {
      uniqueIdentifier: await registerKey(on, '00112233445566778899aabbccddeeff'),
      keyWrappingSpecification: {
        wrappingMethod: 'Encrypt',
        encryptionKeyInformation: { uniqueIdentifier, cryptographicParameters: cbc },
        attributeNames: [],
        encodingOption: 'NoEncoding',
      },
    }),
}

function derivation(base: string, algorithm: 'AES' | 'DES3', bits: number): RequestPayload<'DeriveKey'> {
  return {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: [base],
    derivationMethod: 'HASH',
    derivationParameters: { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, derivationData: [] },
    templates: [],
    attributes: [
      { name: 'CryptographicAlgorithm', value: algorithm },
      { name: 'CryptographicLength', value: bits },
    ],
  }
}

for (const [title, use] of Object.entries(uses))
  refusedTest(
    `3DES is off unless allowed: ${title}`,
    async () => {
      const on = bench()
      await use(on, await registerKey(on, key, [], algorithms.DES3))
    },
    refused,
  )

refusedTest(
  '3DES is off unless allowed: Create',
  () => bench().run('Create', { objectType: 'SymmetricKey', attributes: [tripleDes, length] }),
  refused,
)

refusedTest(
  '3DES is off unless allowed: Derive Key to it',
  async () => {
    const on = bench({ tripleDes: false })
    await on.run('DeriveKey', derivation(await registerKey(on, '00112233445566778899aabbccddeeff'), 'DES3', 168))
  },
  refused,
)

test('where 3DES is off its keys are still registered, found and given back', async (t) => {
  const on = bench()
  const uniqueIdentifier = await registerKey(on, key, [], algorithms.DES3)
  t.deepEqual((await on.run('Locate', { attributes: [tripleDes] })).uniqueIdentifiers, [uniqueIdentifier])
  const { symmetricKey } = await on.run('Get', { uniqueIdentifier })
  t.deepEqual(symmetricKey?.keyBlock.keyValue, { keyMaterial: hex(key), attributes: [] })
})

test('where 3DES is allowed it is made and used', async (t) => {
  const on = bench({ tripleDes: true })
  const { uniqueIdentifier } = await on.run('Create', {
    objectType: 'SymmetricKey',
    attributes: [tripleDes, length, { name: 'ActivationDate', value: 1_000_000_000 }],
  })
  const sealed = await on.run('Encrypt', {
    uniqueIdentifier,
    cryptographicParameters: cbc,
    data: hex(key),
    ivCounterNonce: hex('0102030405060708'),
  })
  t.is(sealed.data?.length, 24)
})
