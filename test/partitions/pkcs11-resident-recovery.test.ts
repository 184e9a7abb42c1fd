import { randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { createPkcs11Partition, ReopeningPartition } from '../../src/partitions/index.ts'
import { ckf, ckr } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, releaseModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import { attributes, residentLabel } from '../../src/partitions/pkcs11/template.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const token = hsm.token('bank')
const shim = pkcs11Shim(hsm.folder, hsm.module)
const options = { name: 'bank', ...token, module: shim.module, sessions: 2 }
const aes = { algorithm: 'AES', length: 256 } as const
const told: (string | undefined)[] = []
let now = 1e6
let partition: ReopeningPartition

test.before(async () => {
  await createPkcs11Partition(options)
  partition = new ReopeningPartition(
    options,
    (problem) => told.push(problem),
    () => now,
  )
  await partition.open()
})
test.afterEach.always(() => shim.heal())
test.after.always(async () => {
  await partition?.close()
  shim.close()
  hsm.remove()
})

test.serial('a token without room says so, and is not taken for broken', async (t) => {
  shim.fail('C_GenerateKey', ckr.DEVICE_MEMORY)
  const before = told.length
  const error = await t.throwsAsync(partition.generateResident(aes, randomBytes(16)), { instanceOf: KmipError })
  t.is(error?.reason, 'ServerLimitExceeded')
  t.regex(error?.message ?? '', /partition bank has no room for another resident key \(CKR_DEVICE_MEMORY\)/)
  t.is(told.length, before)
  shim.heal()
  t.is((await partition.residents()).length, 0)
})

test.serial('a loss while a key is made: it is made once, and the device is as it was but for that', async (t) => {
  const name = randomBytes(16)
  now += 10_000
  shim.fail('C_GenerateKey', ckr.SESSION_HANDLE_INVALID, 1)
  const key = await partition.generateResident(aes, name)
  t.deepEqual(
    (await partition.residents()).map((one) => Buffer.from(one)),
    [name],
  )
  await partition.encrypt({ handle: 'k', key }, { cipher: 'CTR', iv: randomBytes(16) }, randomBytes(8))
  await partition.destroyResident(name)
})

test.serial('a token that refuses what it takes, since another thread changes it, is asked again; not for ever', async (t) => {
  const name = randomBytes(16)
  shim.fail('C_GenerateKey', ckr.TEMPLATE_INCONSISTENT, 2)
  await partition.generateResident(aes, name)
  await partition.destroyResident(name)
  shim.fail('C_GenerateKey', ckr.TEMPLATE_INCONSISTENT)
  const error = await t.throwsAsync(partition.generateResident(aes, name), { instanceOf: KmipError })
  t.is(error?.reason, 'InvalidField')
  shim.heal()
  t.is((await partition.residents()).length, 0)
})

test.serial('it is an object of the token that says itself that it never leaves', async (t) => {
  const name = randomBytes(16)
  await partition.generateResident(aes, name)
  const pair = randomBytes(16)
  await partition.generateResidentPair({ algorithm: 'RSA', length: 2048 }, pair)
  const library = openModule(shim.module)
  const session = library.C_OpenSession(tokensOf(library).find(({ label }) => label === 'bank')!.slot, ckf.SERIAL_SESSION)
  library.C_FindObjectsInit(session, attributes({ LABEL: residentLabel }))
  const objects = library.C_FindObjects(session, 10)
  library.C_FindObjectsFinal(session)
  t.is(objects.length, 2)
  const names = ['TOKEN', 'PRIVATE', 'SENSITIVE', 'EXTRACTABLE', 'NEVER_EXTRACTABLE', 'ALWAYS_SENSITIVE'] as const
  for (const object of objects) {
    const read = names.map((one) => library.C_GetAttributeValue(session, object, attributes({ [one]: false }))[0]!.value[0])
    t.deepEqual(read, [1, 1, 1, 0, 1, 1])
  }
  library.C_CloseSession(session)
  releaseModule(shim.module)
  await partition.destroyResident(name)
  await partition.destroyResident(pair)
  t.is((await partition.residents()).length, 0)
})
