import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import {
  type CurveName,
  createSoftwarePartition,
  type KeyType,
  openSoftwarePartition,
  type Partition,
  type SignMechanism,
} from '../../src/partitions/index.ts'
import { partitionContract } from '../contracts/partition.ts'

partitionContract(
  test,
  async () => {
    const rootSecret = new Secret(randomBytes(32))
    const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
    return openSoftwarePartition({ name: 'demo', rootSecret, ring, cache: { count: 20, bytes: 1024 * 1024 } })
  },
  {
    refusals: { 'CMAC, SP 800-38B D.1': 'UnsupportedCryptographicParameters' },
  },
)

function fresh(): Partition {
  const rootSecret = new Secret(randomBytes(32))
  return openSoftwarePartition({ name: 'demo', rootSecret, ring: createSoftwarePartition({ name: 'demo', rootSecret }).ring })
}

const message = Buffer.from('a message of some length')

for (const [curve, length, hash, node] of [
  ['P_256', 256, 'SHA_256', 'sha256'],
  ['P_384', 384, 'SHA_384', 'sha384'],
  ['P_521', 521, 'SHA_512', 'sha512'],
  ['P_256', 256, 'SHA_512', 'sha512'],
  ['SECP256K1', 256, 'SHA_256', 'sha256'],
] as const) {
  test(`ECDSA of a digest is ECDSA of the data: ${curve}, ${hash}`, async (t) => {
    const partition = fresh()
    const type: KeyType = { algorithm: 'EC', length, curve: curve satisfies CurveName }
    const pair = await partition.generateKeyPair(type, { sensitive: false, extractable: true })
    const privateKey = { handle: 'private', key: pair.privateKey }
    const publicKey = { handle: 'public', key: pair.publicKey }
    const outsidePrivate = createPrivateKey({
      key: Buffer.from((await partition.reveal(privateKey)).value.expose()),
      format: 'der',
      type: 'pkcs8',
    })
    const outsidePublic = createPublicKey({
      key: Buffer.from((await partition.reveal(publicKey)).value.expose()),
      format: 'der',
      type: 'spki',
    })
    const digested: SignMechanism = { scheme: 'ECDSA', hash, digested: true }
    const digest = createHash(node).update(message).digest()
    t.true(verify(node, message, outsidePublic, await partition.sign(privateKey, digested, digest)))
    // OpenSSL makes a high s every other time.
    for (let round = 0; round < 8; round++) t.true(await partition.verify(publicKey, digested, digest, sign(node, message, outsidePrivate)))
    await t.throwsAsync(partition.sign(privateKey, digested, digest.subarray(1)), { message: /A digest of SHA_\d+ has/ })
  })
}

test('ECDSA of a digest on another curve is refused, naming it', async (t) => {
  const partition = fresh()
  const pair = await partition.generateKeyPair(
    { algorithm: 'EC', length: 256, curve: 'BRAINPOOLP256R1' },
    { sensitive: true, extractable: true },
  )
  const digested: SignMechanism = { scheme: 'ECDSA', hash: 'SHA_256', digested: true }
  await t.throwsAsync(partition.sign({ handle: 'k', key: pair.privateKey }, digested, randomBytes(32)), {
    message: /ECDSA-SHA_256 over Digested Data: only with P-256/,
  })
})

test('RSA: PKCS #1 v1.5 and paddings that node:crypto lacks are what others understand', async (t) => {
  const partition = fresh()
  const pair = generateKeyPairSync('rsa', { modulusLength: 2050 })
  const type: KeyType = { algorithm: 'RSA', length: 2050 }
  const put = async (kind: 'private' | 'public', der: Buffer) => ({
    handle: kind,
    key: await partition.importKey({ kind, type, value: new Secret(der) }, { sensitive: true, extractable: true }),
  })
  const privateKey = await put('private', pair.privateKey.export({ format: 'der', type: 'pkcs8' }))
  const publicKey = await put('public', pair.publicKey.export({ format: 'der', type: 'spki' }))
  for (const length of [1, 100, 246]) {
    const data = randomBytes(length)
    const { data: cipher } = await partition.encrypt(publicKey, { cipher: 'RSA-PKCS1' }, data)
    t.deepEqual(Buffer.from(await partition.decrypt(privateKey, { cipher: 'RSA-PKCS1' }, cipher)), data)
  }
  for (const maskHash of ['SHA_256', 'SHA_1'] as const) {
    const pss: SignMechanism = { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash, saltLength: 32, digested: true }
    const digest = createHash('sha256').update(message).digest()
    const signature = await partition.sign(privateKey, pss, digest)
    t.true(await partition.verify(publicKey, pss, digest, signature))
    t.is(maskHash === 'SHA_256', await partition.verify(publicKey, { ...pss, maskHash: 'SHA_256', digested: false }, message, signature))
  }
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
