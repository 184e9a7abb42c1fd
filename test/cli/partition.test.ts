import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type RunningProgram, running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const folder = temporaryFolder()
const data = join(folder.path, 'data')
const pin = join(folder.path, 'pin')
let node: RunningProgram

const add = (name: string, token: string, ...more: readonly string[]) =>
  tresor(['partition', 'add', name, '--module', hsm.module, '--token', token, '--pin-file', pin, ...more, '--data', data])
const ask = <T = Record<string, unknown>>(...args: readonly string[]) => tresorJson<T>(...args, '--data', data)

test.before(async () => {
  await tresor(['init', '--data', data])
  writeFileSync(join(data, 'tresor.yaml'), "workers: 1\nlisten: { kmip: ['127.0.0.1:0'] }\noperator: { port: 0 }\nlog: { level: warn }\n")
  node = await running('serve', '--data', data)
})
test.after.always(async () => {
  await node.end()
  folder.remove()
  hsm.remove()
})

test.serial('a PIN that others may read is refused, and a token that is not there', async (t) => {
  writeFileSync(pin, '12345678\n')
  chmodSync(pin, 0o644)
  const readable = await add('bank', 'bank')
  t.is(readable.code, 1)
  t.regex(readable.stderr, /^tresor: --pin-file: .*pin is readable by others \(mode 0644\); run: chmod 600 .*pin\n$/)
  chmodSync(pin, 0o600)
  const missing = await add('bank', 'bank')
  t.is(missing.code, 1)
  t.regex(missing.stderr, /has no token bank; it has none yet\. To make it from a blank one: --init\n$/)
  const badName = await add('Bank', 'bank', '--init')
  t.regex(badName.stderr, /^tresor: partition "Bank": use 1 to 63 lower-case letters/)
  t.regex((await add('bank', 'bank')).stderr, /has no token bank; it has none yet/)
  const noModule = await tresor(['partition', 'add', 'bank', '--module', '/no.so', '--token', 'bank', '--pin-file', pin, '--data', data])
  t.regex(noModule.stderr, /^tresor: --module: \/no\.so does not exist/)
})

test.serial('--init makes the token and its keys; a tenant on it makes keys in the HSM', async (t) => {
  const made = await add('bank', 'bank', '--init')
  t.is(made.code, 0, made.stderr)
  t.is(statSync(join(data, 'pins', 'bank.so-pin')).mode & 0o777, 0o600)
  t.notRegex(made.stdout, /12345678/)
  const shown = await ask<{ serial: string; details: { serial: string } }>('partition', 'show', 'bank')
  t.like(shown, { partition: 'bank', kind: 'pkcs11', token: 'bank', epoch: 1 })
  t.regex(shown.serial, /^[0-9a-f]{16}$/, 'the one token that has its keys is part of its definition')
  t.is(shown.serial, shown.details.serial)
  await ask('tenant', 'add', 'bank', '--partition', 'bank')
  const { bundle } = await ask<{ bundle: string }>('tenant', 'enroll', 'bank', 'app')
  const { id } = await ask<{ id: string }>('client', 'create', '--name', 'in-the-hsm', '--bundle', bundle)
  t.like(await ask('key', 'show', 'bank', id), { id, state: 'Active' })
  t.true('hsm' in (await ask<{ processes: object }>('status')).processes)
})

test.serial('a second token, made while the module is loaded, is taken too', async (t) => {
  const made = await add('two', 'two', '--init')
  t.is(made.code, 0, made.stderr)
  t.like(await ask('partition', 'show', 'two'), { partition: 'two', token: 'two' })
  t.regex((await add('three', 'two', '--init')).stderr, /has a token two already; it is not initialized over/)
  t.like(await ask('partition', 'show', 'bank'), { tenants: ['bank'] })
})

test.serial('a wrong PIN is tried once, and the partition is not added', async (t) => {
  writeFileSync(pin, '87654321\n')
  const { code, stderr } = await add('three', 'two')
  t.is(code, 1)
  t.regex(stderr, /The token two does not take the PIN in .*: CKR_PIN_INCORRECT\. It was tried once/)
  const { partitions } = await ask<{ partitions: { partition: string }[] }>('partition', 'list')
  t.deepEqual(
    partitions.map(({ partition }) => partition),
    ['bank', 'two'],
  )
})

test.serial(
  'tenant set --resident required: every key of the tenant is an object of the token, and partition show counts them',
  async (t) => {
    const set = await tresor(['tenant', 'set', 'bank', '--resident', 'required', '--resident-keys', '3', '--data', data])
    t.is(set.code, 0, set.stderr)
    t.regex(set.stdout, /resident +required, 3 at a time, for tenant bank\n/)
    t.like(await ask('tenant', 'show', 'bank'), { policy: { residentKeys: 'required', mostResidentKeys: 3 } })
    t.like(await ask('partition', 'show', 'bank'), { residentKeys: 0 })
    await ask('client', 'create', '--name', 'for-good', '--bundle', join(data, 'clients/bank/app'))
    t.like(await ask('partition', 'show', 'bank'), { residentKeys: 1 })
    t.regex((await tresor(['partition', 'show', 'bank', '--data', data])).stdout, /\n {2}resident keys +1\n/)
  },
)

for (const [args, problem] of [
  [['bank', '--resident', 'maybe'], /^tresor: .*residentKeys/],
  [['bank', '--resident-keys', '100001'], /^tresor: .*mostResidentKeys/],
  [
    ['soft', '--resident', 'required'],
    /^tresor: tenant soft is on a software partition.*; move it to one first: tresor partition migrate soft PARTITION\n$/,
  ],
] as const)
  test.serial(`refuses: tenant set ${args.join(' ')}`, async (t) => {
    if (args[0] === 'soft') await ask('tenant', 'add', 'soft')
    const { code, stderr } = await tresor(['tenant', 'set', ...args, '--data', data])
    t.is(code, 1)
    t.regex(stderr, problem)
  })

test.serial('partition show says for whom 3DES is there', async (t) => {
  const words = async () => (await tresor(['partition', 'show', 'soft', '--data', data])).stdout
  t.regex(await words(), /3DES +for tenants alone that allow it, of which there is none here \(tresor tenant set NAME --3des allow\)/)
  await ask('tenant', 'set', 'soft', '--3des', 'allow')
  t.regex(await words(), /3DES +for tenants alone that allow it, here soft /)
  t.like(await ask('partition', 'show', 'soft'), { tripleDes: ['soft'], residentKeys: null })
})
