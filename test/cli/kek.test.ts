import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { init } from '../../src/cli/commands/init.ts'
import { partitionExportKek, partitionImportKek, partitionRequestKek } from '../../src/cli/commands/kek.ts'
import { partitionAdd } from '../../src/cli/commands/partition.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { running, temporaryFolder } from '../support/command-line.ts'
import { newKey } from '../support/key-lives.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const folder = temporaryFolder()
test.after.always(() => {
  folder.remove()
  hsm.remove()
})

const data = join(folder.path, 'data')
const file = (name: string, text?: string) => {
  const path = join(folder.path, name)
  if (text !== undefined) writeFileSync(path, text, { mode: 0o600 })
  return path
}

test('the keys of a partition go to another token, and a node that is told of it serves with that one', async (t) => {
  await runQuietly(init, data)
  writeFileSync(join(data, 'tresor.yaml'), "workers: 1\nlisten: { kmip: ['127.0.0.1:0'] }\noperator: { port: 0 }\nlog: { level: warn }\n")
  const officer = file('officer', '87654321\n')
  const [source, target] = ['source', 'target'].map((label) => hsm.token(label))
  const options = (token: typeof source) => ({ module: token!.module, token: token!.token, 'pin-file': token!.pinFile })

  const first = await running('serve', '--data', data)
  t.teardown(() => first.end())
  await runQuietly(partitionAdd, data, ['bank'], { ...options(source), 'kek-may-be-carried': true })
  // Another token will have them too.
  t.deepEqual(
    ((await callAdmin(data, 'partition.list')) as { serial?: string }[]).map(({ serial }) => serial),
    [undefined],
  )
  await callAdmin(data, 'tenant.add', { tenant: 'bank', partition: 'bank' })
  const credentials = await enrollAt(data, 'bank', 'app')
  const clientAt = (kmip: string) =>
    new Client({ endpoints: [{ host: '127.0.0.1', port: Number(kmip.split(':')[1]) }], ...credentials, failover: { patience: 0 } })
  const before = clientAt(first.kmip)
  const { uniqueIdentifier } = await before.call('Create', newKey('carried'))
  const shown = await before.call('Get', { uniqueIdentifier })
  before.close()
  await first.end()

  const [request, keys] = [file('request.json'), file('keys.json')]
  const told = await runQuietly(partitionRequestKek, data, [request], options(target))
  const fingerprint = String(told.find(({ event }) => event === 'fingerprint')?.fingerprint)
  t.regex(fingerprint, /^([0-9a-f]{8}-){7}[0-9a-f]{8}$/)
  // The request stays what it is when another one cannot be written.
  await t.throwsAsync(runQuietly(partitionRequestKek, data, [request], options(target)), { message: /is there already; name a new file/ })
  const officers = { ...options(source), 'so-pin-file': officer }
  await t.throwsAsync(runQuietly(partitionExportKek, data, [request, keys], { ...officers, fingerprint: fingerprint.replace(/.$/, 'x') }), {
    message: /has the fingerprint .*, not the given one: it is another request\. Nothing was wrapped$/,
  })
  await t.throwsAsync(runQuietly(partitionExportKek, data, [officer, keys], { ...officers, fingerprint }), {
    message: /officer is no tresor KEK request of format 1, or was altered$/,
  })
  t.false(existsSync(keys))
  await runQuietly(partitionExportKek, data, [request, keys], { ...officers, fingerprint })
  await t.throwsAsync(runQuietly(partitionExportKek, data, [request, keys], { ...officers, fingerprint }), {
    message: /is there already; name a new file/,
  })
  t.notRegex(readFileSync(keys, 'utf8'), /12345678|87654321/)
  await runQuietly(partitionImportKek, data, [keys], options(target))

  appendFileSync(join(data, 'tresor.yaml'), `partitions: { bank: { token: target, pinFile: ${target!.pinFile} } }\n`)
  const second = await running('serve', '--data', data)
  t.teardown(() => second.end())
  const after = clientAt(second.kmip)
  t.deepEqual(await after.call('Get', { uniqueIdentifier }), shown)
  await after.call('Create', newKey('made there'))
  after.close()
  const { details, keysLie, protects } = (await callAdmin(data, 'partition.show', { partition: 'bank' })) as {
    details: Record<string, string>
    keysLie: string
    protects: string[]
  }
  t.is(keysLie, 'in the token; they never leave the token')
  t.regex(protects.join('\n'), /security officer does not trust \(it was tried\)\nwho has the token and its PIN can take every key/)
  t.like(details, { token: 'target', 'trusted wrapping': 'enforced', 'own keys': 'never leave the token' })
})
