import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { rootChange } from '../../src/cli/commands/root.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { runNode } from '../../src/cli/run-node.ts'
import { Client } from '../../src/client/index.ts'
import { loadConfig } from '../../src/config.ts'
import { createKeyFile, readRoot, rootFingerprint } from '../../src/partitions/index.ts'
import { newKey } from '../support/key-lives.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { rootPlaces } from '../support/root-places.ts'

const places = rootPlaces()
const { folder, file, words, module, token, pinFile } = places
test.after.always(() => places.remove())

const clientOf = ({ port, client }: TestNode) =>
  new Client({
    endpoints: [{ host: '127.0.0.1', port }],
    ca: client.authority,
    cert: client.certificate,
    key: client.privateKey,
    failover: { patience: 0 },
  })

/** A folder with a key in it, and the key. */
async function folderWithKey(name: string): Promise<{ readonly data: string; readonly uniqueIdentifier: string }> {
  const node = await startTestNode()
  const client = clientOf(node)
  const { uniqueIdentifier } = await client.call('Create', newKey('kept'))
  client.close()
  await node.stop()
  const data = join(folder.path, name)
  cpSync(node.data, data, { recursive: true })
  await node.remove()
  writeFileSync(join(data, 'tresor.yaml'), '# a comment stays\nworkers: 0\n')
  return { data, uniqueIdentifier: uniqueIdentifier as string }
}

async function opens(data: string, uniqueIdentifier: string): Promise<boolean> {
  const node = await startTestNode({ data })
  const client = clientOf(node)
  try {
    await client.call('Get', { uniqueIdentifier })
    return true
  } finally {
    client.close()
    await node.stop()
  }
}

const rootFiles = (data: string) => readdirSync(data).filter((name) => name.startsWith('root'))

test.serial('from each source to another: keys stay, the old secret opens nothing, and its file is gone', async (t) => {
  const { data, uniqueIdentifier } = await folderWithKey('chain')
  const oldKey = readFileSync(join(data, 'root.key'))
  for (const [section, left] of [
    [`passphraseFile: ${words}`, ['root.sealed']],
    [`pkcs11: { module: ${module}, token: ${token}, pinFile: ${pinFile} }`, ['root.sealed']],
    [`command: [/bin/echo, "${'c0'.repeat(32)}"]`, []],
    ['keyFile: root.second', ['root.second']],
  ] as const) {
    await runQuietly(rootChange, data, [section])
    t.deepEqual(rootFiles(data), left, section)
    t.true(await opens(data, uniqueIdentifier), section)
  }
  t.regex(readFileSync(join(data, 'tresor.yaml'), 'utf8'), /^# a comment stays\nworkers: 0\nroot:\n +keyFile: root\.second\n$/)
  writeFileSync(join(data, 'root.second'), oldKey)
  await t.throwsAsync(opens(data, uniqueIdentifier), { message: /does not open with this root secret/ })
})

for (const [name, section, problem] of [
  ['nothing begun', undefined, /SECTION is missing: no change of the root secret was begun here/],
  ['two sources', '{ keyFile: a, command: [b] }', /SECTION has keyFile and command/],
  ['no source', '{}', /SECTION names no source/],
  ['a wrong key', 'passphrase: x', /SECTION is no section root/],
  ['the file in use', 'keyFile: root.key', /root\.key is the key file in use; name a new file/],
  ['a passphrase that is too short', `passphraseFile: ${file('short', 'short\n')}`, /at least 12 are needed/],
  ['a file that is not there', 'passphraseFile: /none', /root\.passphraseFile: \/none does not exist/],
] as const)
  test.serial(`refuses ${name}, and leaves all as it was`, async (t) => {
    existing ??= await folderWithKey('refusals')
    const { data, uniqueIdentifier } = existing
    await t.throwsAsync(runQuietly(rootChange, data, section === undefined ? [] : [section]), { message: problem })
    t.deepEqual(rootFiles(data), ['root.key'])
    if (name === 'a passphrase that is too short') t.true(await opens(data, uniqueIdentifier))
  })
let existing: Awaited<ReturnType<typeof folderWithKey>> | undefined

test.serial('a node of a cluster keeps the secret that all nodes have, and holds it otherwise', async (t) => {
  const data = join(folder.path, 'of-cluster')
  mkdirSync(data)
  const secret = createKeyFile(join(data, 'root.key'))
  writeFileSync(join(data, 'tresor.yaml'), 'cluster: { peer: "127.0.0.1:1", client: "127.0.0.1:2" }\n')
  await t.throwsAsync(runQuietly(rootChange, data, [`command: [/bin/echo, "${'c0'.repeat(32)}"]`]), {
    message: /command \/bin\/echo gives another root secret than the one that is used; it must give the same/,
  })
  t.deepEqual(rootFiles(data), ['root.key'])
  await runQuietly(rootChange, data, [`passphraseFile: ${words}`])
  t.deepEqual(rootFiles(data), ['root.sealed'])
  const now = await readRoot({ kind: 'passphrase', passphrase: words, sealed: join(data, 'root.sealed') })
  t.is(rootFingerprint(now), rootFingerprint(secret))
  t.false(existsSync(join(data, 'store')))
})

const program = fileURLToPath(new URL('../support/tresor-program.js', import.meta.url))

test.serial('killed at any step, it is finished by running it again; until then the node does not start', async (t) => {
  const { data: original, uniqueIdentifier } = await folderWithKey('original')
  const has = (name: string) => (data: string) => existsSync(join(data, name))
  for (const [index, [what, reached]] of (
    [
      ['it was begun', has('root.change')],
      ['the new secret lies there', has('root.sealed.next')],
      ['the configuration says so', (data) => readFileSync(join(data, 'tresor.yaml'), 'utf8').includes('passphraseFile')],
      ['it has its name', has('root.sealed')],
    ] as readonly (readonly [string, (data: string) => boolean])[]
  ).entries()) {
    const data = join(folder.path, `killed-${index}`)
    cpSync(original, data, { recursive: true })
    const child = spawn(process.execPath, [program, 'root', 'change', `passphraseFile: ${words}`, '--data', data], { stdio: 'ignore' })
    const watching = setInterval(() => reached(data) && child.kill('SIGKILL'), 1)
    await once(child, 'exit')
    clearInterval(watching)
    if (existsSync(join(data, 'root.change'))) {
      await t.throwsAsync(runNode(await loadConfig({ data }), { insecure: true }), {
        message: /a change of the root secret was begun in .*; finish it: tresor root change/,
      })
      await runQuietly(rootChange, data)
    }
    t.deepEqual(rootFiles(data), ['root.sealed'], what)
    t.true(await opens(data, uniqueIdentifier), what)
  }
})
