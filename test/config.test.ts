import { mkdtempSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfig } from '../src/config.ts'
import { describeConfig } from '../src/config-docs.ts'
import { ConfigError } from '../src/config-errors.ts'
import { defaultServerLimits } from '../src/server/limits.ts'

const folder = mkdtempSync(join(tmpdir(), 'tresor-config-'))
test.after.always(() => rm(folder, { recursive: true, force: true }))

test.before(async () => {
  for (const [name, mode] of [
    ['pin', 0o644],
    ['private', 0o600],
    ['plain.pem', 0o644],
  ] as const) {
    await writeFile(join(folder, name), 'x')
    await chmod(join(folder, name), mode)
  }
})

let count = 0
async function fileWith(text: string): Promise<string> {
  const file = join(folder, `config-${count++}.yaml`)
  await writeFile(file, text)
  return file
}

for (const [name, text, problems] of [
  [
    'a secret file that others may read',
    'partitions: { bank: { pinFile: pin } }',
    ['partitions.bank.pinFile: DIR/pin is readable by others (mode 0644); run: chmod 600 DIR/pin'],
  ],
  ['a file that is not there', 'tls: { crls: [plain.pem, gone.crl] }', ['tls.crls[1]: DIR/gone.crl does not exist']],
  ['a folder in place of a file', 'tls: { crls: [.] }', ['tls.crls[0]: DIR is not a file']],
  ['a misspelt key', 'worker: 2', ['worker: unknown key; did you mean workers?']],
  ['a misspelt key further in', 'limits: { frameByte: 2 }', ['limits.frameByte: unknown key; did you mean frameBytes?']],
  [
    'a misspelt key of a named partition',
    'partitions: { bank: { pinfile: private } }',
    ['partitions.bank.pinfile: unknown key; did you mean pinFile?'],
  ],
  ['a key that resembles none', 'log: { colour: red }', ['log.colour: unknown key; known here: level, format, file']],
  [
    'two mistakes at once',
    'workers: many\nlog: { level: loud }',
    ['workers: "many" is not a number', 'log.level: "loud" is not one of error, warn, info, debug'],
  ],
  ['a fraction', 'workers: 1.5', ['workers: 1.5 is not a whole number']],
  ['a number too small', 'limits: { batchItems: 0 }', ['limits.batchItems: 0 is too small; the least is 1']],
  ['a number too large', 'operator: { port: 70000 }', ['operator.port: 70000 is too large; the most is 65535']],
  [
    'an address without a port',
    'listen: { kmip: [localhost] }',
    ['listen.kmip[0]: "localhost" is not HOST:PORT; write for example 127.0.0.1:5696 or [::1]:5696'],
  ],
  [
    'a port beyond the last',
    'listen: { kmip: ["localhost:65536"] }',
    ['listen.kmip[0]: "localhost:65536" is not HOST:PORT; write for example 127.0.0.1:5696 or [::1]:5696'],
  ],
  ['no address at all', 'listen: { kmip: [] }', ['listen.kmip: must not be empty']],
  [
    'two sources of the root secret',
    'root: { keyFile: k, command: [c] }',
    ['root: has keyFile and command, and the root secret comes from one place: keep one'],
  ],
  [
    'a passphrase that others may read',
    'root: { passphraseFile: pin }',
    ['root.passphraseFile: DIR/pin is readable by others (mode 0644); run: chmod 600 DIR/pin'],
  ],
  [
    'a token for the root secret without its PIN',
    'root: { pkcs11: { module: plain.pem, token: t, pinFile: gone } }',
    ['root.pkcs11.pinFile: DIR/gone does not exist'],
  ],
  ['text where a list belongs', 'tls: { crls: plain.pem }', ['tls.crls: "plain.pem" is not a list']],
  ['a certificate without its key', 'tls: { certificate: plain.pem }', ['tls: certificate and key belong together; give both, or neither']],
  [
    'a private key that others may read',
    'tls: { certificate: plain.pem, key: pin }',
    ['tls.key: DIR/pin is readable by others (mode 0644); run: chmod 600 DIR/pin'],
  ],
  [
    'ciphers that do not exist',
    'tls: { ciphers: ROT13 }',
    ['tls.ciphers: "ROT13" is not a cipher list that OpenSSL knows; use modern, strict, or see: openssl ciphers -v'],
  ],
  [
    'an operator port for all to see',
    'operator: { host: 0.0.0.0 }',
    ['operator.host: "0.0.0.0" is not a loopback address; use 127.0.0.1 or ::1'],
  ],
  [
    'a cluster without addresses',
    'cluster: {}',
    ['peer', 'client'].map(
      (key) => `cluster.${key}: is missing; give HOST:PORT of the etcd member that this node starts, or cluster.etcd.endpoints`,
    ),
  ],
  [
    'both an etcd that Tresor starts and one that it does not',
    'cluster: { peer: "h:1", client: "h:2", name: n1, etcd: { endpoints: ["https://h:3"], certificate: plain.pem, key: private, authority: plain.pem } }',
    ['peer', 'client'].map(
      (key) =>
        `cluster.${key}: is for an etcd that Tresor starts, and cluster.etcd.endpoints names one that you run; leave out one of the two`,
    ),
  ],
  [
    'a name where cluster init gives one',
    'cluster: { peer: "h:1", client: "h:2", name: n1 }',
    ['cluster.name: is only for cluster.etcd.endpoints; tresor cluster init and join take --name'],
  ],
  [
    'a name that is none',
    'cluster: { name: "a b" }',
    ['cluster.name: "a b": use letters, digits, dots, hyphens and underscores, at most 63, beginning with a letter or digit'],
  ],
  [
    'a quota that holds nothing',
    'cluster: { peer: "h:1", client: "h:2", etcd: { quota: 1000 } }',
    ['cluster.etcd.quota: 1000 is too small; the least is 16777216'],
  ],
  [
    'an etcd without TLS',
    'cluster: { peer: "h:1", client: "h:2", etcd: { endpoints: ["http://h:3"] } }',
    ['cluster.etcd.endpoints[0]: "http://h:3" is not an https:// URL'],
  ],
  [
    'an etcd without certificates',
    'cluster: { name: n1, etcd: { endpoints: ["https://h:3"] } }',
    ['cluster.etcd: endpoints need certificate, key and authority: etcd is spoken to over mutual TLS only'],
  ],
  ['text instead of keys', 'hello', ['"hello" is not a set of keys']],
] as const) {
  test(`refuses ${name}`, async (t) => {
    const file = await fileWith(text)
    const error = await t.throwsAsync(loadConfig({ config: file }), { instanceOf: ConfigError })
    t.deepEqual(
      (error as ConfigError).problems,
      problems.map((problem) => `${file}: ${problem.replaceAll('DIR', folder)}`),
    )
  })
}

test('names the line of what is not YAML', async (t) => {
  const file = await fileWith('workers: 1\nworkers: 2\n')
  await t.throwsAsync(loadConfig({ config: file }), { message: `${file}:2: Map keys must be unique` })
})

test('a file that was asked for must be there', async (t) => {
  const file = join(folder, 'none.yaml')
  await t.throwsAsync(loadConfig({ config: file }), { message: `${file}: there is no such file` })
})

test('without a file, everything has its default', async (t) => {
  const data = join(folder, 'nothing-here')
  const config = await loadConfig({ data })
  t.is(config.file, undefined)
  t.is(config.data, data)
  t.deepEqual(config.listen, { kmip: [{ host: '127.0.0.1', port: 5696 }], https: [] })
  t.deepEqual(config.limits, defaultServerLimits)
  t.is(config.cluster, undefined)
})

test('tresor.yaml is found in the data folder, which it then need not name; paths are taken from it', async (t) => {
  const data = join(folder, 'home')
  await mkdir(data)
  await writeFile(join(data, 'ca.pem'), 'x')
  await writeFile(
    join(data, 'tresor.yaml'),
    'workers: 0\ntls: { clientAuthorities: [ca.pem] }\nlisten: { kmip: ["[::1]:0"] }\nlog: { file: log/tresor.log }\n',
  )
  const config = await loadConfig({ data })
  t.is(config.data, data)
  t.is(config.workers, 0)
  t.deepEqual(config.tls.clientAuthorities, [join(data, 'ca.pem')])
  t.deepEqual(config.listen.kmip, [{ host: '::1', port: 0 }])
  t.is(config.log.file, join(data, 'log', 'tresor.log'))
  t.is((await loadConfig({ config: join(data, 'tresor.yaml') })).data, data)
})

test('docs/configuration.md is what the schema says', async (t) => {
  t.is(await readFile('docs/configuration.md', 'utf8'), describeConfig(), 'run: npm run build, then node bin/docs.js')
})
