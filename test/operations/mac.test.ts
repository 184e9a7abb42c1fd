import { createHmac } from 'node:crypto'
import type { KmipError } from '../../spec/kmip-error.ts'
import { operationContext } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { hex, registerKey } from '../support/registered-keys.ts'

const key = '0123456789abcdef0123456789abcdef'
const data = hex('01020304050607080910111213141516')

test('an AES key serves HMAC when its Cryptographic Parameters say so (CS-AC-M-4)', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key, [
    { name: 'CryptographicParameters', value: { cryptographicAlgorithm: 'HMAC_SHA256' } },
  ])
  const { macData } = await bench.run('MAC', { uniqueIdentifier, data })
  t.is(Buffer.from(macData!).toString('hex'), 'c911e78196d64c30f631bb079ea37b97a95936d4da764d6a171df030c895ecf9')
})

for (const [algorithm, node] of [
  ['HMAC_SHA1', 'sha1'],
  ['HMAC_SHA224', 'sha224'],
  ['HMAC_SHA256', 'sha256'],
  ['HMAC_SHA384', 'sha384'],
  ['HMAC_SHA512', 'sha512'],
  ['HMAC_SHA3_256', 'sha3-256'],
] as const) {
  test(`${algorithm}, by the key’s algorithm or the request’s`, async (t) => {
    const bench = operationContext()
    const expected = createHmac(node, hex(key)).update(data).digest()
    const own = await registerKey(bench, key, [], algorithm)
    t.deepEqual(Buffer.from((await bench.run('MAC', { uniqueIdentifier: own, data })).macData!), expected)
    const other = await registerKey(bench, key)
    const cryptographicParameters = { cryptographicAlgorithm: algorithm }
    t.deepEqual(Buffer.from((await bench.run('MAC', { uniqueIdentifier: other, data, cryptographicParameters })).macData!), expected)
  })
}

test('counts Usage Limits, and refuses without them', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key, [{ name: 'UsageLimits', value: { total: 1n, unit: 'Object' } }], 'HMAC_SHA256')
  await bench.run('MAC', { uniqueIdentifier, data })
  t.is((await t.throwsAsync<KmipError>(bench.run('MAC', { uniqueIdentifier, data }))).reason, 'PermissionDenied')
})

test('refuses GMAC, and says how it is had', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, '77be63708971c4e240d1cb79e8d77feb')
  const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16 } as const
  const error = await t.throwsAsync<KmipError>(bench.run('MAC', { uniqueIdentifier, data, cryptographicParameters }))
  t.is(error.reason, 'UnsupportedCryptographicParameters')
  t.regex(error.message, /GMAC needs an IV.* Encrypt empty Data in mode GCM/)
  // The CAVP vector of SP 800-38D.
  const { tag } = await bench.run('Encrypt', {
    uniqueIdentifier,
    cryptographicParameters,
    data: new Uint8Array(),
    ivCounterNonce: hex('e0e00f19fed7ba0136a797f3'),
    additionalData: hex('7a43ec1d9c0a5a78a0b16533a6213cab'),
  })
  t.is(Buffer.from(tag!).toString('hex'), '209fcc8d3675ed938e9c7166709dd946')
})

test('refuses a key that makes no MAC with these parameters', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  for (const [request, reason] of [
    [{ data, cryptographicParameters: { blockCipherMode: 'CBC' } }, 'UnsupportedCryptographicParameters'],
    [{ data, cryptographicParameters: { cryptographicAlgorithm: 'DES3' } }, 'UnsupportedCryptographicParameters'],
    [{ cryptographicParameters: { cryptographicAlgorithm: 'HMAC_SHA1' } }, 'InvalidMessage'],
  ] as const) {
    t.is((await t.throwsAsync<KmipError>(bench.run('MAC', { uniqueIdentifier, ...request }))).reason, reason)
  }
})
