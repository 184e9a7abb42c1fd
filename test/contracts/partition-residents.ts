import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject, randomBytes, verify } from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import { residentName } from '../../src/objects/wrapped-key.ts'
import type { KeyReference, KeyType, Partition, WrappedKey } from '../../src/partitions/index.ts'
import { generateName, residentOnlyName } from '../../src/partitions/mechanisms.ts'

const aes: KeyType = { algorithm: 'AES', length: 256 }
const data = Buffer.from('kept in the token for good')
const gcm = () => ({ cipher: 'GCM', iv: randomBytes(12), additionalData: new Uint8Array(), tagLength: 16 }) as const
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** The curves that are known by their algorithm. */
const agreeing: Readonly<Record<string, 'x25519' | 'x448'>> = { CURVE25519: 'x25519', CURVE448: 'x448' }

export interface ResidentPair {
  readonly type: KeyType
  readonly lies: 'inside or outside' | 'inside alone'
}

let handles = 0
const refer = (key: WrappedKey): KeyReference => ({ handle: `resident-${++handles}`, key })

/**
 * What a partition promises of keys that stay inside. `makePartition` is called once; `reopen` closes what it gave and opens it again.
 * `pairs`: kinds of pairs that the device makes, and whether their private keys may lie outside too.
 */
export function partitionResidentsContract(
  test: TestFn,
  makePartition: () => Promise<Partition>,
  reopen: (partition: Partition) => Promise<Partition>,
  pairs: readonly ResidentPair[],
): void {
  let partition: Partition
  test.before(async () => {
    partition = await makePartition()
  })
  test.after.always(() => partition?.close())
  const contract = (name: string, body: (t: ExecutionContext) => Promise<void>) => test.serial(`resident keys: ${name}`, body)

  const make = async (type: KeyType = aes) => {
    const name = randomBytes(16)
    return { name, reference: refer(await partition.generateResident!(type, name)) }
  }
  const names = async () => (await partition.residents!()).map(hex)
  const refused = async (t: ExecutionContext, reason: ResultReason, says: RegExp, work: Promise<unknown>) => {
    const error = await t.throwsAsync(work, { instanceOf: KmipError })
    t.is(error?.reason, reason, error?.message)
    t.regex(error?.message ?? '', says)
  }

  /** What a private key agrees on with a pair made outside, there and here. */
  const agreed = async (privateKey: KeyReference, type: KeyType, mine: KeyObject) => {
    const other = generateKeyPairSync(agreeing[type.curve!]! as 'x25519')
    const publicKey = refer(
      await partition.importKey(
        { kind: 'public', type, value: new Secret(other.publicKey.export({ format: 'der', type: 'spki' })) },
        { sensitive: false, extractable: true },
      ),
    )
    const secret: KeyType = { algorithm: 'HMAC_SHA256', length: type.length }
    const derived = await partition.deriveKey(privateKey, { derive: 'ECDH', publicKey }, secret, { sensitive: false, extractable: true })
    const inside = Buffer.from((await partition.reveal(refer(derived))).value.expose())
    return [inside, diffieHellman({ privateKey: other.privateKey, publicKey: mine })] as const
  }

  contract('outside there is a name and no wrapped bytes; the policy is the strictest', async (t) => {
    const { name, reference } = await make()
    const { key } = reference
    t.is(hex(residentName(key)!), hex(name))
    t.deepEqual(key.policy, { sensitive: true, extractable: false })
    t.is(key.bytes.length, 16 + 32)
    t.true((await names()).includes(hex(name)))
  })

  contract('a symmetric key encrypts whole and in parts, makes CMACs, wraps other keys and brings them in', async (t) => {
    const { reference } = await make()
    const mechanism = gcm()
    const sealed = await partition.encrypt(reference, mechanism, data)
    t.deepEqual(Buffer.from(await partition.decrypt(reference, mechanism, sealed.data, sealed.tag)), data)
    const ctr = { cipher: 'CTR', iv: randomBytes(16) } as const
    const { stream } = await partition.streams!.begin(reference, { operation: 'encrypt', mechanism: ctr })
    const first = await partition.streams!.update(stream, data.subarray(0, 9))
    const { data: last } = await partition.streams!.end(stream, data.subarray(9))
    t.deepEqual(Buffer.concat([first, last]), Buffer.from((await partition.encrypt(reference, ctr, data)).data))
    t.true(await partition.verifyMac(reference, { mac: 'CMAC' }, data, await partition.mac(reference, { mac: 'CMAC' }, data)))
    const target = refer(await partition.generateKey(aes, { sensitive: true, extractable: true }))
    const wrapped = await partition.wrapKey(target, reference, { wrap: 'AES-KEY-WRAP' })
    const open = { sensitive: false, extractable: true }
    const back = refer(await partition.unwrapKey(wrapped, reference, { wrap: 'AES-KEY-WRAP' }, 'secret', aes, open))
    t.deepEqual((await partition.encrypt(back, ctr, data)).data, (await partition.encrypt(target, ctr, data)).data)
  })

  contract('an HMAC key makes MACs, and a key of another type is refused for it by name', async (t) => {
    const { reference } = await make({ algorithm: 'HMAC_SHA256', length: 256 })
    const mechanism = { mac: 'HMAC', hash: 'SHA_256' } as const
    t.true(await partition.verifyMac(reference, mechanism, data, await partition.mac(reference, mechanism, data)))
    const other = await make()
    await refused(t, 'UnsupportedCryptographicParameters', /HMAC by a resident AES key/, partition.mac(other.reference, mechanism, data))
  })

  for (const { type, lies } of pairs) {
    const name = `${type.algorithm} ${type.curve ?? type.length}`
    const agrees = type.algorithm === 'ECDH'

    contract(`a pair of ${name} ${agrees ? 'agrees' : 'signs'} inside, as others find with its public key`, async (t) => {
      const made = await partition.generateResidentPair!(type, randomBytes(16))
      const [privateKey, publicKey] = [refer(made.privateKey), refer(made.publicKey)]
      t.is(residentName(made.publicKey), undefined)
      await refused(t, 'NotExtractable', /never leaves/, partition.reveal(privateKey))
      const spki = Buffer.from((await partition.reveal(publicKey)).value.expose())
      const outside = createPublicKey({ key: spki, format: 'der', type: 'spki' })
      if (agrees) {
        const [inside, there] = await agreed(privateKey, type, outside)
        t.deepEqual(inside, there)
        return
      }
      const hash = type.algorithm.startsWith('Ed') ? null : 'sha256'
      const hashed = { hash: 'SHA_256', digested: false } as const
      const scheme = type.algorithm === 'RSA' ? 'RSA-PKCS1' : 'ECDSA'
      const mechanism = hash === null ? ({ scheme: 'EdDSA' } as const) : ({ scheme, ...hashed } as const)
      const signature = await partition.sign(privateKey, mechanism, data)
      t.true(verify(hash, data, outside, signature))
      t.true(await partition.verify(publicKey, mechanism, data, signature))
      t.false(await partition.verify(publicKey, mechanism, data.subarray(1), signature))
    })

    contract(`a pair of ${name} lies ${lies}, as the partition says`, async (t) => {
      const { mechanisms } = await partition.describe()
      const listed = mechanisms.filter((one) => one === generateName(type) || one === residentOnlyName(generateName(type)))
      const policy = { sensitive: true, extractable: true }
      if (lies === 'inside alone') {
        t.deepEqual(listed, [residentOnlyName(generateName(type))])
        const says = new RegExp(`${generateName(type)}: its token does not let such keys out.*Ask for a resident key`)
        return refused(t, 'UnsupportedCryptographicParameters', says, partition.generateKeyPair(type, policy))
      }
      t.deepEqual(listed, [generateName(type)])
      t.is((await partition.generateKeyPair(type, policy)).privateKey.kind, 'private')
    })
  }

  contract('nothing of it leaves, plain or wrapped, whatever its record says', async (t) => {
    const { reference } = await make()
    const wrapping = refer(await partition.generateKey(aes, { sensitive: true, extractable: false }))
    await refused(t, 'NotExtractable', /never leaves/, partition.reveal(reference))
    await refused(t, 'NotExtractable', /never leaves/, partition.wrapKey(reference, wrapping, { wrap: 'AES-KEY-WRAP' }))
    const open = refer({ ...reference.key, policy: { sensitive: false, extractable: true } })
    await refused(t, 'CryptographicFailure', /altered/, partition.reveal(open))
    await refused(t, 'CryptographicFailure', /altered/, partition.wrapKey(open, wrapping, { wrap: 'AES-KEY-WRAP' }))
    const other = await make()
    const bytes = Buffer.concat([other.name, reference.key.bytes.subarray(16)])
    await refused(t, 'CryptographicFailure', /altered/, partition.encrypt(refer({ ...reference.key, bytes }), gcm(), data))
  })

  contract('an epoch turn leaves it what it is', async (t) => {
    const { reference } = await make()
    const { epoch, ...rest } = reference.key
    const turned = await partition.rewrap({ ...rest, epoch: epoch - 1 })
    t.deepEqual(turned, reference.key)
  })

  contract('one that was made by a call whose answer was lost is replaced', async (t) => {
    const { name } = await make()
    const again = refer(await partition.generateResident!(aes, name))
    t.is((await names()).filter((one) => one === hex(name)).length, 1)
    await partition.encrypt(again, gcm(), data)
  })

  contract('destroyed, it is gone from the device; to destroy it again is no error', async (t) => {
    const { name, reference } = await make()
    await partition.encrypt(reference, gcm(), data)
    await partition.destroyResident!(name)
    t.false((await names()).includes(hex(name)))
    await refused(t, 'GeneralFailure', new RegExp(`has no resident keys? ${hex(name)}`), partition.encrypt(reference, gcm(), data))
    await partition.destroyResident!(name)
  })

  contract('it outlives the process, and more of them than a token lists at a time', async (t) => {
    const { reference } = await make()
    for (let more = (await names()).length; more < 70; more++) await make()
    const mechanism = gcm()
    const sealed = await partition.encrypt(reference, mechanism, data)
    partition = await reopen(partition)
    t.true((await names()).length >= 70)
    t.deepEqual(Buffer.from(await partition.decrypt(reference, mechanism, sealed.data, sealed.tag)), data)
  })
}
