import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import type { ResultReason } from '../../spec/kmip-error.ts'
import type { DeriveMechanism, KeyKind, KeyPolicy, KeyReference, KeyType, Partition, WrappedKey } from '../../src/partitions/index.ts'

const open: KeyPolicy = { sensitive: false, extractable: true }
const locked: KeyPolicy = { sensitive: true, extractable: false }
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
const aes128: KeyType = { algorithm: 'AES', length: 128 }
const counting = Array.from({ length: 32 }, (_, index) => index)
const p256: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }

interface DeriveVector {
  readonly name: string
  readonly base: { readonly kind: KeyKind; readonly type?: KeyType; readonly value: Uint8Array }
  readonly mechanism: DeriveMechanism
  /** All that the method gives, or as many bytes as are asked for. */
  readonly derived: string
}

const prfKey = { kind: 'secret', type: { algorithm: 'HMAC_SHA256', length: 256 }, value: Buffer.from(counting) } as const
const label = Buffer.from('label\0context')
const password = { kind: 'data', value: Buffer.from('password') } as const
const salt = Buffer.from('salt')

/** Known answers: from the standards, and of SP 800-108 from OpenSSL's KBKDF, which has no double pipeline; that one is from a script of its own. */
const vectors: readonly DeriveVector[] = [
  {
    name: 'HASH of a key',
    base: { kind: 'secret', type: aes128, value: bytes('00112233445566778899aabbccddeeff') },
    mechanism: { derive: 'HASH', hash: 'SHA_256' },
    derived: 'a8faed6abbf35c12a4b26e40f6feb19d',
  },
  {
    name: 'HMAC',
    base: { kind: 'secret', type: aes128, value: bytes('00112233445566778899aabbccddeeff') },
    mechanism: { derive: 'HMAC', hash: 'SHA_256', data: bytes('0102') },
    derived: '1e15c1f1da233629f770fb0a04a5020e',
  },
  {
    name: 'PBKDF2, RFC 6070, 4096 iterations',
    base: password,
    mechanism: { derive: 'PBKDF2', hash: 'SHA_1', salt, iterations: 4096 },
    derived: '4b007901b765489abead49d926f721d065a429c1',
  },
  {
    name: 'HKDF, RFC 5869 A.1',
    base: { kind: 'secret', type: { algorithm: 'HMAC_SHA256', length: 176 }, value: bytes('0b'.repeat(22)) },
    mechanism: { derive: 'HKDF', hash: 'SHA_256', salt: bytes('000102030405060708090a0b0c'), data: bytes('f0f1f2f3f4f5f6f7f8f9') },
    derived: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    name: 'SP 800-108, counter',
    base: prfKey,
    mechanism: { derive: 'SP800-108-C', hash: 'SHA_256', data: label, iv: Buffer.alloc(0) },
    derived: 'c5115a8e2c9cf655fabbfecbe725e440a9838838f5b46130c654f368f780edd650d532c0fdeb6a35',
  },
  {
    name: 'SP 800-108, feedback',
    base: prfKey,
    mechanism: {
      derive: 'SP800-108-F',
      hash: 'SHA_256',
      data: label,
      iv: bytes('a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf'),
    },
    derived: '429d4a1f9b421653d084fd6ab43e90f9b9c51c5f4cc5f6001d37b614fade3bffc70f88ab29314deb',
  },
  {
    name: 'SP 800-108, double pipeline',
    base: prfKey,
    mechanism: { derive: 'SP800-108-DPI', hash: 'SHA_256', data: label, iv: Buffer.alloc(0) },
    derived: 'd8ab72593be984782969b428fed274db3d9babb831074512ea08e2c916f31d78159e98b8dbb75910',
  },
  {
    name: 'ENCRYPT with AES-CBC, SP 800-38A F.2.1',
    base: { kind: 'secret', type: aes128, value: bytes('2b7e151628aed2a6abf7158809cf4f3c') },
    mechanism: {
      derive: 'ENCRYPT',
      mechanism: { cipher: 'CBC', padding: 'None', iv: Buffer.from(counting.slice(0, 16)) },
      data: bytes('6bc1bee22e409f96e93d7e117393172a'),
    },
    derived: '7649abac8119b246cee98e9b12e9197d',
  },
  {
    name: 'ENCRYPT with AES-CTR, SP 800-38A F.5.1',
    base: { kind: 'secret', type: aes128, value: bytes('2b7e151628aed2a6abf7158809cf4f3c') },
    mechanism: {
      derive: 'ENCRYPT',
      mechanism: { cipher: 'CTR', iv: bytes('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff') },
      data: bytes('6bc1bee22e409f96e93d7e117393172a'),
    },
    derived: '874d6191b620e3261bef6864990db6ce',
  },
]

/** RFC 5903 §8.1: the initiator's private key, the responder's public point, and what they share. */
const rfc5903 = {
  jwk: {
    kty: 'EC',
    crv: 'P-256',
    d: 'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
    x: 'dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180',
    y: '5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3',
  },
  peer: {
    x: 'd12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63',
    y: '56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
  },
  shared: 'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de',
} as const

/** RFC 7748 §6.1: one side's private key, the other's public one, and what they share. */
const rfc7748 = {
  privateKey: '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
  peer: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
} as const

/** What the cases need of the contract that they are a part of. */
interface Ground {
  /** Declares a case that a partition may be expected to refuse, by name. */
  contract(name: string, body: (t: ExecutionContext, partition: Partition) => Promise<void>): void
  put(kind: KeyKind, type: KeyType | undefined, value: Uint8Array, policy?: KeyPolicy): Promise<KeyReference>
  refer(key: WrappedKey): KeyReference
  refused(t: ExecutionContext, reason: ResultReason, action: Promise<unknown>): Promise<void>
}

/** The promises of `deriveKey`. */
export function deriveCases({ contract, put, refer, refused }: Ground): void {
  const plainOf = async (p: Partition, key: WrappedKey) => hex((await p.reveal(refer(key))).value.expose())
  const generic = (length: number): KeyType => ({ algorithm: 'HMAC_SHA256', length: length * 8 })

  for (const { name, base, mechanism, derived } of vectors) {
    contract(`derived: ${name}`, async (t, p) => {
      const from = await put(base.kind, base.type, base.value, locked)
      const length = derived.length / 2
      t.is(await plainOf(p, await p.deriveKey(from, mechanism, generic(length), open)), derived)
      if (mechanism.derive.startsWith('SP800')) return
      t.is(await plainOf(p, await p.deriveKey(from, mechanism, aes128, open)), derived.slice(0, 32))
    })
  }

  contract('derived: HASH gives no more than the digest', async (t, p) => {
    const from = await put('secret', aes128, randomBytes(16))
    const mechanism = { derive: 'HASH', hash: 'SHA_256' } as const
    t.is((await plainOf(p, await p.deriveKey(from, mechanism, generic(32), open))).length, 64)
    await refused(t, 'InvalidField', p.deriveKey(from, mechanism, generic(33), open))
  })

  contract('derived: ENCRYPT gives no more than the ciphertext, and takes whole blocks', async (t, p) => {
    const from = await put('secret', aes128, randomBytes(16))
    const cbc = (length: number) =>
      ({
        derive: 'ENCRYPT',
        mechanism: { cipher: 'CBC', padding: 'None', iv: Buffer.alloc(16) },
        data: randomBytes(length),
      }) as const
    await refused(t, 'InvalidField', p.deriveKey(from, cbc(16), generic(32), open))
    await refused(t, 'InvalidField', p.deriveKey(from, cbc(20), aes128, open))
    t.is((await plainOf(p, await p.deriveKey(from, cbc(48), generic(48), open))).length, 96)
  })

  contract('derived: data that is a managed value is worked on inside', async (t, p) => {
    const from = await put('secret', aes128, bytes('2b7e151628aed2a6abf7158809cf4f3c'))
    const data = await put('data', undefined, bytes('6bc1bee22e409f96e93d7e117393172a'), locked)
    const mechanism = { cipher: 'CBC', padding: 'None', iv: Buffer.from(counting.slice(0, 16)) } as const
    t.is(
      await plainOf(p, await p.deriveKey(from, { derive: 'ENCRYPT', mechanism, data }, aes128, open)),
      '7649abac8119b246cee98e9b12e9197d',
    )
  })

  contract('derived: the policy that was asked for holds, and the key works', async (t, p) => {
    const from = await put('secret', aes128, randomBytes(16))
    const mechanism = {
      derive: 'ENCRYPT',
      mechanism: { cipher: 'CBC', padding: 'None', iv: Buffer.alloc(16) },
      data: randomBytes(32),
    } as const
    const key = refer(await p.deriveKey(from, mechanism, { algorithm: 'AES', length: 256 }, locked))
    t.deepEqual(key.key.policy, locked)
    await refused(t, 'NotExtractable', p.reveal(key))
    const gcm = { cipher: 'GCM', iv: randomBytes(12), additionalData: Buffer.alloc(0), tagLength: 16 } as const
    const { data, tag } = await p.encrypt(key, gcm, Buffer.from('secret'))
    t.is(Buffer.from(await p.decrypt(key, gcm, data, tag)).toString(), 'secret')
  })

  contract('derived: ECDH on P-256, RFC 5903 8.1', async (t, p) => {
    const privateKey = await put('private', p256, privateOf(rfc5903.jwk), locked)
    const publicKey = await put('public', p256, publicOf({ kty: 'EC', crv: 'P-256', ...rfc5903.peer }))
    t.is(await plainOf(p, await p.deriveKey(privateKey, { derive: 'ECDH', publicKey }, generic(32), open)), rfc5903.shared)
    await refused(t, 'InvalidField', p.deriveKey(privateKey, { derive: 'ECDH', publicKey }, generic(33), open))
    const p384 = { algorithm: 'EC', length: 384, curve: 'P_384' } as const
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' })
    const mixed = await put('public', p384, other)
    const error = await t.throwsAsync<Error & { reason: string }>(
      p.deriveKey(privateKey, { derive: 'ECDH', publicKey: mixed }, generic(32), open),
    )
    t.true(error?.reason === 'InvalidField' || error?.reason === 'CryptographicFailure', error?.message)
  })

  contract('derived: ECDH on P-256, the beginning of what is shared', async (t, p) => {
    const privateKey = await put('private', p256, privateOf(rfc5903.jwk), locked)
    const publicKey = await put('public', p256, publicOf({ kty: 'EC', crv: 'P-256', ...rfc5903.peer }))
    t.is(await plainOf(p, await p.deriveKey(privateKey, { derive: 'ECDH', publicKey }, aes128, open)), rfc5903.shared.slice(0, 32))
  })

  contract('derived: ECDH between two pairs that were made inside', async (t, p) => {
    const [one, other] = [await p.generateKeyPair(p256, locked), await p.generateKeyPair(p256, locked)]
    const agreed = async (mine: WrappedKey, theirs: WrappedKey) =>
      plainOf(p, await p.deriveKey(refer(mine), { derive: 'ECDH', publicKey: refer(theirs) }, generic(32), open))
    t.is(await agreed(one.privateKey, other.publicKey), await agreed(other.privateKey, one.publicKey))
  })

  contract('derived: X25519, RFC 7748 6.1', async (t, p) => {
    const type = { algorithm: 'ECDH', length: 256, curve: 'CURVE25519' } as const
    const mine = bytes(`302e020100300506032b656e04220420${rfc7748.privateKey}`)
    const privateKey = await put('private', type, mine, locked)
    const publicKey = await put('public', type, bytes(`302a300506032b656e032100${rfc7748.peer}`))
    t.is(await plainOf(p, await p.deriveKey(privateKey, { derive: 'ECDH', publicKey }, generic(32), open)), rfc7748.shared)
  })
}

const base64url = (value: string) => bytes(value).toString('base64url')

function privateOf({ d, x, y, ...curve }: typeof rfc5903.jwk): Buffer {
  const key = { ...curve, d: base64url(d), x: base64url(x), y: base64url(y) }
  return createPrivateKey({ key, format: 'jwk' }).export({ format: 'der', type: 'pkcs8' })
}

function publicOf({ x, y, ...curve }: { kty: string; crv: string; x: string; y: string }): Buffer {
  return createPublicKey({ key: { ...curve, x: base64url(x), y: base64url(y) }, format: 'jwk' }).export({ format: 'der', type: 'spki' })
}
