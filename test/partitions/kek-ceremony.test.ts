import { createDecipheriv } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import {
  type CarriedKeys,
  type Carrying,
  createPkcs11Partition,
  exportKek,
  importKek,
  openPkcs11Partition,
  requestFingerprint,
  requestKek,
} from '../../src/partitions/index.ts'
import { ckk, ckm, cko } from '../../src/partitions/pkcs11/constants.ts'
import { fromSpki } from '../../src/partitions/pkcs11/public-key.ts'
import { attributes } from '../../src/partitions/pkcs11/template.ts'
import { Token } from '../../src/partitions/pkcs11/token.ts'
import { probeTrustedWrapping } from '../../src/partitions/pkcs11/trusted-wrapping.ts'
import { nssToken } from '../support/nss-softokn.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const nss = nssToken('nss')
test.after.always(() => {
  nss.remove()
  hsm.remove()
})

const officer = '87654321'
let count = 0
const newToken = () => ({ name: 'bank', ...hsm.token(`token-${++count}`) })
async function withKeys(carrying: Carrying) {
  const token = newToken()
  await createPkcs11Partition(token, carrying)
  return token
}

const aes = { algorithm: 'AES', length: 256 } as const
const policy = { sensitive: true, extractable: false }
const session = { CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, TOKEN: false } as const
const carryingTarget = {
  CLASS: cko.PUBLIC_KEY,
  KEY_TYPE: ckk.RSA,
  TOKEN: true,
  PRIVATE: false,
  LABEL: 'tresor-kek-target',
  WRAP: true,
  VERIFY: false,
} as const
const gcm = { cipher: 'GCM', iv: Buffer.alloc(12, 1), additionalData: Buffer.alloc(0), tagLength: 16 } as const

test.serial('keys made before work on the second token, of each epoch, and its records are known there', async (t) => {
  const source = await withKeys('carried')
  const before = await openPkcs11Partition(source)
  const first = await before.generateKey(aes, policy)
  await before.makeEpoch?.(2)
  await before.atEpoch(2)
  const second = await before.generateKey(aes, policy)
  const data = await before.importKey(
    { kind: 'data', type: undefined, value: new Secret(Buffer.from('kept')) },
    { sensitive: false, extractable: true },
  )
  const seal = await before.sealRecord(Buffer.from('record'))
  const encrypted = await Promise.all(
    [first, second].map((key, index) => before.encrypt({ handle: `${index}`, key }, gcm, Buffer.from('text'))),
  )
  await before.close()

  const target = newToken()
  const request = await requestKek(target)
  const carried = await exportKek(source, officer, request)
  t.is(carried.fingerprint, requestFingerprint(request))
  t.deepEqual(carried.keks.map(({ epoch }) => epoch).sort(), [1, 2])
  await importKek(target, carried, 'stays')
  const after = await openPkcs11Partition(target)
  for (const [index, key] of [first, second].entries()) {
    const { data: text, tag } = encrypted[index]!
    t.is(Buffer.from(await after.decrypt({ handle: `${index}`, key }, gcm, text, tag)).toString(), 'text')
  }
  t.is(Buffer.from((await after.reveal({ handle: 'data', key: data })).value.expose()).toString(), 'kept')
  t.true(await after.checkRecord(Buffer.from('record'), seal))
  const { epoch, details } = await after.describe()
  t.is(epoch, 2)
  t.like(details, { 'trusted wrapping': 'enforced', 'own keys': 'never leave the token' })
  await after.close()

  await t.throwsAsync(importKek(target, carried, 'stays'), { message: /waits for no keys/ })
  await t.throwsAsync(exportKek(target, officer, await requestKek(newToken())), {
    message: /never leave it: they were made without --kek-may-be-carried/,
  })
})

test.serial('after a turn the KEK of the new epoch follows; keys of another partition do not', async (t) => {
  const source = await withKeys('carried')
  const target = newToken()
  await importKek(target, await exportKek(source, officer, await requestKek(target)), 'stays')
  const turned = await openPkcs11Partition(source)
  await turned.makeEpoch?.(2)
  await turned.atEpoch(2)
  await turned.dropEarlierEpochs?.()
  const key = await turned.generateKey(aes, policy)
  await turned.close()
  const request = await requestKek(target)
  await t.throwsAsync(importKek(target, await exportKek(await withKeys('carried'), officer, request), 'stays'), {
    message: /of another partition than it has/,
  })
  await importKek(target, await exportKek(source, officer, request), 'carried')
  const after = await openPkcs11Partition(target)
  t.is((await after.encrypt({ handle: 'k', key }, gcm, Buffer.from('text'))).data.length, 4)
  t.like((await after.describe()).details, { epochs: '1, 2', 'own keys': 'never leave the token' })
  await after.close()
})

test.serial('what is refused leaves nothing behind, and the ceremony can be done again', async (t) => {
  const source = await withKeys('carried')
  const target = newToken()
  await t.throwsAsync(importKek(target, {} as CarriedKeys, 'stays'), {
    message: /waits for no keys\. Begin with: tresor partition request-kek/,
  })
  const earlier = await exportKek(source, officer, await requestKek(target))
  const request = await requestKek(target)
  const carried = await exportKek(source, officer, request)
  const flip = (text: string) =>
    Buffer.from(Buffer.from(text, 'base64').map((byte, index) => (index === 9 ? byte ^ 1 : byte))).toString('base64')
  const other = await exportKek(await withKeys('carried'), officer, request)
  for (const [what, altered] of [
    ['an earlier request', earlier],
    ['a KEK altered', { ...carried, keks: carried.keks.map(({ epoch, wrapped }) => ({ epoch, wrapped: flip(wrapped) })) }],
    ['the integrity key altered', { ...carried, integrityKey: flip(carried.integrityKey) }],
    ['the check altered', { ...carried, check: flip(carried.check) }],
    ['no check', { ...carried, check: '' }],
    ["another partition's KEK", { ...carried, keks: other.keks }],
    ['an epoch called otherwise', { ...carried, keks: carried.keks.map((kek) => ({ ...kek, epoch: 7 })) }],
  ] as const) {
    await t.throwsAsync(importKek(target, altered, 'stays'), { message: /did not arrive in the token token-\d+ as they were/ }, what)
    await t.throwsAsync(openPkcs11Partition(target), { message: /has no keys of Tresor's/ }, what)
  }
  await t.throwsAsync(exportKek(source, 'wrong-pin', request), { message: /could not mark the key as trusted: CKR_PIN_INCORRECT/ })
  await t.throwsAsync(exportKek(newToken(), officer, request), { message: /has no keys of a partition/ })
  await importKek(target, carried, 'carried')
  // From here they may go on.
  const third = newToken()
  await importKek(third, await exportKek(target, officer, await requestKek(third)), 'stays')
  await (await openPkcs11Partition(third)).close()
})

test.serial('a key that an export which was killed left is not taken for the one of the next', async (t) => {
  const source = await withKeys('carried')
  const [killed, target] = [newToken(), newToken()]
  const left = fromSpki(Buffer.from((await requestKek(killed)).publicKey, 'base64'))
  const token = await Token.open(source)
  await token.create(
    { partition: 'bank', mechanism: 'a test' },
    attributes({ ...carryingTarget, MODULUS: 'modulus' in left && left.modulus, PUBLIC_EXPONENT: 'exponent' in left && left.exponent }),
  )
  await token.close()
  await importKek(target, await exportKek(source, officer, await requestKek(target)), 'stays')
  await (await openPkcs11Partition(target)).close()
  const after = await Token.open(source)
  t.deepEqual(await after.find({ CLASS: cko.PUBLIC_KEY, TOKEN: true }), [])
  await after.close()
})

test.serial('keys that may be carried do not leave under a key that the holder of the PIN chose', async (t) => {
  const source = await withKeys('carried')
  const token = await Token.open(source)
  t.teardown(() => token.close())
  const doing = { partition: 'bank', mechanism: 'theft' }
  const [kek] = await token.find({ CLASS: cko.SECRET_KEY, TOKEN: true, LABEL: 'tresor-kek-1' })
  const own = await token.create(doing, attributes({ ...session, WRAP: true, VALUE: Buffer.alloc(32) }))
  await t.throwsAsync(token.wrap(doing, own, { mechanism: ckm.AES_KEY_WRAP }, kek!), { message: /CKR_KEY_NOT_WRAPPABLE/ })
})

test.serial(
  'what is not defended: who has the PIN takes a stored key out, even where the module enforces CKA_WRAP_WITH_TRUSTED',
  async (t) => {
    const options = await withKeys('stays')
    const partition = await openPkcs11Partition(options)
    const key = await partition.generateKey(aes, policy)
    const { data, tag } = await partition.encrypt({ handle: 'k', key }, gcm, Buffer.from('text'))
    await partition.close()
    const token = await Token.open(options)
    t.teardown(() => token.close())
    const doing = { partition: 'bank', mechanism: 'theft' }
    const [kek] = await token.find({ CLASS: cko.SECRET_KEY, TOKEN: true, LABEL: 'tresor-kek-1' })
    const value = Buffer.alloc(32, 5)
    const own = await token.create(doing, attributes({ ...session, WRAP: true, VALUE: value }))
    const taken = await token.unwrap(
      doing,
      kek!,
      { mechanism: ckm.AES_KEY_WRAP_PAD },
      key.bytes.subarray(0, -32),
      attributes({ ...session, EXTRACTABLE: true }),
    )
    const wrapped = await token.wrap(doing, own, { mechanism: ckm.AES_KEY_WRAP }, taken)
    const unwrap = createDecipheriv('id-aes256-wrap', value, Buffer.alloc(8, 0xa6))
    const plain = Buffer.concat([unwrap.update(wrapped), unwrap.final()])
    const decipher = createDecipheriv('aes-256-gcm', plain, gcm.iv).setAuthTag(tag!)
    t.is(Buffer.concat([decipher.update(data), decipher.final()]).toString(), 'text')
  },
)

for (const [name, options, expected] of [
  ['SoftHSM', newToken(), 'enforced'],
  ['NSS', { name: 'bank', ...nss.options }, 'ignored'],
] as const)
  test.serial(`${name}: CKA_WRAP_WITH_TRUSTED is ${expected}`, async (t) => {
    const token = await Token.open(options)
    t.teardown(() => token.close())
    t.is(await probeTrustedWrapping(token), expected)
  })

test.serial('where it is not enforced, no keys that may be carried are made', async (t) => {
  const options = { name: 'bank', ...nss.options }
  await t.throwsAsync(createPkcs11Partition(options, 'carried'), {
    message:
      /takes CKA_WRAP_WITH_TRUSTED and does not keep to it: a KEK that may leave it could be taken by anybody who has the PIN\. Make the partition without --kek-may-be-carried/,
  })
  await createPkcs11Partition(options)
  const partition = await openPkcs11Partition(options)
  t.like((await partition.describe()).details, { 'trusted wrapping': 'ignored', 'own keys': 'never leave the token' })
  await partition.close()
})
