import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { writeSettings } from '../../src/cli/scratch-cluster.ts'
import { openDatabase } from '../../src/store/database.ts'
import type { Space } from '../../src/store/index.ts'
import { valueKey } from '../../src/store/keys.ts'
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

/** Stops the node, changes what it has stored of an object, and starts it again. */
async function damage(tenant: string, id: string): Promise<void> {
  await node.end()
  const database = openDatabase(join(data, 'store'), 'durable')
  const key = valueKey({ space: `t/${tenant}` as Space, kind: 'object', id })
  const stored = Buffer.from(database.get(key) as Uint8Array)
  stored[stored.length - 1]! ^= 1
  await database.put(key, stored)
  await database.close()
  node = await running('serve', '--data', data)
}

test.serial('a damaged record is named, and given up by who says its identifier twice; then the turn ends', async (t) => {
  const call = (method: string, parameters: object) => callAdmin(data, method, parameters) as Promise<Record<string, unknown>>
  await call('tenant.add', { tenant: 'damaged' })
  const { bundle } = await ask<{ bundle: string }>('tenant', 'enroll', 'damaged', 'app')
  const make = async (name: string) => (await ask<{ id: string }>('client', 'create', '--name', name, '--bundle', bundle)).id
  const [id, sound] = [await make('bad'), await make('good')] as const
  await damage('damaged', id)
  const turning = tresor(['partition', 'turn-epoch', 'damaged', '--data', data])
  const shown = () => call('partition.show', { partition: 'damaged' }) as Promise<{ turn: { problem?: string } | null }>
  const until = performance.now() + 120_000
  while ((await shown()).turn?.problem === undefined && performance.now() < until) await sleep(100)
  t.like((await shown()).turn, { phase: 'rewrapping', stuck: { count: 1, first: [{ tenant: 'damaged', id, isDamaged: true }] } })
  const giveUp = (...more: string[]) => tresor(['key', 'give-up', 'damaged', id, ...more, '--data', data])
  const looked = await giveUp()
  t.is(looked.code, 1)
  t.regex(
    looked.stderr,
    new RegExp(`does not bear its partition's seal\\. Nothing was changed\\..* key give-up damaged ${id} --confirm ${id}\n$`),
  )
  t.regex((await giveUp('--confirm', sound)).stderr, new RegExp(`what is confirmed is ${sound}, and what was to be given up ${id}`))
  await t.throwsAsync(call('key.give-up', { tenant: 'damaged', id: sound, confirm: sound }), { message: /is whole/ })
  const { code, stdout, stderr } = await giveUp('--confirm', id)
  t.is(code, 0, stderr)
  t.regex(stdout, new RegExp(`given up {4}object ${id} of tenant damaged, which is destroyed: its record does not bear`))
  const turned = await turning
  t.is(turned.code, 0, turned.stderr)
  t.regex(turned.stdout, new RegExp(`damaged {5}${id} of tenant damaged: the record of ${id} does not bear its partition's seal`))
  t.regex(turned.stdout, /waits {7}1 stored objects cannot be re-wrapped/)
  t.regex(turned.stdout, /epoch {7}2; the keys of earlier epochs are destroyed/)
  t.like(await call('key.show', { tenant: 'damaged', id }), { state: 'Destroyed', wrapped: null })
  t.like(await call('key.show', { tenant: 'damaged', id: sound }), { state: 'Active', wrapped: { epoch: 2 } })
})

test.serial('a partition that is not there is not turned', async (t) => {
  const { code, stderr } = await tresor(['partition', 'turn-epoch', 'nope', '--data', data])
  t.is(code, 1)
  t.regex(stderr, /^tresor: partition nope does not exist; the partitions are: .*demo\n$/)
})

test.serial('migrate moves a tenant into a token: its keys are there, and are used there', async (t) => {
  const pin = join(folder.path, 'pin')
  // --init gives the token the PIN that a login finds in the file.
  writeFileSync(pin, ' 12345678 \r\n', { mode: 0o600 })
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
  t.regex(
    (await tresor(['tenant', 'set', 'demo', '--resident', 'allowed', '--data', data])).stdout,
    /resident +allowed.*, for tenant demo; there are none yet\. They are objects of a token, and the tenant is on a software partition\.\n$/,
  )
  t.regex((await tresor(['tenant', 'show', 'demo', '--data', data])).stdout, /resident keys {2}none\. They are objects of a token, and/)
  t.like(await ask('partition', 'migrate', 'demo', 'vault'), { event: 'done', tenant: 'demo', partition: 'vault' })
  t.like(await ask('key', 'show', 'demo', id), { wrapped: { epoch: 1, mechanism: 'AES_KEY_WRAP_PAD' }, state: 'Active' })
  t.like(await ask('tenant', 'show', 'demo'), { partition: 'vault', objects: 1, residentKeysObstacle: null })
  const again = await tresor(['partition', 'migrate', 'demo', 'vault', '--data', data])
  t.deepEqual([again.code, again.stdout.trim()], [0, 'there       tenant demo is in partition vault already'])
  const secrets = () => readdirSync(join(data, 'epoch-secrets')).filter((name) => name.startsWith('demo.'))
  t.is(secrets().length, 1)
  t.like(await ask('partition', 'remove', 'demo'), { partition: 'demo' })
  t.deepEqual(secrets(), [])
  const { stderr } = await tresor(['partition', 'migrate', 'demo', 'nope', '--data', data])
  t.regex(stderr, /partition nope does not exist/)
})
