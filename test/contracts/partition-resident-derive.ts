import { createPublicKey, diffieHellman, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { ExecutionContext, TestFn } from 'ava'
import { KmipError, type ResultReason } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/index.ts'
import type { DeriveMechanism, HashName, KeyPolicy, KeyReference, KeyType, Partition, WrappedKey } from '../../src/partitions/index.ts'
import { type RowOf, rowsThat } from '../../src/partitions/mechanism-table.ts'

const open: KeyPolicy = { sensitive: false, extractable: true }
const generic: KeyType = { algorithm: 'HMAC_SHA256', length: 256 }
const aes: KeyType = { algorithm: 'AES', length: 256 }
/** The derivations from secret keys. */
const rows = rowsThat('derive').filter(({ derive }) => derive !== 'ECDH')
const short: KeyType = { algorithm: 'HMAC_SHA256', length: 128 }
const p256: KeyType = { algorithm: 'EC', length: 256, curve: 'P_256' }
const data = Buffer.alloc(32, 'derived')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')
let handles = 0
const refer = (key: WrappedKey): KeyReference => ({ handle: `base-${++handles}`, key })

/** What a partition promises of keys that are derived from resident ones. `derives`: the derivations that the device has, all of them. */
export function residentDeriveContract(test: TestFn, makePartition: () => Promise<Partition>, derives: readonly string[]): void {
  let partition: Partition
  test.before(async () => {
    partition = await makePartition()
  })
  const contract = (name: string, body: (t: ExecutionContext) => Promise<void>) => test.serial(`derived from a resident key: ${name}`, body)

  const resident = async (type: KeyType) => refer(await partition.generateResident!(type, randomBytes(16)))
  const kept = new Map<string, KeyReference>()
  /** Of the type that a method takes. */
  const base = async ({ keys: [algorithm = 'AES'] }: RowOf<'derive'>) => {
    const key = kept.get(algorithm) ?? (await resident(algorithm === 'DES3' ? { algorithm, length: 192 } : aes))
    kept.set(algorithm, key)
    return key
  }
  const revealed = async (key: WrappedKey) => hex((await partition.reveal(refer(key))).value.expose())
  const refused = async (t: ExecutionContext, reason: ResultReason, says: RegExp, work: Promise<unknown>) => {
    const error = await t.throwsAsync(work, { instanceOf: KmipError })
    t.is(error?.reason, reason, error?.message)
    t.regex(error?.message ?? '', says)
  }

  /** A pair of which the private key is resident, and what it and a pair from outside have in common. */
  const agreement = async () => {
    const { privateKey, publicKey } = await partition.generateResidentPair!(p256, randomBytes(16))
    const spki = Buffer.from((await partition.reveal(refer(publicKey))).value.expose())
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const value = new Secret(other.publicKey.export({ format: 'der', type: 'spki' }))
    const common = diffieHellman({ privateKey: other.privateKey, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) })
    const theirs = refer(await partition.importKey({ kind: 'public', type: p256, value }, open))
    return { from: refer(privateKey), theirs, common: hex(common) }
  }

  contract('the token lists what it derives by, and does not derive by another method', async (t) => {
    t.deepEqual((await partition.describe()).mechanisms.filter((name) => name.startsWith('DERIVE-')).sort(), [...derives].sort())
    for (const row of rows.filter(({ name }) => !derives.includes(name))) {
      const derived = partition.deriveKey(await base(row), asked(row), short, open)
      await refused(t, 'UnsupportedCryptographicParameters', new RegExp(`no mechanism ${row.name}\\.`), derived)
    }
  })

  for (const row of rows.filter(({ name }) => derives.includes(name)))
    contract(`${row.name} gives what it is`, async (t) => {
      for (const from of row.keys.length === 0 ? [await base(row), await resident(generic)] : [await base(row)]) {
        const mechanism = asked(row)
        const whole =
          mechanism.derive === 'ENCRYPT'
            ? (await partition.encrypt(from, mechanism.mechanism, data)).data
            : await partition.digest(from, (mechanism as { readonly hash: HashName }).hash)
        t.is(await revealed(await partition.deriveKey(from, mechanism, short, open)), hex(whole!.subarray(0, short.length / 8)))
      }
    })

  contract('DERIVE-ECDH gives what both sides have', async (t) => {
    const { from, theirs, common } = await agreement()
    t.is(await revealed(await partition.deriveKey(from, { derive: 'ECDH', publicKey: theirs }, generic, open)), common)
  })

  contract('the new key lies outside, under its own policy; the base stays where it is', async (t) => {
    const from = await resident(aes)
    const before = (await partition.residents!()).map(hex).sort()
    const mechanism = { cipher: 'CBC', padding: 'None', iv: Buffer.alloc(16) } as const
    const locked = { sensitive: true, extractable: false }
    const derived = await partition.deriveKey(from, { derive: 'ENCRYPT', mechanism, data }, aes, locked)
    t.deepEqual((await partition.residents!()).map(hex).sort(), before)
    t.deepEqual(derived.policy, locked)
    await refused(t, 'NotExtractable', /never leaves|Extractable/, partition.reveal(refer(derived)))
    const known = refer(
      await partition.importKey(
        { kind: 'secret', type: aes, value: new Secret((await partition.encrypt(from, mechanism, data)).data) },
        open,
      ),
    )
    t.deepEqual((await partition.encrypt(refer(derived), mechanism, data)).data, (await partition.encrypt(known, mechanism, data)).data)
  })

  contract('a key of another kind is refused, and the partition goes on', async (t) => {
    const { privateKey, publicKey } = await partition.generateResidentPair!({ algorithm: 'RSA', length: 2048 }, randomBytes(16))
    const [method = 'ECDH'] = derives.filter((name) => name.startsWith('DERIVE-HASH-'))
    const wrong: DeriveMechanism = method === 'ECDH' ? { derive: 'ECDH', publicKey: refer(publicKey) } : { derive: 'HASH', hash: 'SHA_256' }
    const from = method === 'ECDH' ? await resident(aes) : refer(privateKey)
    const says = new RegExp(`derives from a ${method === 'ECDH' ? 'private' : 'secret'} key`)
    for (let again = 0; again < 3; again++) await refused(t, 'InvalidField', says, partition.deriveKey(from, wrong, generic, open))
    await partition.random(1)
  })

  contract('destroyed, it gives no more', async (t) => {
    const name = randomBytes(16)
    const from = refer(await partition.generateResident!(aes, name))
    const mechanism = { cipher: 'CBC', padding: 'None', iv: Buffer.alloc(16) } as const
    await partition.destroyResident!(name)
    await refused(
      t,
      'GeneralFailure',
      /has no resident keys/,
      partition.deriveKey(from, { derive: 'ENCRYPT', mechanism, data }, generic, open),
    )
  })
}

/** A method as it is asked for; of agreements see above. */
function asked({ derive, name, kmip }: RowOf<'derive'>): DeriveMechanism {
  const iv = Buffer.alloc(name.includes('DES3') ? 8 : 16, 3)
  const cipher = /(ECB|CBC|CTR|CFB|OFB)/.exec(name)?.[1]
  const padding = cipher === 'ECB' || cipher === 'CBC' ? { padding: 'None' } : {}
  const all = { hash: kmip.hashingAlgorithm ?? 'SHA_256', data, salt: data, iterations: 1, iv, mechanism: { cipher, iv, ...padding } }
  return { derive, ...all } as unknown as DeriveMechanism
}
