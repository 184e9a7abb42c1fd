import { X509Certificate } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'

const folder = temporaryFolder()
test.after.always(() => folder.remove())

test.serial('a first start makes everything, shows the main job step by step, and is ready', async (t) => {
  const data = join(folder.path, 'first')
  const node = await running('start', '--data', data, '--listen', '127.0.0.1:0')
  const names = node.events.map(({ event }) => event)
  t.deepEqual(names, [
    'data',
    'authority',
    'tenant',
    'client',
    'listening',
    'operator',
    'create',
    'activate',
    'encrypt',
    'decrypt',
    'compare',
    'revoke',
    'destroy',
    'refused',
    'ready',
  ])
  t.deepEqual(node.events.at(-1), { event: 'ready', kmip: node.kmip, bundle: `${data}/clients/demo/app` })
  t.is(node.events[0]?.state, 'new')
  t.is(node.events.at(-2)?.reason, 'Object Destroyed')
  for (const event of node.events.slice(6, -1)) t.is(typeof event.milliseconds, 'number')
  t.deepEqual(readdirSync(join(data, 'clients/demo/app')).sort(), ['ca.pem', 'cert.pem', 'client.p12', 'client.p12.password', 'key.pem'])
  t.is(statSync(data).mode & 0o777, 0o700)
  for (const secret of ['root.key', 'pki/ca/ca-key.pem', 'clients/demo/app/key.pem', 'run/admin.sock'])
    t.is(statSync(join(data, secret)).mode & 0o777, 0o600, secret)

  const made = await tresorJson('client', 'create', '--name', 'kept', '--data', data)
  t.is(made.server, node.kmip)
  t.is(await node.end('SIGTERM'), 0)

  const kept = ['root.key', 'pki/ca/ca.pem', 'pki/server/cert.pem', 'clients/demo/app/cert.pem', 'tresor.yaml']
  const before = kept.map((path) => readFileSync(join(data, path), 'utf8'))
  const again = await running('start', '--data', data, '--listen', '127.0.0.1:0')
  t.is(again.events[0]?.state, 'kept')
  t.deepEqual(
    kept.map((path) => readFileSync(join(data, path), 'utf8')),
    before,
  )
  const { keys } = await tresorJson<{ keys: { id: string; names: string[] }[] }>('key', 'list', 'demo', '--data', data)
  t.deepEqual(
    keys.map(({ id, names: [name] }) => [id, name]),
    [[made.id, 'kept']],
  )

  const second = await tresor(['start', '--data', data, '--listen', '127.0.0.1:0'])
  t.is(second.code, 1)
  t.is(
    second.stderr,
    `tresor: a node runs on ${data} already: process ${again.pid}, at ${again.kmip}. Use that one, stop it, or name another folder: --data DIR\n`,
  )
  t.is(await again.end('SIGINT'), 0)
  t.false(existsSync(join(data, 'store', 'writer.pid')))
})

test.serial('for people the steps are lines, the last of them the command that makes a key', async (t) => {
  const data = join(folder.path, 'people')
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const refused = await tresor(['start', '--data', data, '--listen', `127.0.0.1:${port}`])
  taken.close()
  t.is(refused.code, 1)
  t.is(
    refused.stderr,
    `tresor: 127.0.0.1:${port} is in use by another program; stop that one, or choose another: --listen 127.0.0.1:${port + 4}\n`,
  )
  t.regex(refused.stdout, /^ {2}data {8}.*people \(new\)\n {2}authority {3}development CA, valid to 20\d\d-\d\d-\d\d\n$/)
})

test.serial('the certificate names what the node listens at, issued anew only where a name is missing', async (t) => {
  const data = join(folder.path, 'names')
  const certificate = () => readFileSync(join(data, 'pki/server/cert.pem'), 'utf8')
  await tresor(['init', '--data', data])
  // Unlike `start`, `serve` does not look for another port when this one is taken.
  appendFileSync(join(data, 'tresor.yaml'), 'operator: { port: 0 }\n')
  const first = certificate()
  const usual = await running('serve', '--data', data, '--listen', 'localhost:0')
  t.is(await usual.end(), 0)
  t.is(certificate(), first)
  const other = await running('serve', '--data', data, '--listen', '127.0.0.2:0')
  t.is(await other.end(), 0)
  t.is(new X509Certificate(certificate()).checkIP('127.0.0.2'), '127.0.0.2')
  t.is(new X509Certificate(certificate()).checkHost('localhost'), 'localhost')
})

test.serial('the development PKI does not serve other machines unless that is said', async (t) => {
  const data = join(folder.path, 'exposed')
  const refused = await tresor(['start', '--data', data, '--listen', '0.0.0.0:0'])
  t.is(refused.code, 1)
  t.regex(refused.stderr, /0\.0\.0\.0:0 is reachable from other machines, but the server's certificate is the development PKI's/)
  t.regex(refused.stderr, /root secret lies in a file/)
  t.regex(refused.stderr, /--insecure-development/)
  const node = await running('start', '--data', data, '--listen', '0.0.0.0:0', '--insecure-development')
  t.regex(node.kmip, /^0\.0\.0\.0:\d+$/)
  t.is(await node.end(), 0)
})
