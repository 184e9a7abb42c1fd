import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { writeSettings } from '../../src/cli/scratch-cluster.ts'
import { running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const folder = temporaryFolder()
const data = join(folder.path, 'data')
let node: Awaited<ReturnType<typeof running>>

test.before(async () => {
  await tresor(['init', '--data', data])
  writeSettings(data, { workers: 0, listen: { kmip: ['127.0.0.1:0'] }, operator: { port: 0 }, log: { level: 'warn' } })
  node = await running('serve', '--data', data)
})
test.after.always(async () => {
  await node.end()
  folder.remove()
  hsm.remove()
})

const ask = <T = Record<string, unknown>>(...args: readonly string[]) => tresorJson<T>(...args, '--data', data)

test.serial('turn-epoch says what is done, and what it means for backups', async (t) => {
  await ask('tenant', 'add', 'demo')
  const { bundle } = await ask<{ bundle: string }>('tenant', 'enroll', 'demo', 'app')
  const { id } = await ask<{ id: string }>('client', 'create', '--name', 'first', '--bundle', bundle)
  t.like(await ask('key', 'show', 'demo', id), { wrapped: { epoch: 1 } })
  const { code, stdout, stderr } = await tresor(['partition', 'turn-epoch', 'demo', '--data', data])
  t.is(code, 0, stderr)
  t.regex(stdout, /epoch {7}2; the keys of earlier epochs are destroyed/)
  t.regex(stdout, /Make a new backup: those from before the turn cannot be opened any more\.\n$/)
  t.like(await ask('key', 'show', 'demo', id), { wrapped: { epoch: 2 }, state: 'Active' })
  t.like(await ask('partition', 'show', 'demo'), { epoch: 2, turn: null })
  t.deepEqual(await ask('partition', 'turn-epoch', 'demo'), { event: 'epoch', partition: 'demo', epoch: 3 })
})

test.serial('a partition that is not there is not turned', async (t) => {
  const { code, stderr } = await tresor(['partition', 'turn-epoch', 'nope', '--data', data])
  t.is(code, 1)
  t.regex(stderr, /^tresor: partition nope does not exist; the partitions are: demo\n$/)
})

test.serial('migrate moves a tenant into a token: its keys are there, and are used there', async (t) => {
  const pin = join(folder.path, 'pin')
  writeFileSync(pin, '12345678\n', { mode: 0o600 })
  const made = await tresor([
    'partition',
    'add',
    'vault',
    '--module',
    hsm.module,
    '--token',
    'vault',
    '--pin-file',
    pin,
    '--init',
    '--data',
    data,
  ])
  t.is(made.code, 0, made.stderr)
  const [{ id }] = (await ask<{ keys: [{ id: string }] }>('key', 'list', 'demo')).keys
  t.like(await ask('partition', 'migrate', 'demo', 'vault'), { event: 'done', tenant: 'demo', partition: 'vault' })
  t.like(await ask('key', 'show', 'demo', id), { wrapped: { epoch: 1, mechanism: 'AES_KEY_WRAP_PAD' }, state: 'Active' })
  t.like(await ask('tenant', 'show', 'demo'), { partition: 'vault', objects: 1 })
  t.like(await ask('partition', 'remove', 'demo'), { partition: 'demo' })
  const { stderr } = await tresor(['partition', 'migrate', 'demo', 'nope', '--data', data])
  t.regex(stderr, /partition nope does not exist/)
})
