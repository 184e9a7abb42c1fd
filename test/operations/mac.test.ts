import { createHmac } from 'node:crypto'
import test from 'ava'
import type { KmipError } from '../../spec/kmip-error.ts'
import { operationContext } from '../support/operation-context.ts'
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
