import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { createRoot, describeRoot, hasRoot, type RootSource, readRoot, rootFingerprint } from '../../src/partitions/index.ts'
import { secretOfCommand } from '../../src/partitions/root/command-secret.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const folder = mkdtempSync(join(tmpdir(), 'tresor-root-'))
const at = (name: string) => join(folder, name)
const write = (name: string, text: string) => {
  writeFileSync(at(name), text, { mode: 0o600 })
  return at(name)
}
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true })
  hsm.remove()
})

const hex = 'c0ffee'.padEnd(64, '0')
const token = { name: 'root', ...hsm.token('sealer') }
const passphrase = write('passphrase', 'correct horse battery staple\n')

const sources: readonly RootSource[] = [
  { kind: 'keyFile', path: at('root.key') },
  { kind: 'passphrase', passphrase, sealed: at('by-passphrase') },
  { kind: 'passphrase', passphrase: async () => new Secret(Buffer.from('what a person types')), sealed: at('by-person') },
  { kind: 'pkcs11', token, sealed: at('by-token') },
]

for (const source of sources) {
  test.serial(`${describeRoot(source)}: is made once, for its owner alone, and read again`, async (t) => {
    t.false(hasRoot(source))
    const made = await createRoot(source)
    t.is(made.length, 32)
    t.true(hasRoot(source))
    t.is(statSync(source.kind === 'keyFile' ? source.path : 'sealed' in source ? source.sealed : '').mode & 0o777, 0o600)
    t.is(rootFingerprint(await readRoot(source)), rootFingerprint(made))
    await t.throwsAsync(createRoot(source), { message: /is there already; a root secret is never overwritten/ })
  })
}

test.serial('what is sealed holds nothing of the secret, and a given secret is kept', async (t) => {
  const secret = new Secret(Buffer.alloc(32, 7))
  for (const source of [
    { kind: 'passphrase', passphrase, sealed: at('given-1') },
    { kind: 'pkcs11', token, sealed: at('given-2') },
  ] as const) {
    await createRoot(source, secret)
    const text = readFileSync(source.sealed, 'utf8')
    for (const form of ['hex', 'base64', 'latin1'] as const) t.false(text.includes(Buffer.from(secret.expose()).toString(form)))
    t.is(rootFingerprint(await readRoot(source)), rootFingerprint(secret))
  }
})

test('a systemd credential is read by its name, though its group bits say that others may read it', async (t) => {
  mkdirSync(at('credentials'))
  write('credentials/root', `${hex}\n`)
  chmodSync(at('credentials/root'), 0o440)
  const source: RootSource = { kind: 'keyFile', path: 'credential:root' }
  await t.throwsAsync(readRoot(source), { message: /^credential:root is for a systemd service.*LoadCredential=root:PATH$/ })
  process.env.CREDENTIALS_DIRECTORY = at('credentials')
  t.is(Buffer.from((await readRoot(source)).expose()).toString('hex'), hex)
  t.is(Buffer.from((await createRoot(source)).expose()).toString('hex'), hex)
  await t.throwsAsync(readRoot({ kind: 'keyFile', path: 'credential:none' }), { message: /none is not there; add to the service's unit/ })
  await t.throwsAsync(readRoot({ kind: 'keyFile', path: 'credential:../root.key' }), { message: /a credential's name has letters/ })
})

const sh = (script: string) => ['/bin/sh', '-c', script]
for (const [what, command, expected] of [
  ['64 digits', sh(`printf ${hex}`), hex],
  ['64 digits and a line end', sh(`echo ${hex.toUpperCase()}`), hex],
  ['32 raw bytes', sh("printf '%032d' 7"), Buffer.from('7'.padStart(32, '0')).toString('hex')],
  ['no shell reads the arguments', ['printf', '%s', `${hex.slice(0, 62)}$$`], /wrote 64 bytes; it must write 32 bytes, or 64 hex/],
  [
    '63 digits',
    sh(`printf ${hex.slice(1)}`),
    /^root\.command \(\/bin\/sh\) wrote 63 bytes; it must write 32 bytes, or 64 hexadecimal digits, and nothing else$/,
  ],
  ['two lines', sh(`echo ${hex}; echo`), /wrote 66 bytes/],
  ['a flood', sh('head -c 5000000 /dev/zero'), /wrote 5000000 bytes/],
  ['nothing', sh('true'), /wrote 0 bytes/],
  [
    'an exit code',
    sh(`echo ${hex}; echo ${hex} >&2; exit 3`),
    /^root\.command \(\/bin\/sh\) ended with exit code 3; run it yourself to see what it says$/,
  ],
  ['a signal', sh('kill -TERM $$'), /ended with signal SIGTERM/],
  ['no such program', ['/no/such/program'], /^root\.command \(\/no\/such\/program\) cannot be run \(ENOENT\)$/],
  ['too long, with a child that holds its output', sh('sleep 60'), /did not end within 0\.3 s, and was ended/],
  [
    'an end, with a process that left its group and holds its output',
    sh('setsid sleep 3 & exit 0'),
    /did not end within 0\.3 s, and was ended/,
  ],
] as const)
  test(`command: ${what}`, async (t) => {
    const asked = secretOfCommand(command, typeof expected !== 'string' && expected.source.includes('within') ? 300 : undefined)
    if (typeof expected === 'string') return t.is(Buffer.from((await asked).expose()).toString('hex'), expected)
    const { message } = (await t.throwsAsync(asked))!
    t.regex(message, expected)
    t.false(message.includes('c0ffee'))
  })

test('a command that gives another secret than the one in use is refused', async (t) => {
  const source: RootSource = { kind: 'command', command: sh(`echo ${hex}`) }
  t.is((await createRoot(source)).length, 32)
  await t.throwsAsync(createRoot(source, new Secret(Buffer.alloc(32))), { message: /command \/bin\/sh gives another root secret/ })
})

test.serial('what is wrong with a sealed secret is said precisely', async (t) => {
  const sealed = at('wrong')
  await createRoot({ kind: 'passphrase', passphrase, sealed })
  const good = readFileSync(sealed, 'utf8')
  const open = (text: string, given: string = passphrase) => {
    writeFileSync(sealed, text)
    return readRoot({ kind: 'passphrase', passphrase: given, sealed })
  }
  const other = write('other', 'not the passphrase\n')
  for (const [text, given, message] of [
    [good, other, /^this is not the passphrase of .*wrong \(passphrase in .*other, with .*wrong\)$/],
    [good, at('none'), /none is not there/],
    [good.replace('131072', '131071'), passphrase, /scrypt with N 131071, r 8 and p 1 is not used here/],
    [good.replace('131072', '1073741824'), passphrase, /scrypt with N 1073741824/],
    [good.replace('131072', '1024'), passphrase, /scrypt with N 1024/],
    [good.replace('"formatVersion": 1', '"formatVersion": 2'), passphrase, /is no sealed root secret that this Tresor knows \(format 1\)/],
    ['{', passphrase, /is no sealed root secret: it is not JSON/],
  ] as const)
    await t.throwsAsync(open(text, given), { message })
  writeFileSync(sealed, good)
  await t.throwsAsync(readRoot({ kind: 'pkcs11', token, sealed }), {
    message: /was sealed by a passphrase, and the configuration names a token \(root\); to change it: tresor root change/,
  })
  const short: RootSource = { kind: 'passphrase', passphrase: write('short', 'elevenbytes\n'), sealed: at('short-sealed') }
  await t.throwsAsync(createRoot(short), { message: /The passphrase has 11 bytes; at least 12 are needed/ })
  t.false(hasRoot(short))
})

test.serial('another token does not open what one has sealed, and a wrong PIN is tried once', async (t) => {
  const sealed = at('of-one-token')
  await createRoot({ kind: 'pkcs11', token, sealed })
  const other = { name: 'root', ...hsm.token('other') }
  await t.throwsAsync(readRoot({ kind: 'pkcs11', token: other, sealed }), {
    message: /^The token other \(.*\) does not open the root secret: it has no sealing key of Tresor\. It was sealed by sealer/,
  })
  await createRoot({ kind: 'pkcs11', token: other, sealed: at('of-other') })
  await t.throwsAsync(readRoot({ kind: 'pkcs11', token: other, sealed }), {
    message: /its sealing key is another one, or the sealed file was altered/,
  })
  const wrong = { ...token, pinFile: write('wrong-pin', '00000000\n') }
  for (let round = 0; round < 2; round++)
    await t.throwsAsync(readRoot({ kind: 'pkcs11', token: wrong, sealed }), {
      message: /does not take the PIN in .*wrong-pin.*It was tried once/,
    })
})
