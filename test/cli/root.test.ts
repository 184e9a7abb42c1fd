import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { init } from '../../src/cli/commands/init.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { ckf, cku } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, releaseModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import { running, tresor } from '../support/command-line.ts'
import { newKey } from '../support/key-lives.ts'
import { rootPlaces } from '../support/root-places.ts'

const places = rootPlaces()
const { folder, file, words, module, token, pinFile } = places
test.after.always(() => places.remove())

/** A folder's configuration, with this section `root`. */
function configure(name: string, root: string): string {
  const data = join(folder.path, name)
  mkdirSync(data, { recursive: true })
  writeFileSync(
    join(data, 'tresor.yaml'),
    `workers: 1\nlisten: { kmip: ['127.0.0.1:0'] }\noperator: { port: 0 }\nlog: { level: warn }\nroot: ${root}\n`,
  )
  return data
}

interface Shown {
  readonly details: Readonly<Record<string, string>>
  readonly protects: readonly string[]
}

const ofToken = (pin: string) => `{ pkcs11: { module: ${module}, token: ${token}, pinFile: ${pin} } }`
const secret = '5ec2e7'.padEnd(64, '1')

for (const { name, root, made, shown, protection } of [
  {
    name: 'key-file',
    root: `{ keyFile: ../elsewhere.key }`,
    made: [],
    shown: /^key file .*elsewhere\.key$/,
    protection: /with the key file OPENS EVERY KEY/,
  },
  {
    name: 'passphrase',
    root: `{ passphraseFile: ${words} }`,
    made: ['root.sealed'],
    shown: /^passphrase in .*words, with .*root\.sealed$/,
    protection: /passphrases can be tried on it \(scrypt, 128 MiB for each\)$/,
  },
  {
    name: 'command',
    root: `{ command: [/bin/echo, "${secret}"] }`,
    made: [],
    shown: /^command \/bin\/echo$/,
    protection: /unless its holder can have the secret from the same command$/,
  },
  {
    name: 'token',
    root: ofToken(pinFile),
    made: ['root.sealed'],
    shown: /^sealed in .*root\.sealed by token root$/,
    protection: /opens no key without the token and its PIN$/,
  },
])
  test.serial(`${name}: init makes what is needed, keys outlast a restart, and no root secret lies in the folder`, async (t) => {
    const data = configure(name, root)
    await runQuietly(init, data)
    t.deepEqual(
      readdirSync(data).filter((entry) => entry.startsWith('root')),
      made,
    )
    for (const path of made) t.is(statSync(join(data, path)).mode & 0o777, 0o600)
    const first = await running('serve', '--data', data)
    t.teardown(() => first.end())
    await callAdmin(data, 'tenant.add', { tenant: 'bank' })
    const credentials = await enrollAt(data, 'bank', 'app')
    const clientAt = (kmip: string) =>
      new Client({ endpoints: [{ host: '127.0.0.1', port: Number(kmip.split(':')[1]) }], ...credentials, failover: { patience: 0 } })
    const before = clientAt(first.kmip)
    const { uniqueIdentifier } = await before.call('Create', newKey('kept'))
    before.close()
    t.is(await first.end(), 0)
    const second = await running('serve', '--data', data)
    t.teardown(() => second.end())
    const after = clientAt(second.kmip)
    await t.notThrowsAsync(after.call('Get', { uniqueIdentifier }))
    after.close()
    const { partition } = (await callAdmin(data, 'tenant.show', { tenant: 'bank' })) as { partition: string }
    const { details, protects } = (await callAdmin(data, 'partition.show', { partition })) as Shown
    t.regex(details['root secret'] ?? '', shown)
    t.regex(protects[1] ?? '', protection)
    // The module was in a process that is gone already.
    t.deepEqual(Object.keys(((await callAdmin(data, 'node.status')) as { processes: object }).processes).sort(), ['node', 'worker-1'])
    t.false(readFileSync(`/proc/${second.pid}/maps`, 'utf8').includes('softhsm'))
    t.is(await second.end(), 0)
  })

for (const [name, root, problem] of [
  [
    'another passphrase',
    `{ passphraseFile: ${file('others', 'some other six words here\n')} }`,
    /^tresor: this is not the passphrase of .*passphrase\/root\.sealed \(passphrase in .*others, with/,
  ],
  [
    'a source that did not make what is there',
    ofToken(pinFile),
    /root\.sealed was sealed by a passphrase, and the configuration names a token \(root\); to change it: tresor root change\n$/,
  ],
  [
    'a command that fails',
    '{ command: [/bin/false] }',
    /^tresor: root\.command \(\/bin\/false\) ended with exit code 1; run it yourself to see what it says\n$/,
  ],
  [
    'a person where there is no terminal',
    '{ askPassphrase: true }',
    /^tresor: the passphrase of the root secret must be typed \(root\.askPassphrase\), and there is no terminal/,
  ],
] as const)
  test.serial(`serve refuses ${name}`, async (t) => {
    const { code, stderr } = await tresor(['serve', '--data', configure('passphrase', root)])
    t.is(code, 1)
    t.regex(stderr, problem)
  })

test.serial('a person types the passphrase at the terminal, a new one twice; it is not shown', async (t) => {
  const data = configure('typed', '{ askPassphrase: true }')
  const typed = 'what nobody sees'
  const differing = await atTerminal(`init --data ${data}`, [typed, 'something else'])
  t.regex(differing.shown, /the two passphrases differ; nothing was done/)
  t.is(differing.code, 1)
  const made = await atTerminal(`init --data ${data}`, [typed, typed])
  t.is(made.code, 0, made.shown)
  const wrong = await atTerminal(`serve --data ${data}`, ['something else'])
  t.regex(wrong.shown, /this is not the passphrase of .*root\.sealed \(passphrase that a person types, with/)
  const right = await atTerminal(`serve --json --data ${data}`, [`${typed}!\x7f`], '"event":"ready"')
  t.is(right.code, 0, right.shown)
  for (const { shown } of [differing, made, wrong, right]) t.false(shown.includes('nobody'))
})

/** Runs a command at a terminal of its own, and types an answer whenever it asks. With `until` it is interrupted once it has shown that. */
async function atTerminal(command: string, answers: readonly string[], until?: string): Promise<{ code: number | null; shown: string }> {
  const program = fileURLToPath(new URL('../support/tresor-program.js', import.meta.url))
  const child = spawn('script', ['-qfec', `exec ${process.execPath} ${program} ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Which shell `script` takes must not depend on who runs the test: one that stays would be interrupted too.
    env: { ...process.env, SHELL: '/bin/sh' },
  })
  let shown = ''
  let asked = 0
  let isOver = false
  child.stdout.on('data', (part: Buffer) => {
    shown += part.toString()
    for (const count = shown.match(/(secret|more): /g)?.length ?? 0; asked < count; asked++) child.stdin.write(`${answers[asked]}\r`)
    if (until === undefined || isOver || !shown.includes(until)) return
    isOver = true
    child.stdin.write('\x03')
  })
  // Not `exit`, after which more of its words may come.
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, shown }
}

test.serial('a wrong PIN is not tried again, however often the service is started, until its file changes', async (t) => {
  const wrong = file('wrong-pin', '11111111\n')
  const data = configure('token', ofToken(wrong))
  const refused =
    /^tresor: The token root does not take the PIN in .*wrong-pin: CKR_PIN_INCORRECT\. It was tried once and will not be tried again/
  t.regex((await tresor(['serve', '--data', data])).stderr, refused)
  setPin('11111111')
  t.regex((await tresor(['serve', '--data', data])).stderr, refused, 'it would be the right one by now')
  writeFileSync(wrong, '11111111\n')
  t.is(await (await running('serve', '--data', data)).end(), 0)
})

function setPin(pin: string): void {
  const library = openModule(module)
  const { slot } = tokensOf(library).find(({ label }) => label === token)!
  const session = library.C_OpenSession(slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
  library.C_Login(session, cku.SECURITY_OFFICER, '87654321')
  library.C_InitPIN(session, pin)
  library.C_CloseSession(session)
  releaseModule(module)
}
