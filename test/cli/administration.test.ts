import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { createAuthority, issueClient } from '../../certs/index.ts'
import { Client } from '../../src/client/index.ts'
import { certificateRequest } from '../support/certificate-request.ts'
import { type RunningProgram, running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'

const folder = temporaryFolder()
const data = join(folder.path, 'data')
let node: RunningProgram

const at = (...args: readonly string[]) => tresor([...args, '--data', data])
const ask = <T = Record<string, unknown>>(...args: readonly string[]) => tresorJson<T>(...args, '--data', data)

test.before(async () => {
  await tresor(['init', '--data', data])
  writeFileSync(join(data, 'tresor.yaml'), "workers: 0\nlisten: { kmip: ['127.0.0.1:0'] }\noperator: { port: 0 }\nlog: { level: warn }\n")
  node = await running('serve', '--data', data)
})
test.after.always(async () => {
  await node.end()
  folder.remove()
})

test.serial('a tenant gets a software partition of its own, a user a bundle, and the bundle makes a key', async (t) => {
  const made = await ask('tenant', 'add', 'bank')
  t.like(made, { tenant: 'bank', partition: 'bank', kind: 'software' })
  t.deepEqual(
    (await ask<{ tenants: { tenant: string }[] }>('tenant', 'list')).tenants.map(({ tenant }) => tenant),
    ['bank'],
  )
  const { bundle } = await ask<{ bundle: string }>('tenant', 'enroll', 'bank', 'app')
  t.is(bundle, join(data, 'clients/bank/app'))
  t.is(statSync(bundle).mode & 0o777, 0o700)
  const { id } = await ask<{ id: string }>('client', 'create', '--name', 'first', '--bundle', bundle)
  const { total, keys } = await ask<{ total: number; keys: object[] }>('key', 'list', 'bank')
  t.is(total, 1)
  t.like(keys[0], { id, type: 'SymmetricKey', algorithm: 'AES', length: 256, state: 'Active', names: ['first'] })
  const shown = await ask<{ attributes: { name: string; value: unknown }[]; wrapped: object }>('key', 'show', 'bank', id)
  t.deepEqual(shown.attributes.find(({ name }) => name === 'CryptographicUsageMask')?.value, ['Encrypt', 'Decrypt'])
  t.like(shown.wrapped, { epoch: 1 })
  t.like(await ask('tenant', 'show', 'bank'), { tenant: 'bank', objects: 1, destroyed: 0, users: [{ name: 'app' }] })
  t.regex((await at('key', 'list', 'bank')).stdout, /^ {2}identifier .*\n {2}[0-9a-f-]{36} {2}SymmetricKey {2}AES-256 {4}Active {2}first/)
})

test.serial('a certificate request keeps its key where it was made', async (t) => {
  await ask('tenant', 'add', 'shop')
  const request = join(folder.path, 'app.csr')
  writeFileSync(request, await certificateRequest())
  const out = join(folder.path, 'shop')
  await ask('tenant', 'enroll', 'shop', 'app', '--csr', request, '--out', out, '--role', 'user', '--days', '7')
  t.deepEqual(readdirSync(out).sort(), ['ca.pem', 'cert.pem'])
  const certificate = new X509Certificate(readFileSync(join(out, 'cert.pem')))
  t.regex(certificate.subjectAltName ?? '', /shop.*app/)
  t.true(new Date(certificate.validTo).getTime() < Date.now() + 8 * 24 * 3600 * 1000)
  t.like(await ask('tenant', 'show', 'shop'), { users: [{ name: 'app', permissions: ['locate', 'use'] }] })
})

test.serial('one tenant does not see the keys of another', async (t) => {
  const { keys } = await ask<{ keys: { id: string }[] }>('key', 'list', 'bank')
  const { code, stderr } = await at('key', 'show', 'shop', keys[0]?.id ?? '')
  t.is(code, 1)
  t.regex(stderr, /^tresor: There is no object /)
})

test.serial('a rule lets a certificate of a foreign authority in, until it is removed', async (t) => {
  const authority = await createAuthority({ name: 'Company CA', trustDomain: 'company' })
  const anchor = join(folder.path, 'company.pem')
  writeFileSync(anchor, authority.certificate)
  const issued = await issueClient(authority, { tenant: 'any', user: 'web-1' })
  const client = () =>
    new Client({
      endpoints: [{ host: '127.0.0.1', port: Number(node.kmip.split(':')[1]) }],
      ca: readFileSync(join(data, 'pki/ca/ca.pem'), 'utf8'),
      cert: issued.certificate,
      key: issued.privateKey?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? '',
    })
  const locate = async () => {
    const one = client()
    try {
      return await one.call('Locate', { attributes: [] })
    } finally {
      one.close()
    }
  }
  await t.throwsAsync(locate())
  const added = await ask(
    'rule',
    'add',
    'web',
    '--anchor',
    anchor,
    '--match',
    'CN={user}',
    '--tenant',
    'shop',
    '--user',
    '{user}',
    '--role',
    'reader',
  )
  t.like(added, { id: 'web', tenant: 'shop', permissions: ['locate', 'read'] })
  // The TLS port learns of a new authority within its look for changes.
  const deadline = Date.now() + 60_000
  let answer = await locate().catch(() => undefined)
  while (answer === undefined && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    answer = await locate().catch(() => undefined)
  }
  t.deepEqual(answer?.uniqueIdentifiers ?? [], [])
  t.not(answer, undefined)
  t.is((await ask<{ rules: object[] }>('rule', 'list')).rules.length, 1)
  await ask('rule', 'remove', 'web')
  await t.throwsAsync(locate())
})

test.serial('a dismissed user is refused', async (t) => {
  const { bundle } = await ask<{ bundle: string }>('tenant', 'enroll', 'bank', 'leaver')
  await ask('client', 'create', '--name', 'last', '--bundle', bundle)
  await ask('tenant', 'dismiss', 'bank', 'leaver')
  t.is((await at('client', 'create', '--name', 'more', '--bundle', bundle)).code, 1)
  t.regex((await at('tenant', 'enroll', 'bank', 'leaver')).stderr, /certificate may still be valid, so choose another name/)
})

test.serial('a password is taken from a file, and shown nowhere', async (t) => {
  const file = join(folder.path, 'password')
  writeFileSync(file, 'correct horse battery\n')
  const { stdout, stderr, code } = await at('tenant', 'password', 'bank', 'app', '--file', file)
  t.is(code, 0, stderr)
  t.notRegex(`${stdout}${stderr}${JSON.stringify(await ask('tenant', 'show', 'bank'))}`, /correct horse|hash|salt/)
})

test.serial('an empty tenant is removed, and its name stays taken', async (t) => {
  await ask('tenant', 'add', 'brief')
  await ask('tenant', 'remove', 'brief')
  t.regex((await at('tenant', 'add', 'brief')).stderr, /tenant brief was removed on .*; certificates .* choose another name/)
  const { partitions } = await ask<{ partitions: { partition: string }[] }>('partition', 'list')
  t.false(partitions.some(({ partition }) => partition === 'brief'))
})

test.serial('a partition is shown with its device and mechanisms, its keys never', async (t) => {
  const shown = await ask<{ epoch: number; mechanisms: string[] }>('partition', 'show', 'bank')
  t.like(shown, { partition: 'bank', kind: 'software', tenants: ['bank'], epoch: 1 })
  t.true(shown.mechanisms.includes('AES-GCM'))
  t.false('ring' in shown)
})

test.serial('the node tells where it listens and as which processes', async (t) => {
  t.like(await ask('status'), { kmip: [node.kmip], pid: node.pid, problems: [], processes: { node: node.pid } })
  t.is((await at('reload')).code, 0)
})

/** What is refused by the node: exit code 1, a sentence that says why and what to do. */
const refusals: readonly (readonly [args: readonly string[], problem: RegExp])[] = [
  [['tenant', 'add', 'bank'], /^tresor: tenant bank exists already\n$/],
  [['tenant', 'add', 'Bank!'], /^tresor: tenant "Bank!": use 1 to 63 lower-case letters, digits and hyphens/],
  [['tenant', 'add', 'new', '--partition', 'none'], /^tresor: partition none does not exist; the partitions are: bank, shop\n$/],
  [['tenant', 'show', 'none'], /^tresor: tenant none does not exist; the tenants are: bank, shop\n$/],
  [
    ['tenant', 'remove', 'bank'],
    /^tresor: tenant bank has objects \(.* is one\), and .* is not removed; destroy its keys and dismiss its users/,
  ],
  [['tenant', 'enroll', 'none', 'app'], /^tresor: tenant none does not exist/],
  [
    ['tenant', 'enroll', 'bank', 'app', '--role', 'king'],
    /^tresor: role "king" does not exist; use one of full, operator, user, reader, auditor\n$/,
  ],
  [
    ['tenant', 'enroll', 'bank', 'app', '--csr', '/dev/null'],
    /^tresor: \/dev\/null is no certificate request \(PEM\); make one: openssl req -new/,
  ],
  [['key', 'show', 'bank', 'none'], /^tresor: There is no object none\.\n$/],
  [['key', 'list', 'bank', '--limit', '0'], /^tresor: limit: /],
  [
    ['client', 'create', '--name', 'first', '--bundle', join(data, 'clients/bank/app')],
    /^tresor: Another object of this tenant has this Name/,
  ],
  [['partition', 'show', 'none'], /^tresor: partition none does not exist; the partitions are: bank, shop\n$/],
  [['partition', 'remove', 'bank'], /^tresor: partition bank holds the keys of tenant bank; remove that tenant first\n$/],
  [['cluster', 'status'], /^tresor: this node stands alone\. To begin a cluster with it/],
  [
    ['rule', 'add', 'x', '--anchor', '/nowhere', '--match', 'CN=a', '--tenant', 'bank', '--user', 'a'],
    /^tresor: --anchor: \/nowhere cannot be read \(ENOENT\)/,
  ],
  [
    ['serve'],
    /^tresor: a node runs on .* already: process \d+, at 127\.0\.0\.1:\d+\. Use that one, stop it, or name another folder: --data DIR\n$/,
  ],
]

for (const [args, problem] of refusals)
  test.serial(`refuses: ${args.filter((word) => !word.includes('/')).join(' ')}`, async (t) => {
    const { code, stderr } = await at(...args)
    t.regex(stderr, problem)
    t.is(code, 1)
  })
