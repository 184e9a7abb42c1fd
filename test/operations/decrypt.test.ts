import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { RequestPayload } from '../../spec/values.ts'
import { type OperationBench, operationContext } from '../support/operation-context.ts'
import { onToken, refusedTest, test } from '../support/operation-test.ts'
import { hex, registered, registerKey } from '../support/registered-keys.ts'

type Request = Omit<RequestPayload<'Decrypt'>, 'uniqueIdentifier'>

const key = '00000000000000000000000000000000'
const nonce = new Uint8Array(12)
const data = hex('0388dace60b6a392f328c2b971b2fe78')
const tag = hex('ab6e47d42cec13bdf53a67b21257bddf')
const gcm = { blockCipherMode: 'GCM', tagLength: 16 } as const
const cbc = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const

/** The refusals of the official cases CS-BC-M-11 and CS-BC-M-GCM-1, and a few more. */
const refusals: readonly (readonly [string, Request, ResultReason, RegExp])[] = [
  ['no IV', { cryptographicParameters: cbc, data }, 'InvalidMessage', /needs the IV\/Counter\/Nonce/],
  [
    'no IV though Random IV is asked for',
    { cryptographicParameters: { ...cbc, randomIv: true }, data },
    'InvalidMessage',
    /IV\/Counter\/Nonce/,
  ],
  [
    'an altered tag',
    { cryptographicParameters: gcm, data, ivCounterNonce: nonce, tag: hex('006e47d42cec13bdf53a67b21257bddf') },
    'CryptographicFailure',
    /authentication tag does not match|AES-GCM failed: wrong key, IV, tag/,
  ],
  [
    'another IV',
    { cryptographicParameters: gcm, data, ivCounterNonce: hex('ff0000000000000000000000'), tag },
    'CryptographicFailure',
    /authentication tag does not match|AES-GCM failed: wrong key, IV, tag/,
  ],
  [
    'other additional data',
    { cryptographicParameters: gcm, data, ivCounterNonce: nonce, tag, additionalData: hex('00') },
    'CryptographicFailure',
    /authentication tag does not match|AES-GCM failed: wrong key, IV, tag/,
  ],
  [
    'data shorter than the tag behind it',
    { cryptographicParameters: gcm, data: tag.subarray(1), ivCounterNonce: nonce },
    'InvalidMessage',
    /shorter than a tag/,
  ],
  ['an IV of another length', { cryptographicParameters: cbc, data, ivCounterNonce: nonce }, 'InvalidField', /IV of 16 bytes, not 12/],
  [
    'padding that is none',
    { cryptographicParameters: cbc, data, ivCounterNonce: tag },
    'CryptographicFailure',
    /does not decrypt|AES-CBC failed: wrong key, IV/,
  ],
  ['no data', { cryptographicParameters: gcm, ivCounterNonce: nonce }, 'InvalidMessage', /has no Data/],
]

for (const [what, request, reason, message] of refusals) {
  const attempt = async () => {
    const bench = operationContext()
    const uniqueIdentifier = await registerKey(bench, key)
    await bench.run('Decrypt', { uniqueIdentifier, ...request })
  }
  refusedTest(`refuses ${what}`, attempt, { reason, says: message })
}

test('a tag cut short is checked as far as it goes', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  for (const cryptographicParameters of [{ blockCipherMode: 'GCM' }, { blockCipherMode: 'GCM', tagLength: 12 }] as const) {
    const answer = await bench.run('Decrypt', {
      uniqueIdentifier,
      cryptographicParameters,
      data,
      ivCounterNonce: nonce,
      tag: tag.subarray(0, 12),
    })
    t.deepEqual(Buffer.from(answer.data!), Buffer.alloc(16))
  }
})

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const message = Buffer.from('a key for another key')

for (const [name, cryptographicParameters] of [
  ['OAEP by default', { paddingMethod: 'OAEP' }],
  ['OAEP with SHA-256', { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_256', maskGeneratorHashingAlgorithm: 'SHA_256' }],
  ['OAEP with SHA-384, which then serves MGF1 too', { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_384' }],
  ['OAEP with a label', { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_256', pSource: Buffer.from('here') }],
] as const) {
  test(`RSA, ${name}, there and back`, async (t) => {
    const bench = operationContext()
    const { publicKey, privateKey } = await registerPair(bench)
    const there = await bench.run('Encrypt', { uniqueIdentifier: publicKey, cryptographicParameters, data: message })
    const back = await bench.run('Decrypt', { uniqueIdentifier: privateKey, cryptographicParameters, data: there.data })
    t.deepEqual(Buffer.from(back.data!), message)
  })
}

test('RSA, PKCS #1 v1.5: encrypts, and decrypts where the library does it safely', async (t) => {
  const bench = operationContext()
  const { publicKey, privateKey } = await registerPair(bench)
  const cryptographicParameters = { paddingMethod: 'PKCS1V1_5' } as const
  const { data } = await bench.run('Encrypt', { uniqueIdentifier: publicKey, cryptographicParameters, data: message })
  const padded = privateDecrypt({ key: pair.privateKey, padding: constants.RSA_NO_PADDING }, data!)
  t.is(padded.subarray(0, 2).toString('hex'), '0002')
  t.deepEqual(padded.subarray(-message.length), message)
  const decryption = bench.run('Decrypt', { uniqueIdentifier: privateKey, cryptographicParameters, data })
  // OpenSSL 3.2 brought implicit rejection; with an older one the software partition refuses. Tokens do it in their own way.
  const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number)
  if (onToken() || major > 3 || (major === 3 && minor >= 2)) t.deepEqual(Buffer.from((await decryption).data!), message)
  else t.is((await t.throwsAsync<KmipError>(decryption)).reason, 'UnsupportedCryptographicParameters')
})

async function registerPair(bench: OperationBench) {
  const publicKey = await registered(bench, 'PublicKey', [], {
    keyFormatType: 'X_509',
    keyValue: { keyMaterial: pair.publicKey.export({ format: 'der', type: 'spki' }), attributes: [] },
  })
  const privateKey = await registered(bench, 'PrivateKey', [], {
    keyFormatType: 'PKCS_1',
    keyValue: { keyMaterial: pair.privateKey.export({ format: 'der', type: 'pkcs1' }), attributes: [] },
  })
  return { publicKey, privateKey }
}

test('RSA ciphertexts of others', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registered(bench, 'PrivateKey', [{ name: 'CryptographicParameters', value: { paddingMethod: 'OAEP' } }], {
    keyFormatType: 'PKCS_8',
    keyValue: { keyMaterial: pair.privateKey.export({ format: 'der', type: 'pkcs8' }), attributes: [] },
  })
  const data = publicEncrypt({ key: pair.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, message)
  t.deepEqual(Buffer.from((await bench.run('Decrypt', { uniqueIdentifier, data })).data!), message)
  const error = await t.throwsAsync<KmipError>(bench.run('Decrypt', { uniqueIdentifier, data, cryptographicParameters: {} }))
  t.is(error.reason, 'BadCryptographicParameters')
})
