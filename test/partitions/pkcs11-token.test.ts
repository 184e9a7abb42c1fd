import { randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { createPkcs11Partition, initToken, type KeyPolicy, listTokens, openPkcs11Partition } from '../../src/partitions/index.ts'
import { ckf, cko } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, releaseModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import { attributes } from '../../src/partitions/pkcs11/template.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

const locked: KeyPolicy = { sensitive: true, extractable: false }
const mechanism = () => ({ cipher: 'GCM', iv: randomBytes(12), additionalData: new Uint8Array(), tagLength: 16 }) as const

async function made(label: string) {
  const options = { name: label, ...hsm.token(label) }
  await createPkcs11Partition(options)
  return options
}

/** How many session objects this process has in the token. */
function sessionObjects(label: string): number {
  const library = openModule(hsm.module)
  const session = library.C_OpenSession(tokensOf(library).find((token) => token.label === label)!.slot, ckf.SERIAL_SESSION)
  library.C_FindObjectsInit(session, attributes({ TOKEN: false }))
  const count = library.C_FindObjects(session, 10_000).length
  library.C_FindObjectsFinal(session)
  library.C_CloseSession(session)
  releaseModule(hsm.module)
  return count
}

/** The same once no more than so many are there, or after a while: objects are destroyed in the turns that follow. */
async function left(label: string, expected: number): Promise<number> {
  for (let turn = 0; turn < 6000 && sessionObjects(label) > expected; turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  return sessionObjects(label)
}

test.serial('a token is made once, listed, and never made over', (t) => {
  hsm.token('once')
  t.true(listTokens(hsm.module).some((token) => token.label === 'once' && token.serial.length > 0))
  const error = t.throws(() => initToken({ module: hsm.module, label: 'once', pin: '1234', soPin: '5678' }), { instanceOf: KmipError })
  t.regex(error?.message ?? '', /has a token once already/)
})

test.serial('the keys of a partition are made once', async (t) => {
  const options = await made('twice')
  await t.throwsAsync(createPkcs11Partition(options), { message: /has Tresor's keys already/ })
})

test.serial('a token that is not there, of a module that was started otherwise: it is told', async (t) => {
  const options = await made('started')
  const partition = await openPkcs11Partition(options)
  const other = { ...options, token: 'other', parameters: 'of another one' }
  await t.throwsAsync(openPkcs11Partition(other), {
    message: /has no token other\. .*It was started with the parameters of another partition/,
  })
  const same = await t.throwsAsync(openPkcs11Partition({ ...options, token: 'other' }))
  t.notRegex(same?.message ?? '', /It was started/)
  await partition.close()
})

test.serial("a partition's own keys cannot leave, and only wrap or make MACs", async (t) => {
  await made('own')
  const library = openModule(hsm.module)
  const session = library.C_OpenSession(tokensOf(library).find((token) => token.label === 'own')!.slot, ckf.SERIAL_SESSION)
  library.C_Login(session, 1, '12345678')
  library.C_FindObjectsInit(session, attributes({ CLASS: cko.SECRET_KEY, TOKEN: true }))
  const objects = library.C_FindObjects(session, 10)
  library.C_FindObjectsFinal(session)
  const names = ['SENSITIVE', 'EXTRACTABLE', 'ENCRYPT', 'DECRYPT', 'DERIVE', 'SIGN', 'WRAP'] as const
  const read = objects.map((object) =>
    names.map((name) => library.C_GetAttributeValue(session, object, attributes({ [name]: false }))[0]!.value[0]),
  )
  t.is(objects.length, 2)
  const [kek, integrityKey] = read.sort((left, right) => left[5]! - right[5]!)
  t.deepEqual(kek, [1, 0, 0, 0, 0, 0, 1])
  // SoftHSM says of a generic secret that it encrypts, and has no mechanism that would.
  t.deepEqual(integrityKey && [integrityKey[0], integrityKey[1], integrityKey[4], integrityKey[5]], [1, 0, 0, 1])
  library.C_CloseSession(session)
  releaseModule(hsm.module)
})

test.serial('nothing stays behind: 2,000 keys made, used and forgotten', async (t) => {
  const partition = await openPkcs11Partition({ ...(await made('leaks')), heldKeys: 50 })
  // What its opening tried is destroyed in turns that follow: the carrier key stays.
  const before = 1
  await left('leaks', before)
  for (let round = 0; round < 2000; round++) {
    const key = { handle: `k${round}`, key: await partition.generateKey({ algorithm: 'AES', length: 256 }, locked) }
    await partition.encrypt(key, mechanism(), Buffer.from('x'))
    if (round % 10 === 0) await t.throwsAsync(partition.decrypt(key, mechanism(), Buffer.from('x'), Buffer.alloc(16)))
    if (round % 2 === 0) partition.forget(key.handle)
  }
  const during = sessionObjects('leaks')
  t.true(during <= before + 50, `${during - before} objects beyond the carrier key, 50 may be held`)
  for (let round = 0; round < 2000; round++) partition.forget(`k${round}`)
  t.is(await left('leaks', before), before)
  await partition.close()
})

test.serial('a key in use outlives its eviction', async (t) => {
  const partition = await openPkcs11Partition({ ...(await made('evict')), heldKeys: 1 })
  const keys = await Promise.all(
    [1, 2, 3, 4].map(async (n) => ({ handle: `k${n}`, key: await partition.generateKey({ algorithm: 'AES', length: 256 }, locked) })),
  )
  const used = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const out = partition.encrypt(keys[index % 4]!, mechanism(), Buffer.from('message'))
      partition.forget(keys[(index + 1) % 4]!.handle)
      return (await out).data.length
    }),
  )
  t.true(used.every((length) => length === 7))
  await partition.close()
})

test.serial('keys outlive the process: a partition opened again uses them', async (t) => {
  const options = await made('again')
  const first = await openPkcs11Partition(options)
  const key = { handle: 'k', key: await first.generateKey({ algorithm: 'AES', length: 256 }, locked) }
  const { data, tag } = await first.encrypt(key, { ...mechanism(), iv: Buffer.alloc(12) }, Buffer.from('kept'))
  const seal = await first.sealRecord(data)
  await first.close()
  const second = await openPkcs11Partition(options)
  t.is(Buffer.from(await second.decrypt(key, { ...mechanism(), iv: Buffer.alloc(12) }, data, tag)).toString(), 'kept')
  t.true(await second.checkRecord(data, seal))
  await second.close()
})

test.serial('what is wrong at opening is named, with the cure, and the PIN is never in it', async (t) => {
  const options = await made('named')
  const open = async (change: object) => {
    const error = await t.throwsAsync(openPkcs11Partition({ ...options, ...change }))
    t.false(/12345678|99999999/.test(`${error?.message}${error?.stack}`))
    return error?.message ?? ''
  }
  t.regex(await open({ module: '/nowhere.so' }), /\/nowhere\.so does not load/)
  t.regex(await open({ token: 'ghost' }), /has no token ghost. Its tokens: .*named/)
  t.regex(await open({ serial: '0000' }), /has no token named \(0000\)/)
  const wrong = join(hsm.folder, 'wrong.pin')
  writeFileSync(wrong, '99999999', { mode: 0o600 })
  t.regex(await open({ pinFile: wrong }), /does not take the PIN in .*wrong\.pin.*tried once/)
  t.regex(await open({ pinFile: wrong }), /will not be tried again/)
  // The right PIN still goes.
  await (await openPkcs11Partition(options)).close()
  chmodSync(wrong, 0o644)
  t.regex(await open({ pinFile: wrong }), /readable by others \(mode 0644\); run: chmod 600/)
  hsm.token('blank')
  t.regex(await open({ name: 'blank', token: 'blank' }), /has no keys of Tresor's/)
})
