import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import test from 'ava'
import { createAuthority, issueServer, writeBundle } from '../../certs/index.ts'
import { folderState } from '../../src/cli/data-format.ts'
import { dataFolder } from '../../src/node-files.ts'
import { running, temporaryFolder, tresor } from '../support/command-line.ts'

const folder = temporaryFolder()
test.after.always(() => folder.remove())

test('init makes a folder of its owner alone, says what comes next, and changes nothing the second time', async (t) => {
  const data = join(folder.path, 'plain')
  const first = await tresor(['init', '--data', 'plain', '--listen', '127.0.0.1:5999'], { cwd: folder.path })
  t.is(first.code, 0, first.stderr)
  t.regex(
    first.stdout,
    /^ {2}data {8}plain \(new\)\n {2}authority {3}development CA, valid to .*\n\nNext: npx tresor --data plain serve\n$/,
  )
  t.is(statSync(data).mode & 0o777, 0o700)
  t.deepEqual(readdirSync(data).sort(), ['format', 'pki', 'root.key', 'run', 'store', 'tresor.yaml'])
  t.regex(readFileSync(join(data, 'tresor.yaml'), 'utf8'), /kmip: \['127\.0\.0\.1:5999'\]/)
  const secret = readFileSync(join(data, 'root.key'), 'utf8')
  const second = await tresor(['init', '--data', data])
  t.is(second.code, 0)
  t.regex(second.stdout, /\(unchanged\)/)
  t.is(readFileSync(join(data, 'root.key'), 'utf8'), secret)
  t.deepEqual(
    readdirSync(folder.path).filter((name) => name.startsWith('.')),
    [],
  )
})

test('init completes what a person began, and leaves what is there', async (t) => {
  const data = join(folder.path, 'begun')
  mkdirSync(data)
  writeFileSync(join(data, 'tresor.yaml'), 'workers: 0\n')
  const { code, stdout } = await tresor(['init', '--data', data])
  t.is(code, 0)
  t.regex(stdout, /\(completed\)/)
  t.is(readFileSync(join(data, 'tresor.yaml'), 'utf8'), 'workers: 0\n')
  t.is(statSync(join(data, 'root.key')).mode & 0o777, 0o600)
})

test('init --bare makes neither an authority nor a root secret', async (t) => {
  const data = join(folder.path, 'bare')
  t.is((await tresor(['init', '--bare', '--data', data])).code, 0)
  t.deepEqual(readdirSync(data).sort(), ['format', 'pki', 'run', 'store', 'tresor.yaml'])
  t.deepEqual(readdirSync(join(data, 'pki')), ['crls'])
})

test('a bare folder serves other machines with certificates of your own, and not without', async (t) => {
  const data = join(folder.path, 'production')
  await tresor(['init', '--bare', '--data', data])
  const without = await tresor(['serve', '--listen', '0.0.0.0:0', '--data', data])
  t.is(without.code, 1)
  t.regex(without.stderr, /tresor\.yaml names no certificate for the server \(tls\.certificate, tls\.key\)/)
  t.deepEqual(readdirSync(join(data, 'pki')), ['crls'])

  const authority = await createAuthority({ name: 'Company CA' })
  await writeBundle(join(folder.path, 'company'), await issueServer(authority), { withoutPkcs12: true })
  const settings =
    'tls: { certificate: ../company/cert.pem, key: ../company/key.pem }\nworkers: 0\noperator: { port: 0 }\nlog: { level: warn }\n'
  writeFileSync(join(data, 'tresor.yaml'), settings)
  const node = await running('serve', '--listen', '0.0.0.0:0', '--data', data)
  const added = await tresor(['tenant', 'add', 'bank', '--data', data])
  t.is(added.code, 1)
  t.regex(added.stderr, /^tresor: this node has no root secret for software partitions .* tresor partition add/)
  t.is(await node.end(), 0)
})

test('whatever Tresor keeps in a folder may be put into a new one first, as a restore asks', (t) => {
  const data = join(folder.path, 'copied')
  const { root: _, ...places } = dataFolder({ data, cluster: undefined })
  for (const place of Object.values(places)) mkdirSync(join(data, relative(data, place).split(sep)[0] as string), { recursive: true })
  t.is(folderState(data), 'begun')
})

/** What stands in the folder's place, the command, and what is answered. */
const refusals: readonly (readonly [name: string, prepare: (path: string) => void, args: readonly string[], problem: RegExp])[] = [
  ['no data', () => {}, ['serve'], /^tresor: there is no data in .*; make it: tresor --data .* init\n$/],
  [
    'a folder that is not complete',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'tresor.yaml'), 'workers: 0\n')
    },
    ['serve'],
    /^tresor: .* is not complete; complete it: tresor --data .* init\n$/,
  ],
  [
    "somebody else's folder",
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'thesis.doc'), '')
    },
    ['init'],
    /holds things that are not Tresor's \(thesis\.doc\); name a new or an empty folder/,
  ],
  ['a file in the place of the folder', (path) => writeFileSync(path, ''), ['init'], /is a file, not a folder/],
  [
    'a folder of a newer Tresor',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'format'), '2\n')
    },
    ['serve'],
    /has format 2, this Tresor knows format 1: a newer Tresor made it/,
  ],
  [
    'a damaged format',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'format'), 'x\n')
    },
    ['start'],
    /says "x", which is no format of a data folder/,
  ],
  [
    'a mistake in the configuration',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'tresor.yaml'), 'worker: 2\n')
    },
    ['init'],
    /tresor\.yaml: worker: unknown key; did you mean workers\?/,
  ],
  ['no node', () => {}, ['tenant', 'list'], /^tresor: no node is running on .*; start it: tresor --data .* serve\n$/],
  [
    'no node, a bundle that is not there',
    () => {},
    ['client', 'create', '--name', 'x'],
    /ca\.pem cannot be read \(ENOENT\); a bundle is made by/,
  ],
]

for (const [name, prepare, args, problem] of refusals)
  test(`refuses: ${name}`, async (t) => {
    const path = join(folder.path, name.replaceAll(/\W/g, '-'))
    rmSync(path, { recursive: true, force: true })
    prepare(path)
    const { code, stderr } = await tresor([...args, '--data', path])
    t.is(code, 1, stderr)
    t.regex(stderr, problem)
  })

test('a place where nothing can be made is named', async (t) => {
  const { code, stderr } = await tresor(['init', '--data', '/sys/tresor'])
  t.is(code, 1)
  t.regex(stderr, /^tresor: \/sys\/tresor cannot be made or written by this user \(E(PERM|ACCES|ROFS)/)
})
