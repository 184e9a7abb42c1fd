import { randomBytes, randomInt } from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import type { KeyReference, KeyType, OpenedStream, Partition, PartitionStreams, SignMechanism } from '../../src/partitions/index.ts'
import type { Refusal } from './partition.ts'
import { feedbackVectors, wholeVectors } from './partition-mode-vectors.ts'
import { cipherVectors, hashVectors, hmacVectors } from './partition-vectors.ts'

const open = { sensitive: false, extractable: true } as const
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
let handles = 0

/** Data in parts of 0 to 40 bytes; the last goes with the end. */
function cut(data: Uint8Array): { readonly parts: readonly Uint8Array[]; readonly last: Uint8Array } {
  const parts: Uint8Array[] = []
  let at = 0
  while (data.length - at > 40) {
    const length = randomInt(41)
    parts.push(data.subarray(at, at + length))
    at += length
  }
  const middle = at + randomInt(data.length - at + 1)
  return { parts: [...parts, data.subarray(at, middle)], last: data.subarray(middle) }
}

/**
 * Every promise of `PartitionStreams`, run against one partition that has them. `makePartition` is called once. A case that the partition is
 * expected to refuse is named with its refusal; all others must succeed.
 */
export function partitionStreamsContract(
  test: TestFn,
  makePartition: () => Promise<Partition>,
  refusals: Readonly<Record<string, Refusal>> = {},
): void {
  let made: Promise<Partition> | undefined
  const partition = () => {
    made ??= makePartition()
    return made
  }
  test.after.always(async () => (await made)?.close())
  const contract = (name: string, body: (t: ExecutionContext, partition: Partition, streams: PartitionStreams) => Promise<void>) =>
    test(`in parts: ${name}`, async (t) => {
      const p = await partition()
      const { streams } = p
      if (streams === undefined) throw new Error('the partition has no streams')
      const refusal = refusals[name]
      if (refusal === undefined) return body(t, p, streams)
      await refused(t, refusal.reason, refusal.says, body(t, p, streams))
    })

  const put = async (type: KeyType, value: Uint8Array): Promise<KeyReference> => ({
    handle: `stream-${++handles}`,
    key: await (await partition()).importKey({ kind: 'secret', type, value: new Secret(value) }, open),
  })

  /** What a stream gave before its end, and at it. */
  const run = async (streams: PartitionStreams, { stream }: OpenedStream, data: Uint8Array, expected?: Uint8Array) => {
    const { parts, last } = cut(data)
    const given: Uint8Array[] = []
    for (const part of parts) given.push(await streams.update(stream, part))
    return { before: Buffer.concat(given), end: await streams.end(stream, last, expected) }
  }

  const refused = async (t: ExecutionContext, reason: ResultReason, says: RegExp, action: Promise<unknown>) => {
    const error = await t.throwsAsync(action, { instanceOf: KmipError })
    t.is(error?.reason, reason, error?.message)
    t.regex(error?.message ?? '', says)
  }

  for (const { name, type, key, mechanism, plain, cipher, tag } of [...cipherVectors, ...feedbackVectors]) {
    contract(name, async (t, _p, streams) => {
      const reference = await put(type, bytes(key))
      const sealed = await run(streams, await streams.begin(reference, { operation: 'encrypt', mechanism }), bytes(plain))
      t.is(hex(Buffer.concat([sealed.before, sealed.end.data])), cipher)
      t.is(sealed.end.tag && hex(sealed.end.tag), tag)
      const begun = await streams.begin(reference, { operation: 'decrypt', mechanism, ...(tag === undefined ? {} : { tag: bytes(tag) }) })
      t.is(begun.holdsBack, tag !== undefined)
      const opened = await run(streams, begun, bytes(cipher))
      if (begun.holdsBack) t.is(opened.before.length, 0)
      t.is(hex(Buffer.concat([opened.before, opened.end.data])), plain)
    })
  }

  for (const { name, key, hash, data, mac } of hmacVectors) {
    contract(name, async (t, _p, streams) => {
      const reference = await put({ algorithm: 'HMAC_SHA256', length: key.length * 4 }, bytes(key))
      const mechanism = { mac: 'HMAC', hash } as const
      const { before, end } = await run(streams, await streams.begin(reference, { operation: 'mac', mechanism }), Buffer.from(data))
      t.is(before.length, 0)
      t.is(hex(end.data), mac)
      const verify = async (given: Uint8Array) =>
        (await run(streams, await streams.begin(reference, { operation: 'verifyMac', mechanism }), Buffer.from(data), given)).end.valid
      t.true(await verify(bytes(mac)))
      t.false(await verify(randomBytes(bytes(mac).length)))
      t.false(await verify(bytes(mac).subarray(1)))
      const nothingToVerify = streams
        .begin(reference, { operation: 'verifyMac', mechanism })
        .then(({ stream }) => streams.end(stream, bytes('00')))
      await refused(t, 'InvalidField', /nothing to verify/, nothingToVerify)
    })
  }

  for (const { hash, digest } of hashVectors) {
    contract(`hash ${hash}`, async (t, _p, streams) => {
      const { end } = await run(streams, await streams.beginHash(hash), Buffer.from('abc'))
      t.is(hex(end.data), digest)
    })
  }

  const signed: readonly (readonly [string, KeyType, SignMechanism])[] = [
    ['RSA-PKCS1', { algorithm: 'RSA', length: 2048 }, { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: false }],
    [
      'RSA-PSS',
      { algorithm: 'RSA', length: 2048 },
      { scheme: 'RSA-PSS', hash: 'SHA_256', maskHash: 'SHA_256', saltLength: 32, digested: false },
    ],
    ['ECDSA', { algorithm: 'EC', length: 256, curve: 'P_256' }, { scheme: 'ECDSA', hash: 'SHA_384', digested: false }],
  ]
  for (const [name, type, mechanism] of signed) {
    contract(`a signature by ${name} is that of the whole, whichever way it was made`, async (t, p, streams) => {
      const pair = await p.generateKeyPair(type, open)
      const privateKey = { handle: `stream-${++handles}`, key: pair.privateKey }
      const publicKey = { handle: `stream-${++handles}`, key: pair.publicKey }
      const data = randomBytes(300)
      const { end } = await run(streams, await streams.begin(privateKey, { operation: 'sign', mechanism }), data)
      t.true(await p.verify(publicKey, mechanism, data, end.data))
      const verify = async (given: Uint8Array, signature: Uint8Array, mechanisms: readonly SignMechanism[] = [mechanism]) =>
        (await run(streams, await streams.begin(publicKey, { operation: 'verify', mechanisms }), given, signature)).end.valid
      t.true(await verify(data, await p.sign(privateKey, mechanism, data)))
      t.false(await verify(data.subarray(1), end.data))
      t.false(await verify(data, new Uint8Array(3)))
      if (mechanism.scheme === 'RSA-PSS') {
        t.false(await verify(data, end.data, [{ ...mechanism, saltLength: 20 }]))
        t.true(await verify(data, end.data, [{ ...mechanism, saltLength: 20 }, mechanism]))
      }
    })
  }

  contract('EdDSA works on whole messages, and is refused by name', async (t, p, streams) => {
    const { privateKey } = await p.generateKeyPair({ algorithm: 'Ed25519', length: 256 }, open)
    const edwards = streams.begin({ handle: `stream-${++handles}`, key: privateKey }, { operation: 'sign', mechanism: { scheme: 'EdDSA' } })
    await refused(t, 'UnsupportedCryptographicParameters', /EdDSA in parts/, edwards)
  })

  contract('RSA encrypts one block, and a digest is signed whole: refused by name', async (t, p, streams) => {
    const { publicKey } = await p.generateKeyPair({ algorithm: 'RSA', length: 2048 }, open)
    const rsa = { handle: `stream-${++handles}`, key: publicKey }
    const raw = streams.begin(rsa, { operation: 'encrypt', mechanism: { cipher: 'RSA-RAW' } })
    await refused(t, 'UnsupportedCryptographicParameters', /RSA-RAW in parts/, raw)
    const digested = { scheme: 'RSA-PKCS1', hash: 'SHA_256', digested: true } as const
    await refused(
      t,
      'InvalidField',
      /digest is signed and verified whole/,
      streams.begin(rsa, { operation: 'verify', mechanisms: [digested] }),
    )
  })

  contract('GMAC works on whole messages, and is refused by name', async (t, _p, streams) => {
    const aes = await put({ algorithm: 'AES', length: 128 }, randomBytes(16))
    const gmac = streams.begin(aes, { operation: 'mac', mechanism: { mac: 'GMAC', iv: randomBytes(12) } })
    await refused(t, 'UnsupportedCryptographicParameters', /GMAC in parts/, gmac)
  })

  contract('CMAC', async (t, p, streams) => {
    const key = await put({ algorithm: 'AES', length: 128 }, randomBytes(16))
    const data = randomBytes(100)
    const { end } = await run(streams, await streams.begin(key, { operation: 'mac', mechanism: { mac: 'CMAC' } }), data)
    t.is(hex(end.data), hex(await p.mac(key, { mac: 'CMAC' }, data)))
  })

  contract('AES-GCM with additional data gives what the whole gives', async (t, p, streams) => {
    const key = await put({ algorithm: 'AES', length: 256 }, randomBytes(32))
    const mechanism = { cipher: 'GCM', iv: randomBytes(12), additionalData: Buffer.from('context'), tagLength: 13 } as const
    const data = randomBytes(200)
    const whole = await p.encrypt(key, mechanism, data)
    const sealed = await run(streams, await streams.begin(key, { operation: 'encrypt', mechanism }), data)
    t.is(hex(Buffer.concat([sealed.before, sealed.end.data])), hex(whole.data))
    t.is(hex(sealed.end.tag!), hex(whole.tag!))
  })

  contract('no plain text of an altered message, or under another tag or additional data', async (t, p, streams) => {
    const key = await put({ algorithm: 'AES', length: 256 }, randomBytes(32))
    const mechanism = { cipher: 'GCM', iv: randomBytes(12), additionalData: Buffer.from('context'), tagLength: 16 } as const
    const { data, tag } = await p.encrypt(key, mechanism, randomBytes(100))
    const altered = Buffer.from(data)
    altered[50]! ^= 1
    for (const [given, changed] of [
      [altered, {}],
      [data, { tag: randomBytes(16) }],
      [data, { mechanism: { ...mechanism, additionalData: Buffer.from('other') } }],
    ] as const) {
      const { stream } = await streams.begin(key, { operation: 'decrypt', mechanism, tag: tag!, ...changed })
      t.is((await streams.update(stream, given.subarray(0, 90))).length, 0)
      await refused(t, 'CryptographicFailure', /\btag\b/, streams.end(stream, given.subarray(90)))
      await refused(t, 'InvalidCorrelationValue', /no such stream/, streams.end(stream, given.subarray(90)))
    }
    await refused(t, 'InvalidField', /needs the authentication tag/, streams.begin(key, { operation: 'decrypt', mechanism }))
  })

  contract('a mode that works on the whole is refused by name', async (t, _p, streams) => {
    for (const { type, key, mechanism, tag } of wholeVectors) {
      const reference = await put(type, bytes(key))
      const says = new RegExp(`mechanism AES-${mechanism.cipher} in parts: .* Send all of the data in one request`)
      await refused(t, 'UnsupportedCryptographicParameters', says, streams.begin(reference, { operation: 'encrypt', mechanism }))
      const decrypt = { operation: 'decrypt', mechanism, ...(tag === undefined ? {} : { tag: bytes(tag) }) } as const
      await refused(t, 'UnsupportedCryptographicParameters', says, streams.begin(reference, decrypt))
    }
  })

  contract('a half block at the end, a counter that runs over, and padding that is none end the stream', async (t, _p, streams) => {
    const key = await put({ algorithm: 'AES', length: 128 }, randomBytes(16))
    const half = await streams.begin(key, { operation: 'encrypt', mechanism: { cipher: 'ECB', padding: 'None' } })
    await streams.update(half.stream, randomBytes(20))
    await refused(t, 'InvalidField', /multiple of 16 bytes, not 23/, streams.end(half.stream, randomBytes(3)))
    const short = { cipher: 'CTR', iv: Buffer.alloc(16, 0xff), counterBits: 8 } as const
    const counter = await streams.begin(key, { operation: 'encrypt', mechanism: short })
    await streams.update(counter.stream, randomBytes(16))
    await refused(t, 'InvalidField', /runs over/, streams.update(counter.stream, randomBytes(1)))
    await refused(t, 'InvalidCorrelationValue', /no such stream/, streams.update(counter.stream, randomBytes(1)))
    const padded = { cipher: 'CBC', padding: 'PKCS5', iv: randomBytes(16) } as const
    const cutShort = await streams.begin(key, { operation: 'decrypt', mechanism: padded })
    await refused(t, 'CryptographicFailure', /does not decrypt|AES-CBC failed/, streams.end(cutShort.stream, randomBytes(17)))
  })

  contract('a stream goes on when its key is held no longer, and not once it was abandoned', async (t, p, streams) => {
    const key = await put({ algorithm: 'AES', length: 128 }, randomBytes(16))
    const mechanism = { cipher: 'CTR', iv: randomBytes(16) } as const
    const data = randomBytes(64)
    const { stream } = await streams.begin(key, { operation: 'encrypt', mechanism })
    const first = await streams.update(stream, data.subarray(0, 30))
    p.forget(key.handle)
    const { data: second } = await streams.end(stream, data.subarray(30))
    t.deepEqual(Buffer.concat([first, second]), Buffer.from((await p.encrypt(key, mechanism, data)).data))
    const other = await streams.begin(key, { operation: 'encrypt', mechanism })
    streams.abandon(other.stream)
    streams.abandon(other.stream)
    await refused(t, 'InvalidCorrelationValue', /no such stream/, streams.update(other.stream, data))
  })
}
