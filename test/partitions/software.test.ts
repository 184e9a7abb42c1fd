import { constants, createHash, generateKeyPairSync, publicEncrypt, randomBytes, sign, verify } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import { createSoftwarePartition, openSoftwarePartition, type Partition } from '../../src/partitions/index.ts'
import { partitionContract, type Refusal } from '../contracts/partition.ts'

const unsupported = (says: RegExp): Refusal => ({ reason: 'UnsupportedCryptographicParameters', says })

/** OpenSSL answers bad padding with bytes of its own from 3.2 (Node.js 24); with an older one nothing is decrypted. */
const decryptsPkcs1 = Number.parseFloat(process.versions.openssl) >= 3.2
const noPkcs1 = unsupported(
  /RSA-PKCS1 decryption: OpenSSL 3\.[01]\.\d+ .* Run Tresor with Node\.js 24, use a PKCS #11 partition, or use RSA-OAEP/,
)

partitionContract(
  test,
  async () => {
    const rootSecret = new Secret(randomBytes(32))
    const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
    return openSoftwarePartition({ name: 'demo', rootSecret, ring, cache: { count: 20, bytes: 1024 * 1024 } })
  },
  {
    refusals: {
      'CMAC, SP 800-38B D.1': unsupported(/CMAC: node:crypto does not offer it/),
      'CMAC of a 3DES key, SP 800-38B D.4': unsupported(/DES3-CMAC: node:crypto does not offer it/),
      'RSA-OAEP SHA_384, mask SHA_256, label': unsupported(/RSA-OAEP with hash SHA_384 and mask hash SHA_256: node:crypto sets one hash/),
      'RSA-OAEP SHA_256, mask SHA_1': unsupported(/RSA-OAEP with hash SHA_256 and mask hash SHA_1: node:crypto sets one hash/),
      'signature RSA-PSS-SHA_256 of a digest': unsupported(/RSA-PSS-SHA_256 over Digested Data: node:crypto hashes what it verifies/),
      'signature ECDSA-SHA_256 of a digest': unsupported(/ECDSA-SHA_256 over Digested Data: node:crypto hashes what it signs/),
      ...(decryptsPkcs1 ? {} : { 'RSA PKCS #1 v1.5 encryption': noPkcs1, 'a key is wrapped under an RSA key, RSA-PKCS1': noPkcs1 }),
    },
  },
)

function fresh(): Partition {
  const rootSecret = new Secret(randomBytes(32))
  return openSoftwarePartition({ name: 'demo', rootSecret, ring: createSoftwarePartition({ name: 'demo', rootSecret }).ring })
}

const message = Buffer.from('a message of some length')
const sensitive = { sensitive: true, extractable: true } as const

/** An RSA pair made outside, whose modulus is not whole bytes, and its references inside. `maskHash` binds it to PSS with SHA-256. */
async function outsidePair(partition: Partition, maskHash?: string) {
  const length = 2050
  const pair =
    maskHash === undefined
      ? generateKeyPairSync('rsa', { modulusLength: length })
      : generateKeyPairSync('rsa-pss', { modulusLength: length, hashAlgorithm: 'sha256', mgf1HashAlgorithm: maskHash })
  const put = async (kind: 'private' | 'public', value: Buffer) => ({
    handle: kind,
    key: await partition.importKey({ kind, type: { algorithm: 'RSA', length }, value: new Secret(value) }, sensitive),
  })
  return {
    outside: pair,
    privateKey: await put('private', pair.privateKey.export({ format: 'der', type: 'pkcs8' })),
    publicKey: await put('public', pair.publicKey.export({ format: 'der', type: 'spki' })),
  }
}

for (const [hash, node, saltLength] of [
  ['SHA_1', 'sha1', 20],
  ['SHA_256', 'sha256', 0],
  ['SHA_256', 'sha256', 32],
  ['SHA_512_256', 'sha512-256', 10],
  ['SHA_512', 'sha512', 191],
] as const) {
  test(`RSA-PSS of a digest is RSA-PSS of the data: ${hash}, salt of ${saltLength}`, async (t) => {
    const partition = fresh()
    const { outside, privateKey, publicKey } = await outsidePair(partition)
    const pss = { scheme: 'RSA-PSS', hash, maskHash: hash, saltLength, digested: true } as const
    const digest = createHash(node).update(message).digest()
    const signature = await partition.sign(privateKey, pss, digest)
    const how = { key: outside.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
    t.true(verify(node, message, how, signature))
    t.true(await partition.verify(publicKey, { ...pss, digested: false }, message, signature))
    await t.throwsAsync(partition.sign(privateKey, pss, digest.subarray(1)), { message: /A digest of SHA_\w+ has/ })
  })
}

test('RSA-PSS with another mask hash is what keys bound to it make and check', async (t) => {
  const partition = fresh()
  const { outside, privateKey, publicKey } = await outsidePair(partition, 'sha1')
  const plain = await outsidePair(partition)
  const pss = { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_1', saltLength: 32, digested: false } as const
  const how = { key: outside.publicKey, saltLength: 32 }
  t.true(verify('sha256', message, how, await partition.sign(privateKey, pss, message)))
  t.true(await partition.verify(publicKey, pss, message, sign('sha256', message, { key: outside.privateKey, saltLength: 32 })))
  for (const other of [
    { ...pss, maskHash: 'SHA_256' },
    { ...pss, digested: true },
  ] as const)
    await t.throwsAsync(partition.sign(privateKey, other, Buffer.alloc(32)), { message: /this key is bound to RSASSA-PSS/ })
  const inside = { private: { ...plain.privateKey, handle: 'p' }, public: { ...plain.publicKey, handle: 'q' } }
  const signature = await partition.sign(inside.private, pss, message)
  t.true(await partition.verify(inside.public, pss, message, signature))
  t.false(await partition.verify(inside.public, { ...pss, maskHash: 'SHA_256' }, message, signature))
  t.false(await partition.verify(inside.public, { ...pss, saltLength: 31 }, message, signature))
  const digested = await partition.sign(inside.private, { ...pss, digested: true }, createHash('sha256').update(message).digest())
  t.true(await partition.verify(inside.public, pss, message, digested))
})

test('RSA-PSS: what cannot be is refused, with the reason', async (t) => {
  const partition = fresh()
  const { privateKey, publicKey } = await outsidePair(partition)
  const pss = { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_256', saltLength: 32, digested: false } as const
  for (const [change, reason, says] of [
    [{ saltLength: -1 }, 'InvalidField', /Salt Length of RSA-PSS is -1/],
    [{ saltLength: 250 }, 'CryptographicFailure', /too short for this hash, padding and salt length/],
    [{ saltLength: 250, maskHash: 'SHA_1' }, 'CryptographicFailure', /too short for this hash, padding and salt length/],
    [{ saltLength: 65536 + 32, maskHash: 'SHA_1' }, 'CryptographicFailure', /too short for this hash, padding and salt length/],
    [{ maskHash: 'SHA3_256' }, 'UnsupportedCryptographicParameters', /mask hash SHA3_256: OpenSSL has it with SHA-1 and the SHA-2 family/],
  ] as const) {
    const error = await t.throwsAsync(partition.sign(privateKey, { ...pss, ...change }, message), { instanceOf: KmipError })
    t.is(error?.reason, reason)
    t.regex(error?.message ?? '', says)
  }
  t.false(await partition.verify(publicKey, { ...pss, saltLength: 250 }, message, randomBytes(257)))
  t.false(await partition.verify(publicKey, { ...pss, saltLength: 250, maskHash: 'SHA_1' }, message, randomBytes(257)))
})

test('RSA PKCS #1 v1.5: described as it is on this Node.js, and bad padding tells nothing', async (t) => {
  const partition = fresh()
  const { outside, privateKey, publicKey } = await outsidePair(partition)
  const { mechanisms } = await partition.describe()
  t.deepEqual(
    mechanisms.filter((name) => /^(WRAP-)?RSA-PKCS1(-ENCRYPT)?$/.test(name)),
    decryptsPkcs1 ? ['RSA-PKCS1', 'WRAP-RSA-PKCS1'] : ['RSA-PKCS1-ENCRYPT'],
  )
  for (const length of [1, 100, 246])
    t.is((await partition.encrypt(publicKey, { cipher: 'RSA-PKCS1' }, randomBytes(length))).data.length, 257)
  const unpadded = publicEncrypt({ key: outside.publicKey, padding: constants.RSA_NO_PADDING }, Buffer.alloc(257, 0).fill(7, 200))
  const decryption = partition.decrypt(privateKey, { cipher: 'RSA-PKCS1' }, unpadded)
  if (decryptsPkcs1) t.true((await decryption).length <= 246)
  else t.is((await t.throwsAsync(decryption, { instanceOf: KmipError }))?.reason, 'UnsupportedCryptographicParameters')
})

test('every byte of a Triple DES key has odd parity', async (t) => {
  const partition = fresh()
  const key = await partition.generateKey({ algorithm: 'DES3', length: 192 }, { sensitive: false, extractable: true })
  const value = (await partition.reveal({ handle: 'k', key })).value.expose()
  t.is(value.length, 24)
  t.true(value.every((byte) => byte.toString(2).replaceAll('0', '').length % 2 === 1))
})

test('no error, description or printed partition holds key material', async (t) => {
  const partition = fresh()
  const value = Buffer.from('0123456789abcdef0123456789abcdef')
  const key = {
    handle: 'k',
    key: await partition.importKey(
      { kind: 'secret', type: { algorithm: 'AES', length: 256 }, value: new Secret(value) },
      { sensitive: true, extractable: false },
    ),
  }
  const shown = [JSON.stringify(await partition.describe()), JSON.stringify(partition), JSON.stringify(key)]
  for (const action of [
    () => partition.reveal(key),
    () => partition.decrypt(key, { cipher: 'CBC', padding: 'PKCS5', iv: randomBytes(16) }, randomBytes(16)),
  ]) {
    const error = await t.throwsAsync(action())
    shown.push(`${error?.message}${error?.stack}`)
  }
  for (const text of shown) for (const form of ['utf8', 'hex', 'base64'] as const) t.false(text.includes(value.toString(form)))
})
