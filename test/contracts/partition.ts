import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign as signOutside,
  verify as verifyOutside,
} from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import type {
  CipherMechanism,
  KeyKind,
  KeyPolicy,
  KeyReference,
  KeyType,
  Partition,
  SignMechanism,
  WrappedKey,
} from '../../src/partitions/index.ts'
import { deriveCases } from './partition-derive.ts'
import { eddsaVectors } from './partition-eddsa-vectors.ts'
import { feedbackVectors, wholeVectors } from './partition-mode-vectors.ts'
import { cipherVectors, hashVectors, hmacVectors, wrapVectors } from './partition-vectors.ts'

/** A refusal that is expected, word for word where it matters: the reason, and what the message must say. */
export interface Refusal {
  readonly reason: ResultReason
  readonly says: RegExp
}

/** What a partition is expected to lack: the names of cases that it refuses, and how. A case that is not named here must succeed. */
export interface PartitionContractOptions {
  readonly refusals?: Readonly<Record<string, Refusal>>
  /** The pairs of cases that need any pair; P-256 unless told. */
  readonly pair?: KeyType
}

const open: KeyPolicy = { sensitive: false, extractable: true }
const sensitive: KeyPolicy = { sensitive: true, extractable: true }
const locked: KeyPolicy = { sensitive: true, extractable: false }
const aes256: KeyType = { algorithm: 'AES', length: 256 }
const rsa2048: KeyType = { algorithm: 'RSA', length: 2048 }
const p256: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }
const hmac256: KeyType = { algorithm: 'HMAC_SHA256', length: 256 }
const message = Buffer.from('a message of some length')
/** A SEQUENCE with a time that is none, at which the reader of DER throws. */
const noDer = Buffer.from('3006180401020304', 'hex')
const gcm = (): CipherMechanism => ({ cipher: 'GCM', iv: randomBytes(12), additionalData: Buffer.from('context'), tagLength: 16 })

let handles = 0
/** A reference as the store would make one: a new handle for each wrapped key. */
const refer = (key: WrappedKey): KeyReference => ({ handle: `object-${++handles}`, key })
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

/** Every promise of the `Partition` interface, run against one implementation. `makePartition` is called once. */
export function partitionContract(test: TestFn, makePartition: () => Promise<Partition>, options: PartitionContractOptions = {}): void {
  const refusals = options.refusals ?? {}
  const anyPair = options.pair ?? p256
  let made: Promise<Partition> | undefined
  const partition = () => {
    made ??= makePartition()
    return made
  }
  test.after.always(async () => (await made)?.close())

  /** A case that a partition may be expected to refuse, by name. */
  const cases = new Set<string>()
  const contract = (name: string, body: (t: ExecutionContext, partition: Partition) => Promise<void>) => {
    cases.add(name)
    test(name, async (t) => {
      const refusal = refusals[name]
      if (refusal === undefined) return body(t, await partition())
      const error = await t.throwsAsync(body(t, await partition()), { instanceOf: KmipError })
      t.is(error?.reason, refusal.reason, error?.message)
      t.regex(error?.message ?? '', refusal.says)
    })
  }

  const put = async (kind: KeyKind, type: KeyType | undefined, value: Uint8Array, policy = open) =>
    refer(await (await partition()).importKey({ kind, type, value: new Secret(value) }, policy))

  const refused = async (t: ExecutionContext, reason: ResultReason, action: Promise<unknown>) => {
    const error = await t.throwsAsync(action, { instanceOf: KmipError })
    t.is(error?.reason, reason, error?.message)
  }

  for (const vector of [...cipherVectors, ...feedbackVectors, ...wholeVectors]) {
    contract(vector.name, async (t, p) => {
      const key = await put('secret', vector.type, bytes(vector.key))
      const out = await p.encrypt(key, vector.mechanism, bytes(vector.plain))
      t.is(hex(out.data), vector.cipher)
      t.is(out.tag && hex(out.tag), vector.tag)
      t.is(hex(await p.decrypt(key, vector.mechanism, out.data, out.tag)), vector.plain)
    })
  }

  deriveCases({ contract, put, refer, refused })

  for (const vector of wrapVectors) {
    contract(`key wrap, ${vector.name}`, async (t, p) => {
      const wrapping = await put('secret', { algorithm: 'AES', length: vector.wrapping.length * 4 }, bytes(vector.wrapping))
      const type: KeyType = { algorithm: 'HMAC_SHA256', length: vector.target.length * 4 }
      const target = await put('secret', type, bytes(vector.target), sensitive)
      t.is(hex(await p.wrapKey(target, wrapping, { wrap: vector.wrap })), vector.wrapped)
      const back = await p.unwrapKey(bytes(vector.wrapped), wrapping, { wrap: vector.wrap }, 'secret', type, open)
      t.is(hex((await p.reveal(refer(back))).value.expose()), vector.target)
      const altered = bytes(vector.wrapped)
      altered[3]! ^= 1
      await refused(t, 'CryptographicFailure', p.unwrapKey(altered, wrapping, { wrap: vector.wrap }, 'secret', type, open))
    })
  }

  for (const vector of hmacVectors) {
    contract(vector.name, async (t, p) => {
      const key = await put('secret', { algorithm: 'HMAC_SHA256', length: vector.key.length * 4 }, bytes(vector.key))
      t.is(hex(await p.mac(key, { mac: 'HMAC', hash: vector.hash }, Buffer.from(vector.data))), vector.mac)
    })
  }

  for (const { hash, digest } of hashVectors) {
    contract(`hash ${hash}`, async (t, p) => {
      t.is(hex(await p.hash(hash, Buffer.from('abc'))), digest)
    })
  }

  contract('an AES key of any length is made, used, and is as long as it says', async (t, p) => {
    for (const length of [128, 192, 256]) {
      const key = refer(await p.generateKey({ algorithm: 'AES', length }, open))
      t.is((await p.reveal(key)).value.length, length / 8)
    }
    await refused(t, 'InvalidField', p.generateKey({ algorithm: 'AES', length: 129 }, open))
  })

  contract('AES-GCM: a wrong tag, IV or additional data is found out, and nothing is given', async (t, p) => {
    const key = refer(await p.generateKey(aes256, locked))
    const mechanism = { cipher: 'GCM', iv: randomBytes(12), additionalData: Buffer.from('context'), tagLength: 16 } as const
    const { data, tag } = await p.encrypt(key, mechanism, message)
    t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, data, tag)), message)
    const wrongTag = Buffer.from(tag!)
    wrongTag[0]! ^= 1
    await refused(t, 'CryptographicFailure', p.decrypt(key, mechanism, data, wrongTag))
    await refused(t, 'CryptographicFailure', p.decrypt(key, { ...mechanism, iv: randomBytes(12) }, data, tag))
    await refused(t, 'CryptographicFailure', p.decrypt(key, { ...mechanism, additionalData: Buffer.from('other') }, data, tag))
    await refused(t, 'InvalidField', p.decrypt(key, mechanism, data))
    await refused(t, 'InvalidField', p.encrypt(key, { ...mechanism, iv: new Uint8Array() }, message))
  })

  contract('AES-GCM with a tag of 12 bytes and an empty message', async (t, p) => {
    const key = refer(await p.generateKey(aes256, locked))
    const mechanism = { cipher: 'GCM', iv: randomBytes(12), additionalData: message, tagLength: 12 } as const
    const { data, tag } = await p.encrypt(key, mechanism, new Uint8Array())
    t.is(data.length, 0)
    t.is(tag?.length, 12)
    t.is((await p.decrypt(key, mechanism, data, tag)).length, 0)
  })

  for (const tagLength of [16, 12]) {
    contract(`ChaCha20-Poly1305 with a tag of ${tagLength} bytes: what was altered is found out`, async (t, p) => {
      const key = await put('secret', { algorithm: 'ChaCha20Poly1305', length: 256 }, randomBytes(32), locked)
      const mechanism = { cipher: 'ChaCha20-Poly1305', iv: randomBytes(12), additionalData: Buffer.from('context'), tagLength } as const
      for (const plain of [message, Buffer.alloc(0)]) {
        const { data, tag } = await p.encrypt(key, mechanism, plain)
        t.is(tag?.length, tagLength)
        t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, data, tag)), plain)
        const other = { ...mechanism, additionalData: Buffer.from('other') }
        await refused(t, 'CryptographicFailure', p.decrypt(key, mechanism, data, Buffer.alloc(tagLength, 1)))
        await refused(t, 'CryptographicFailure', p.decrypt(key, other, data, tag))
      }
    })
  }

  contract('AES-CBC with PKCS5 padding takes any length; without, whole blocks', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    const iv = randomBytes(16)
    for (const length of [0, 1, 15, 16, 17, 70_000]) {
      const data = randomBytes(length)
      const mechanism = { cipher: 'CBC', padding: 'PKCS5', iv } as const
      const out = await p.encrypt(key, mechanism, data)
      t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, out.data)), data)
    }
    await refused(t, 'InvalidField', p.encrypt(key, { cipher: 'CBC', padding: 'None', iv }, randomBytes(15)))
    await refused(t, 'InvalidField', p.encrypt(key, { cipher: 'CBC', padding: 'None', iv: randomBytes(8) }, randomBytes(16)))
    await refused(t, 'CryptographicFailure', p.decrypt(key, { cipher: 'CBC', padding: 'PKCS5', iv }, randomBytes(17)))
  })

  contract('AES-ECB with PKCS5 padding', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    const out = await p.encrypt(key, { cipher: 'ECB', padding: 'PKCS5' }, message)
    t.deepEqual(Buffer.from(await p.decrypt(key, { cipher: 'ECB', padding: 'PKCS5' }, out.data)), message)
  })

  contract('AES-CTR: a short counter that would run over is refused', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    const iv = Buffer.alloc(16, 0xff)
    const mechanism = { cipher: 'CTR', iv, counterBits: 8 } as const
    t.is((await p.encrypt(key, mechanism, randomBytes(16))).data.length, 16)
    await refused(t, 'InvalidField', p.encrypt(key, mechanism, randomBytes(17)))
  })

  contract('AES-CFB and AES-OFB take data of any length, and an IV of a block', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    for (const cipher of ['CFB', 'OFB'] as const) {
      for (const length of [0, 1, 15, 70_000]) {
        const mechanism = { cipher, iv: randomBytes(16) }
        const data = randomBytes(length)
        const out = await p.encrypt(key, mechanism, data)
        t.is(out.data.length, length)
        t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, out.data)), data)
      }
      for (const length of [0, 8, 12, 17]) await refused(t, 'InvalidField', p.encrypt(key, { cipher, iv: randomBytes(length) }, message))
    }
  })

  contract('AES-CCM: what was altered is found out, and what does not fit is refused', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    const mechanism = { cipher: 'CCM', iv: randomBytes(13), additionalData: Buffer.from('context'), tagLength: 8 } as const
    for (const length of [0, 1, 65_535]) {
      for (const additionalData of [mechanism.additionalData, new Uint8Array()]) {
        const whole = { ...mechanism, additionalData }
        const data = randomBytes(length)
        const out = await p.encrypt(key, whole, data)
        t.is(out.tag?.length, 8)
        t.deepEqual(Buffer.from(await p.decrypt(key, whole, out.data, out.tag)), data)
        for (const input of [out.data, structuredClone(new Uint8Array(out.data))])
          await refused(t, 'CryptographicFailure', p.decrypt(key, whole, input, Buffer.alloc(8, 1)))
      }
    }
    const { data, tag } = await p.encrypt(key, mechanism, message)
    await refused(t, 'CryptographicFailure', p.decrypt(key, mechanism, data.subarray(1), tag))
    await refused(t, 'CryptographicFailure', p.decrypt(key, { ...mechanism, additionalData: Buffer.from('other') }, data, tag))
    await refused(t, 'CryptographicFailure', p.decrypt(key, { ...mechanism, iv: randomBytes(13) }, data, tag))
    await refused(t, 'InvalidField', p.decrypt(key, mechanism, data))
    await refused(t, 'InvalidField', p.decrypt(key, mechanism, data, tag!.subarray(1)))
    await refused(t, 'InvalidField', p.encrypt(key, mechanism, randomBytes(65_536)))
    for (const length of [0, 6, 14]) await refused(t, 'InvalidField', p.encrypt(key, { ...mechanism, iv: randomBytes(length) }, message))
    for (const tagLength of [0, 2, 5, 18]) await refused(t, 'InvalidField', p.encrypt(key, { ...mechanism, tagLength }, message))
  })

  contract('AES-XTS: both halves of the key, a tweak, and a whole data unit', async (t, p) => {
    const key = refer(await p.generateKey(aes256, sensitive))
    const xts = (length = 16) => ({ cipher: 'XTS', iv: randomBytes(length) }) as const
    for (const length of [16, 31, 4096]) {
      const mechanism = xts()
      const data = randomBytes(length)
      const out = await p.encrypt(key, mechanism, data)
      t.is(out.data.length, length)
      t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, out.data)), data)
    }
    const same = await put('secret', aes256, Buffer.alloc(32, 7))
    for (const half of [p.encrypt(same, xts(), message), p.decrypt(same, xts(), message)]) await refused(t, 'InvalidField', half)
    for (const length of [0, 15, 16 * 2 ** 20 + 1]) await refused(t, 'InvalidField', p.encrypt(key, xts(), Buffer.alloc(length)))
    await refused(t, 'InvalidField', p.decrypt(key, xts(), randomBytes(15)))
    for (const length of [0, 8, 17]) await refused(t, 'InvalidField', p.encrypt(key, xts(length), message))
    const odd = refer(await p.generateKey({ algorithm: 'AES', length: 192 }, sensitive))
    await refused(t, 'UnsupportedCryptographicParameters', p.encrypt(odd, xts(), message))
  })

  contract('an AES key of 512 bits is two keys, for XTS alone', async (t, p) => {
    const key = refer(await p.generateKey({ algorithm: 'AES', length: 512 }, open))
    t.is((await p.reveal(key)).value.length, 64)
    const mechanism = { cipher: 'XTS', iv: randomBytes(16) } as const
    const { data } = await p.encrypt(key, mechanism, message)
    t.deepEqual(Buffer.from(await p.decrypt(key, mechanism, data)), message)
    await refused(t, 'UnsupportedCryptographicParameters', p.encrypt(key, gcm(), message))
    await refused(t, 'UnsupportedCryptographicParameters', p.encrypt(key, { cipher: 'ECB', padding: 'PKCS5' }, message))
    await refused(t, 'UnsupportedCryptographicParameters', p.mac(key, { mac: 'GMAC', iv: randomBytes(12) }, message))
    await refused(t, 'InvalidField', p.wrapKey(key, key, { wrap: 'AES-KEY-WRAP-PAD' }))
  })

  contract('what may not leave does not leave', async (t, p) => {
    const wrapping = refer(await p.generateKey(aes256, locked))
    const mechanism = { wrap: 'AES-KEY-WRAP-PAD' } as const
    for (const kind of ['secret', 'private'] as const) {
      const make = async (policy: KeyPolicy) =>
        refer(kind === 'secret' ? await p.generateKey(hmac256, policy) : (await p.generateKeyPair(anyPair, policy)).privateKey)
      await refused(t, 'NotExtractable', p.reveal(await make(locked)))
      await refused(t, 'NotExtractable', p.reveal(await make({ sensitive: false, extractable: false })))
      await refused(t, 'NotExtractable', p.wrapKey(await make(locked), wrapping, mechanism))
      const onlyWrapped = await make(sensitive)
      await refused(t, 'Sensitive', p.reveal(onlyWrapped))
      t.true((await p.wrapKey(onlyWrapped, wrapping, mechanism)).length > 32)
      t.true((await p.reveal(await make(open))).value.length >= 32)
    }
  })

  contract('a stored key cannot be re-labelled, altered, or read under another epoch', async (t, p) => {
    const key = await p.generateKey(aes256, locked)
    const forged: Record<string, WrappedKey> = {
      extractable: { ...key, policy: open },
      data: { ...key, kind: 'data', policy: open },
      type: { ...key, type: { algorithm: 'HMAC_SHA256', length: 256 }, policy: open },
      bytes: { ...key, bytes: key.bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)), policy: open },
      cut: { ...key, bytes: key.bytes.subarray(0, -8), policy: open },
      empty: { ...key, bytes: new Uint8Array(), policy: open },
      epoch: { ...key, epoch: 2, policy: open },
      mechanism: { ...key, mechanism: 'another', policy: open },
    }
    for (const [name, wrong] of Object.entries(forged)) {
      const error = await t.throwsAsync(p.reveal(refer(wrong)), { instanceOf: KmipError }, name)
      t.is(error?.reason, 'CryptographicFailure', `${name}: ${error?.message}`)
      await t.throwsAsync(p.encrypt(refer(wrong), gcm(), message), { instanceOf: KmipError }, name)
    }
  })

  contract('a forgotten or evicted handle is made again; a new handle never meets an old key', async (t, p) => {
    const first = await p.generateKey(aes256, locked)
    const second = await p.generateKey(aes256, locked)
    const mechanism = gcm()
    const before = await p.encrypt({ handle: 'same:1', key: first }, mechanism, message)
    p.forget('same:1')
    t.deepEqual(await p.encrypt({ handle: 'same:1', key: first }, mechanism, message), before)
    t.notDeepEqual(await p.encrypt({ handle: 'same:2', key: second }, mechanism, message), before)
  })

  contract('RSA PKCS #1 v1.5 encryption', async (t, p) => {
    const { privateKey, publicKey } = await rsaPair(p)
    const out = await p.encrypt(publicKey, { cipher: 'RSA-PKCS1' }, message)
    t.deepEqual(Buffer.from(await p.decrypt(privateKey, { cipher: 'RSA-PKCS1' }, out.data)), message)
  })

  for (const [hash, maskHash, label] of [
    ['SHA_1', 'SHA_1', ''],
    ['SHA_256', 'SHA_256', ''],
    ['SHA_384', 'SHA_256', 'a label'],
    ['SHA_256', 'SHA_1', ''],
  ] as const) {
    contract(`RSA-OAEP ${hash}, mask ${maskHash}${label && ', label'}`, async (t, p) => {
      const { privateKey, publicKey } = await rsaPair(p)
      const mechanism = { cipher: 'RSA-OAEP', hash, maskHash, label: Buffer.from(label) } as const
      const { data } = await p.encrypt(publicKey, mechanism, message)
      t.deepEqual(Buffer.from(await p.decrypt(privateKey, mechanism, data)), message)
      await refused(t, 'CryptographicFailure', p.decrypt(privateKey, mechanism, Buffer.alloc(data.length, 1)))
      await refused(
        t,
        'CryptographicFailure',
        p.decrypt(privateKey, { ...mechanism, hash: 'SHA_1', maskHash: 'SHA_1', label: Buffer.alloc(0) }, Buffer.alloc(256, 2)),
      )
    })
  }

  const signatures: readonly (readonly [string, KeyType, SignMechanism])[] = [
    ['RSA-PKCS1-SHA_256', rsa2048, { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false }],
    ['RSA-PKCS1-SHA_256 of a digest', rsa2048, { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: true }],
    ['RSA-PSS-SHA_256', rsa2048, { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_256', saltLength: 32, digested: false }],
    ['RSA-PSS-SHA_256 of a digest', rsa2048, { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_256', saltLength: 20, digested: true }],
    ['RSA-PSS-SHA_256, mask SHA_1', rsa2048, { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_1', saltLength: 20, digested: false }],
    ['ECDSA-SHA_256', p256, { scheme: 'ECDSA', hash: 'SHA_256', digested: false }],
    ['ECDSA-SHA_256 of a digest', p256, { scheme: 'ECDSA', hash: 'SHA_256', digested: true }],
    ['EdDSA, Ed25519', { algorithm: 'Ed25519', length: 256 }, { scheme: 'EdDSA' }],
  ]
  for (const [name, type, mechanism] of signatures) {
    contract(`signature ${name}`, async (t, p) => {
      const pair = type === rsa2048 ? await rsaPair(p) : referPair(await p.generateKeyPair(type, locked))
      const data = 'digested' in mechanism && mechanism.digested ? randomBytes(32) : message
      const signature = await p.sign(pair.privateKey, mechanism, data)
      t.true(await p.verify(pair.publicKey, mechanism, data, signature))
      const other = Buffer.from(data)
      other[0]! ^= 1
      t.false(await p.verify(pair.publicKey, mechanism, other, signature))
      t.false(await p.verify(pair.publicKey, mechanism, data, signature.subarray(1)))
      t.false(await p.verify(pair.publicKey, mechanism, data, Buffer.alloc(signature.length)))
      t.false(await p.verify(pair.publicKey, mechanism, data, noDer))
    })
  }

  for (const { name, type, ...vector } of eddsaVectors) {
    contract(name, async (t, p) => {
      const privateKey = await put('private', type, bytes(vector.privateKey), locked)
      const publicKey = await put('public', type, bytes(vector.publicKey))
      const data = bytes(vector.message)
      t.is(hex(await p.sign(privateKey, { scheme: 'EdDSA' }, data)), vector.signature)
      t.true(await p.verify(publicKey, { scheme: 'EdDSA' }, data, bytes(vector.signature)))
      t.false(await p.verify(publicKey, { scheme: 'EdDSA' }, message, bytes(vector.signature)))
      t.false(await p.verify(publicKey, { scheme: 'EdDSA' }, data, bytes(vector.signature).subarray(1)))
    })
  }

  for (const [name, type] of [
    ['X25519', { algorithm: 'ECDH', length: 256, curve: 'CURVE25519' }],
    ['X448', { algorithm: 'ECDH', length: 448, curve: 'CURVE448' }],
  ] as const) {
    contract(`${name}: a pair goes out and comes in again, agrees outside, and does not sign`, async (t, p) => {
      const pair = referPair(await p.generateKeyPair(type, open))
      const again = refer(await p.importKey(await p.reveal(pair.privateKey), open))
      const privateKey = createPrivateKey({ key: Buffer.from((await p.reveal(again)).value.expose()), format: 'der', type: 'pkcs8' })
      const publicKey = createPublicKey({ key: Buffer.from((await p.reveal(pair.publicKey)).value.expose()), format: 'der', type: 'spki' })
      t.deepEqual([privateKey.asymmetricKeyType, publicKey.asymmetricKeyType], [name.toLowerCase(), name.toLowerCase()] as never)
      const other = name === 'X448' ? generateKeyPairSync('x448') : generateKeyPairSync('x25519')
      t.deepEqual(diffieHellman({ privateKey, publicKey: other.publicKey }), diffieHellman({ privateKey: other.privateKey, publicKey }))
      await refused(t, 'InvalidField', p.sign(pair.privateKey, { scheme: 'EdDSA' }, message))
      await refused(t, 'InvalidField', p.sign(pair.privateKey, { scheme: 'ECDSA', hash: 'SHA_256', digested: false }, message))
    })
  }

  contract('signatures are those that others make and check', async (t, p) => {
    const { privateKey, publicKey } = referPair(await p.generateKeyPair(p256, locked))
    const spki = await p.reveal(publicKey)
    const outside = createPublicKey({ key: Buffer.from(spki.value.expose()), format: 'der', type: 'spki' })
    const mechanism = { scheme: 'ECDSA', hash: 'SHA_256', digested: false } as const
    t.true(verifyOutside('sha256', message, outside, await p.sign(privateKey, mechanism, message)))
    const rsa = await rsaPair(p)
    const rsaSpki = await p.reveal(rsa.publicKey)
    const rsaOutside = createPublicKey({ key: Buffer.from(rsaSpki.value.expose()), format: 'der', type: 'spki' })
    const pkcs1 = { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false } as const
    t.true(verifyOutside('sha256', message, rsaOutside, await p.sign(rsa.privateKey, pkcs1, message)))
  })

  for (const type of [rsa2048, p256]) {
    contract(`a private key goes out as PKCS #8 and comes in again, ${type.algorithm}`, async (t, p) => {
      const pair = referPair(await p.generateKeyPair(type, open))
      const plain = await p.reveal(pair.privateKey)
      const again = refer(await p.importKey(plain, locked))
      const mechanism: SignMechanism =
        type === p256 ? { scheme: 'ECDSA', hash: 'SHA_256', digested: false } : { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false }
      const publicAgain = refer(await p.importKey(await p.reveal(pair.publicKey), open))
      t.true(await p.verify(publicAgain, mechanism, message, await p.sign(again, mechanism, message)))
      const pem = Buffer.from(plain.value.expose())
      const signature = signOutside('sha256', message, { key: pem, format: 'der', type: 'pkcs8' })
      t.true(await p.verify(publicAgain, mechanism, message, signature))
    })
  }

  contract('a private key is wrapped under a managed key and comes back', async (t, p) => {
    const wrapping = refer(await p.generateKey(aes256, locked))
    const pair = referPair(await p.generateKeyPair(p256, sensitive))
    const wrapped = await p.wrapKey(pair.privateKey, wrapping, { wrap: 'AES-KEY-WRAP-PAD' })
    const back = refer(await p.unwrapKey(wrapped, wrapping, { wrap: 'AES-KEY-WRAP-PAD' }, 'private', p256, locked))
    const mechanism = { scheme: 'ECDSA', hash: 'SHA_256', digested: false } as const
    t.true(await p.verify(pair.publicKey, mechanism, message, await p.sign(back, mechanism, message)))
  })

  for (const mechanism of [
    { cipher: 'RSA-OAEP', hash: 'SHA_1', maskHash: 'SHA_1', label: new Uint8Array() },
    { cipher: 'RSA-PKCS1' },
  ] as const) {
    contract(`a key is wrapped under an RSA key, ${mechanism.cipher}`, async (t, p) => {
      const { privateKey, publicKey } = await rsaPair(p)
      const target = refer(await p.generateKey(aes256, open))
      const wrapped = await p.wrapKey(target, publicKey, mechanism)
      const back = await p.unwrapKey(wrapped, privateKey, mechanism, 'secret', aes256, open)
      t.deepEqual((await p.reveal(refer(back))).value.expose(), (await p.reveal(target)).value.expose())
    })
  }

  contract('data of any length is kept and given back', async (t, p) => {
    for (const length of [1, 7, 8, 1000, 100_000]) {
      const value = randomBytes(length)
      const plain = await p.reveal(await put('data', undefined, Buffer.from(value)))
      t.deepEqual(Buffer.from(plain.value.expose()), value)
    }
    await refused(t, 'InvalidField', put('data', undefined, new Uint8Array()))
    await t.throwsAsync(p.encrypt(await put('data', undefined, message), gcm(), message), { instanceOf: KmipError })
  })

  for (const length of [24, 13]) {
    contract(`data of ${length} bytes is wrapped under a managed key and comes back`, async (t, p) => {
      const wrapping = refer(await p.generateKey(aes256, locked))
      const value = randomBytes(length)
      const target = await put('data', undefined, Buffer.from(value))
      const wrapped = await p.wrapKey(target, wrapping, { wrap: 'AES-KEY-WRAP-PAD' })
      const back = await p.unwrapKey(wrapped, wrapping, { wrap: 'AES-KEY-WRAP-PAD' }, 'data', undefined, open)
      t.deepEqual(Buffer.from((await p.reveal(refer(back))).value.expose()), value)
    })
  }

  contract('a value that arrives wrapped with padding keeps its length', async (t, p) => {
    const wrapping = await put('secret', { algorithm: 'AES', length: 192 }, bytes('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8'))
    const wrapped = bytes('138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a')
    for (const [kind, type] of [
      ['secret', { algorithm: 'HMAC_SHA1', length: 160 }],
      ['data', undefined],
    ] as const) {
      const back = await p.unwrapKey(wrapped, wrapping, { wrap: 'AES-KEY-WRAP-PAD' }, kind, type, open)
      t.is(hex((await p.reveal(refer(back))).value.expose()), 'c37b7e6492584340bed12207808941155068f738')
    }
  })

  contract('HMAC: by any secret key, checked in constant time', async (t, p) => {
    const value = randomBytes(32)
    for (const type of [hmac256, aes256]) {
      const key = await put('secret', type, Buffer.from(value), locked)
      for (const [hash, node] of [
        ['SHA_1', 'sha1'],
        ['SHA_256', 'sha256'],
      ] as const) {
        const mac = await p.mac(key, { mac: 'HMAC', hash }, message)
        t.deepEqual(Buffer.from(mac), createHmac(node, value).update(message).digest())
        t.true(await p.verifyMac(key, { mac: 'HMAC', hash }, message, mac))
        t.false(await p.verifyMac(key, { mac: 'HMAC', hash }, message, mac.subarray(1)))
        t.false(await p.verifyMac(key, { mac: 'HMAC', hash }, Buffer.from('other'), mac))
      }
    }
  })

  contract('HMAC-SHA3_256', async (t, p) => {
    const value = randomBytes(32)
    const key = await put('secret', hmac256, Buffer.from(value))
    t.deepEqual(
      Buffer.from(await p.mac(key, { mac: 'HMAC', hash: 'SHA3_256' }, message)),
      createHmac('sha3-256', value).update(message).digest(),
    )
  })

  contract('CMAC, SP 800-38B D.1', async (t, p) => {
    const key = await put('secret', { algorithm: 'AES', length: 128 }, bytes('2b7e151628aed2a6abf7158809cf4f3c'))
    t.is(hex(await p.mac(key, { mac: 'CMAC' }, bytes('6bc1bee22e409f96e93d7e117393172a'))), '070a16b46b4d4144f79bdd9dd04a287c')
  })

  contract('CMAC of a 3DES key, SP 800-38B D.4', async (t, p) => {
    const key = await put('secret', { algorithm: 'DES3', length: 168 }, bytes('8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5'))
    t.is(hex(await p.mac(key, { mac: 'CMAC' }, bytes('6bc1bee22e409f96'))), '8e8f293136283797')
    await refused(t, 'InvalidField', p.mac(await put('secret', hmac256, randomBytes(32)), { mac: 'CMAC' }, message))
  })

  contract('GMAC is GCM with nothing encrypted', async (t, p) => {
    const key = refer(await p.generateKey(aes256, locked))
    const iv = randomBytes(12)
    const { tag } = await p.encrypt(key, { cipher: 'GCM', iv, additionalData: message, tagLength: 16 }, new Uint8Array())
    t.deepEqual(Buffer.from(await p.mac(key, { mac: 'GMAC', iv }, message)), Buffer.from(tag!))
  })

  contract('GMAC, the CAVP vectors of SP 800-38D', async (t, p) => {
    const key = await put('secret', { algorithm: 'AES', length: 128 }, bytes('77be63708971c4e240d1cb79e8d77feb'))
    const mechanism = { mac: 'GMAC', iv: bytes('e0e00f19fed7ba0136a797f3') } as const
    const data = bytes('7a43ec1d9c0a5a78a0b16533a6213cab')
    t.is(hex(await p.mac(key, mechanism, data)), '209fcc8d3675ed938e9c7166709dd946')
    t.true(await p.verifyMac(key, mechanism, data, bytes('209fcc8d3675ed938e9c7166709dd946')))
    t.false(await p.verifyMac(key, mechanism, message, bytes('209fcc8d3675ed938e9c7166709dd946')))
    await refused(t, 'InvalidField', p.mac(key, { mac: 'GMAC', iv: new Uint8Array() }, data))
  })

  contract('the Digest of a key that never leaves', async (t, p) => {
    const value = randomBytes(32)
    const digest = await p.digest(await put('secret', aes256, Buffer.from(value), locked), 'SHA_256')
    t.deepEqual(digest && Buffer.from(digest), Buffer.from(await p.hash('SHA_256', value)))
    const made = await p.generateKey(aes256, locked)
    t.deepEqual(made.digest && Buffer.from(made.digest), Buffer.from((await p.digest(refer(made), 'SHA_256'))!))
  })

  contract('a key of the wrong kind, algorithm or length is refused', async (t, p) => {
    const key = refer(await p.generateKey(aes256, locked))
    await refused(t, 'InvalidField', p.sign(key, { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false }, message))
    await refused(t, 'InvalidField', put('secret', aes256, randomBytes(31)))
    await t.throwsAsync(put('private', p256, randomBytes(100)), { instanceOf: KmipError })
    for (const value of [randomBytes(100), noDer]) await t.throwsAsync(put('public', p256, value), { instanceOf: KmipError })
    await refused(t, 'UnsupportedCryptographicParameters', p.generateKey({ algorithm: 'SKIPJACK', length: 80 }, open))
    await refused(t, 'UnsupportedCryptographicParameters', p.generateKeyPair({ algorithm: 'McEliece', length: 80 }, open))
    await refused(t, 'UnsupportedCryptographicParameters', p.hash('Tiger', message))
  })

  contract('a key of a curve is refused where an RSA key is needed', async (t, p) => {
    const ec = referPair(await p.generateKeyPair(p256, locked))
    const key = refer(await p.generateKey(aes256, locked))
    await refused(t, 'InvalidField', p.sign(key, { scheme: 'ECDSA', hash: 'SHA_256', digested: false }, message))
    await refused(t, 'InvalidField', p.decrypt(ec.privateKey, { cipher: 'RSA-PKCS1' }, message))
    await refused(t, 'InvalidField', p.sign(ec.privateKey, { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false }, message))
    await refused(t, 'InvalidField', p.encrypt(ec.privateKey, { cipher: 'RSA-PKCS1' }, message))
  })

  contract('random bytes, as many as asked', async (t, p) => {
    t.is((await p.random(100)).length, 100)
    t.notDeepEqual(await p.random(32), await p.random(32))
  })

  contract('a record is sealed, and an altered one is found out', async (t, p) => {
    const seal = await p.sealRecord(message)
    t.is(seal.length, 32)
    t.true(await p.checkRecord(message, seal))
    t.false(await p.checkRecord(Buffer.from('other'), seal))
    t.false(await p.checkRecord(message, seal.subarray(1)))
  })

  contract('what it describes is what it has', async (t, p) => {
    const { epoch, mechanisms } = await p.describe()
    t.is(epoch, 1)
    for (const name of ['AES-GCM', 'AES-CBC', 'GENERATE-AES', 'GENERATE-RSA', 'HMAC-SHA_256', 'WRAP-AES-KEY-WRAP'])
      t.true(mechanisms.includes(name), name)
  })

  contract('many at once, more keys than stay unwrapped', async (t, p) => {
    const keys = await Promise.all(Array.from({ length: 40 }, () => p.generateKey(aes256, locked)))
    const references = keys.map(refer)
    const mechanism = gcm()
    const rounds = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const key = references[index % references.length]!
        const { data, tag } = await p.encrypt(key, mechanism, message)
        return Buffer.from(await p.decrypt(key, mechanism, data, tag)).equals(message)
      }),
    )
    t.true(rounds.every(Boolean))
  })

  test('every refusal that is expected belongs to a case', (t) => {
    t.deepEqual(
      Object.keys(refusals).filter((name) => !cases.has(name)),
      [],
    )
  })
}

function referPair(pair: { privateKey: WrappedKey; publicKey: WrappedKey }) {
  return { privateKey: refer(pair.privateKey), publicKey: refer(pair.publicKey) }
}

const pairs = new WeakMap<Partition, Promise<ReturnType<typeof referPair>>>()

/** One RSA pair for all cases of a partition: making one takes its time. */
function rsaPair(partition: Partition): Promise<ReturnType<typeof referPair>> {
  const known = pairs.get(partition) ?? partition.generateKeyPair(rsa2048, locked).then(referPair)
  pairs.set(partition, known)
  return known
}
