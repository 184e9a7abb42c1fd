import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import * as certs from '../../certs/index.ts'
import { Secret } from '../../src/objects/secret.ts'
import {
  authenticate,
  type Credential,
  demand,
  Identities,
  type Identity,
  mayDo,
  Passwords,
  Registry,
  type RuleRequest,
  type TrustFiles,
} from '../../src/tenants/index.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

const day = 24 * 3600 * 1000
/** A minute from now: openssl's certificates begin when they are made, to the second. */
const start = Date.now() + 60_000

/** Foreign CAs and their leaves are made by openssl, so that their names are of kinds that Tresor itself does not issue. */
const folder = mkdtempSync(join(tmpdir(), 'tresor-identity-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

let serial = 1
function make(name: string, subject: string, extensions: string, issuer?: string): string {
  writeFileSync(join(folder, `${name}.ext`), extensions)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    subject,
    '-utf8',
  )
  const signer = issuer === undefined ? ['-signkey', `${name}.key`] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`]
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-out',
    `${name}.pem`,
    '-days',
    '90',
    '-set_serial',
    `${serial++}`,
    '-extfile',
    `${name}.ext`,
    ...signer,
  )
  return readFileSync(join(folder, `${name}.pem`), 'utf8')
}

const caExtensions = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'
const ca = (name: string, subject = `/CN=${name}`, issuer?: string) => make(name, subject, caExtensions, issuer)
const leaf = (name: string, issuer: string, subject: string, names = '') =>
  make(name, subject, `basicConstraints=CA:FALSE\n${names}\n`, issuer)

const der = (pem: string) => new X509Certificate(pem).raw
const file = (name: string, content: string) => ({ name, content: Buffer.from(content) })

let own: certs.Authority
test.before(async () => {
  own = await certs.createAuthority({ name: 'Tresor CA' })
})

async function house(rules: readonly RuleRequest[] = [], files: Partial<TrustFiles> = {}) {
  const { ledger, replica, space } = memoryLedger()
  const registry = new Registry({
    ledger,
    replica,
    systemSpace: space('sys'),
    spaceOf: (tenant) => space(`t/${tenant}`),
    now: () => new Date(),
  })
  await registry.addPartition({ kind: 'software', name: 'main', ring: '' })
  for (const tenant of ['bank', 'shop']) {
    await registry.addTenant(tenant, 'main')
    await registry.enroll(tenant, 'app')
  }
  for (const rule of rules) await registry.addRule(rule)
  const clock = { now: start }
  const view = () => registry.settings.view()
  const identities = new Identities(view, () => clock.now)
  const trust = { authorities: [file('own.pem', own.certificate)], crls: [], ...files }
  identities.trust(trust)
  return { registry, identities, clock, view, trust }
}

const who = ({ tenant, user, rule }: Identity) => ({ tenant: tenant as string, user, rule })
const bundle = async (tenant: string, user: string, authority = own, days?: number) =>
  new X509Certificate((await certs.issueClient(authority, { tenant, user, ...(days === undefined ? {} : { days }) })).certificate)

test('a bundle that Tresor issued is who its URI says', async (t) => {
  const { identities } = await house()
  const certificate = await bundle('bank', 'app')
  const identity = identities.identify(certificate.raw)
  t.deepEqual(who(identity), { tenant: 'bank', user: 'app', rule: undefined })
  t.is(identities.identify(certificate.raw), identity)
  t.true(mayDo(identity, 'use'))
})

test('refuses what is not enrolled, not of this house, expired, or not a client', async (t) => {
  const { identities, clock } = await house()
  const refused = (certificate: X509Certificate, message: RegExp) => {
    const error = t.throws(() => identities.identify(certificate.raw), { message })
    t.is((error as unknown as { reason: string } | undefined)?.reason, 'AuthenticationNotSuccessful')
  }
  refused(await bundle('bank', 'ghost'), /^User ghost of tenant bank is not enrolled here; run: tresor tenant enroll bank ghost$/)
  refused(await bundle('nowhere', 'app'), /^Tenant nowhere does not exist here\.$/)
  const twin = await certs.createAuthority({ name: 'Tresor CA' })
  refused(await bundle('bank', 'app', twin), /hangs under no authority known here/)
  refused(new X509Certificate(own.certificate), /is a CA's/)
  refused(new X509Certificate((await certs.issueServer(own)).certificate), /is not for client authentication/)
  const short = await bundle('bank', 'app', own, 10)
  t.is(identities.identify(short.raw).user, 'app')
  clock.now = start + 11 * day
  refused(short, /expired on .*; renew it\.$/)
  clock.now = start - day
  refused(short, /is not valid before .*; check the clocks\.$/)
})

test('an own authority of another trust domain does not speak for this one', async (t) => {
  const elsewhere = await certs.createAuthority({ name: 'elsewhere', trustDomain: 'elsewhere' })
  const { identities } = await house([], { authorities: [file('a', own.certificate), file('b', elsewhere.certificate)] })
  t.is(identities.identify((await bundle('bank', 'app', elsewhere)).raw).tenant as string, 'bank')
  const forged = await certs.issueClient({ ...elsewhere, trustDomain: 'tresor' }, { tenant: 'bank', user: 'app' })
  t.throws(() => identities.identify(der(forged.certificate)), { message: /^No rule maps/ })
})

const banksCa = ca('bank-ca')
const shopsCa = ca('shop-ca')
const bankRule: RuleRequest = {
  id: 'bank',
  anchor: banksCa,
  match: [
    { field: 'OU', pattern: 'keys' },
    { field: 'CN', pattern: '{user}' },
  ],
  tenant: 'bank',
  user: '{user}',
}
const appOfBank = leaf('app-of-bank', 'bank-ca', '/OU=keys/CN=app')

test('a rule maps certificates of its own anchor', async (t) => {
  const { identities } = await house([bankRule])
  t.deepEqual(who(identities.identify(der(appOfBank))), { tenant: 'bank', user: 'app', rule: 'bank' })
  t.throws(() => identities.identify(der(leaf('other-ou', 'bank-ca', '/OU=other/CN=app'))), {
    message: /^No rule maps the client certificate "app" to a tenant\.$/,
  })
})

test("another tenant's CA cannot name this tenant's user, neither by rule, nor by URI, nor under the same CA name", async (t) => {
  const shopRule: RuleRequest = { id: 'shop', anchor: shopsCa, match: [{ field: 'CN', pattern: 'app' }], tenant: 'shop', user: 'app' }
  const { identities } = await house([bankRule, shopRule])
  const asShop = leaf('shop-1', 'shop-ca', '/OU=keys/CN=app', 'subjectAltName=URI:spiffe://tresor/tenant/bank/user/app')
  t.deepEqual(who(identities.identify(der(asShop))), { tenant: 'shop', user: 'app', rule: 'shop' })
  ca('false-bank', '/CN=bank-ca')
  t.throws(() => identities.identify(der(leaf('forged', 'false-bank', '/OU=keys/CN=app'))), {
    message: /hangs under no authority known here/,
  })
})

test('two matches refuse, and say which', async (t) => {
  const { identities } = await house([bankRule, { ...bankRule, id: 'second', user: 'app', match: [{ field: 'OU', pattern: 'k{any}' }] }])
  t.throws(() => identities.identify(der(appOfBank)), {
    message:
      'The client certificate "app" is mapped more than once: rule bank (app of bank), rule second (app of bank). Narrow the rules until one is left.',
  })
  const twice = leaf('twice', 'bank-ca', '/OU=keys/CN=app/CN=other')
  const { identities: one } = await house([bankRule])
  t.throws(() => one.identify(der(twice)), { message: /mapped more than once: rule bank \(app of bank\), rule bank \(other of bank\)/ })
})

for (const [name, names, match, expected] of [
  ['a URI', 'subjectAltName=URI:spiffe://corp/ns/bank/sa/app', { field: 'URI', pattern: 'spiffe://corp/ns/{tenant}/sa/{user}' }, 'app'],
  ['an e-mail address', 'subjectAltName=email:app@bank', { field: 'email', pattern: '{user}@{tenant}' }, 'app'],
  ['a DNS name', 'subjectAltName=DNS:app.bank.example', { field: 'DNS', pattern: '{any}.{tenant}.example' }, 'app'],
  [
    'a name that only looks like a URI entry',
    'subjectAltName=DNS:x\\,URI:spiffe://corp/ns/bank/sa/app',
    { field: 'URI', pattern: 'spiffe://corp/ns/{tenant}/sa/{user}' },
    undefined,
  ],
] as const) {
  test(`a rule looks at ${name}`, async (t) => {
    const rule = {
      id: 'names',
      anchor: banksCa,
      match: [match],
      tenant: '{tenant}',
      user: match.pattern.includes('{user}') ? '{user}' : 'app',
    }
    const { identities } = await house([rule])
    const certificate = leaf(
      `names-${name.replaceAll(' ', '-')}`,
      'bank-ca',
      '/CN=x',
      names.includes('\\,') ? `subjectAltName=@n\n[n]\nDNS.1=x\\, URI:spiffe://corp/ns/bank/sa/app` : names,
    )
    if (expected === undefined) t.throws(() => identities.identify(der(certificate)))
    else t.deepEqual(who(identities.identify(der(certificate))), { tenant: 'bank', user: expected, rule: 'names' })
  })
}

test('an intermediate counts when the rule gives it; the leaf alone is enough then', async (t) => {
  ca('middle', '/CN=middle', 'bank-ca')
  const middle = readFileSync(join(folder, 'middle.pem'), 'utf8')
  const below = leaf('below', 'middle', '/OU=keys/CN=app')
  const { identities: without } = await house([bankRule])
  t.throws(() => without.identify(der(below)), { message: /add its CA, with the intermediates between, by a rule\.$/ })
  const { identities } = await house([{ ...bankRule, anchor: `${banksCa}${middle}` }])
  t.is(identities.identify(der(below)).user, 'app')
  t.is(identities.authorities().length, 3)
})

test('users whom nobody enrolled get the role of their rule, removed ones nothing', async (t) => {
  const { identities, registry } = await house([{ ...bankRule, role: 'reader' }])
  const certificate = der(leaf('carol', 'bank-ca', '/OU=keys/CN=carol'))
  t.deepEqual([...identities.identify(certificate).permissions], ['locate', 'read'])
  t.throws(() => demand(identities.identify(certificate), 'use'), { message: 'User carol of tenant bank has no permission "use".' })
  await registry.enroll('bank', 'carol', 'user')
  t.deepEqual([...identities.identify(certificate).permissions], ['locate', 'use'])
  await registry.removeUser('bank', 'carol')
  t.throws(() => identities.identify(certificate), { message: /^User carol of tenant bank is not enrolled/ })
})

test('a changed rule counts at once', async (t) => {
  const { identities, registry } = await house([bankRule])
  t.is(identities.identify(der(appOfBank)).user, 'app')
  await registry.removeRule('bank')
  t.throws(() => identities.identify(der(appOfBank)), { message: /hangs under no authority known here/ })
})

test('a new revocation list refuses the certificate and finds the connections it concerns', async (t) => {
  const { identities, trust } = await house()
  const [good, bad] = [await bundle('bank', 'app'), await bundle('shop', 'app')]
  const held = { good: identities.identify(good.raw), bad: identities.identify(bad.raw) }
  identities.trust({ ...trust, crls: [file('own.crl', await certs.createCrl(own, [bad.serialNumber]))] })
  t.true(identities.crlRevoked(held.bad))
  t.true(identities.crlRevoked({ ...held.bad, user: 'narrowed' }))
  t.false(identities.crlRevoked(held.good))
  t.throws(() => identities.identify(bad.raw), { message: /is revoked\.$/ })
  t.is(identities.identify(good.raw).user, 'app')
  t.deepEqual(identities.problems(), [])
})

test('a list that another authority signed has no effect, and is complained about; the newest of several counts', async (t) => {
  const { identities, trust } = await house()
  const certificate = await bundle('bank', 'app')
  const twin = await certs.createAuthority({ name: 'Tresor CA' })
  identities.trust({ ...trust, crls: [file('twin.crl', await certs.createCrl(twin, [certificate.serialNumber]))] })
  t.is(identities.identify(certificate.raw).user, 'app')
  t.deepEqual(identities.problems(), ['twin.crl: no configured authority signed this revocation list; it has no effect'])
  const older = await certs.createCrl(own, [], { now: new Date(start - day) })
  const newer = await certs.createCrl(own, [certificate.serialNumber], { now: new Date(start) })
  identities.trust({ ...trust, crls: [file('newer', newer), file('older', older)] })
  t.throws(() => identities.identify(certificate.raw), { message: /is revoked/ })
})

test('an overdue list stays in force, or refuses, as chosen', async (t) => {
  const { identities, trust, clock } = await house()
  const certificate = await bundle('bank', 'app')
  const crls = [file('own.crl', await certs.createCrl(own, [], { days: 1 }))]
  identities.trust({ ...trust, crls })
  clock.now = start + 2 * day
  t.is(identities.identify(certificate.raw).user, 'app')
  t.regex(identities.problems().join(), /^own.crl: the next revocation list was due on .*; the old one stays in force$/)
  identities.trust({ ...trust, crls, overdueCrl: 'refuse' })
  t.throws(() => identities.identify(certificate.raw), {
    message: /^The revocation list of "spiffe:\/\/tresor" is overdue since .*; install the next one\.$/,
  })
})

test('a list or authority that cannot be read is refused by name, and the old ones stay', async (t) => {
  const { identities, trust } = await house()
  const certificate = await bundle('bank', 'app')
  const crl = await certs.createCrl(own, [certificate.serialNumber])
  identities.trust({ ...trust, crls: [file('own.crl', crl)] })
  t.throws(() => identities.trust({ ...trust, crls: [file('bad.crl', 'hello')] }), { message: /^bad.crl: / })
  t.throws(() => identities.trust({ ...trust, authorities: [file('bad.pem', 'hello')] }), {
    message: 'bad.pem: holds no PEM "CERTIFICATE"',
  })
  t.throws(() => identities.identify(certificate.raw), { message: /is revoked/ })
  t.throws(() => identities.identify(Buffer.from('hello')), { message: /^The client certificate cannot be read/ })
})

const password = (text: string) => new Secret(Buffer.from(text))

async function withPasswords() {
  const all = await house()
  await all.registry.enroll('bank', 'alice', 'user')
  await all.registry.enroll('bank', 'gateway', 'operator')
  await all.registry.setPassword('bank', 'alice', password('alice in the bank'))
  await all.registry.setPassword('shop', 'app', password('app in the shop'))
  const app = all.identities.identify((await bundle('bank', 'app')).raw)
  const gateway = all.identities.identify((await bundle('bank', 'gateway')).raw)
  const passwords = new Passwords()
  const as = (identity: Identity, ...credentials: Credential[]) => authenticate(identity, credentials, all.view(), passwords)
  return { ...all, app, gateway, as }
}

test('a password narrows to another user of the tenant, with the permissions that both have', async (t) => {
  const { app, gateway, as } = await withPasswords()
  const alice: Credential = { kind: 'UsernameAndPassword', username: 'alice', password: password('alice in the bank') }
  for (const [identity, permissions] of [
    [app, ['locate', 'use']],
    [gateway, ['locate']],
    [app, ['locate', 'use']],
  ] as const) {
    const narrowed = await as(identity, alice)
    t.deepEqual(
      { ...who(narrowed), permissions: [...narrowed.permissions] },
      { tenant: 'bank', user: 'alice', rule: undefined, permissions: [...permissions] },
    )
  }
  t.is(await as(app), app)
  t.is(await as(app, { kind: 'UsernameAndPassword', username: 'app' }), app)
})

for (const [name, credential, message] of [
  [
    'a wrong password',
    { kind: 'UsernameAndPassword', username: 'alice', password: password('alice in the shop') },
    'The username or the password is wrong.',
  ],
  [
    'an unknown user',
    { kind: 'UsernameAndPassword', username: 'nobody', password: password('alice in the bank') },
    'The username or the password is wrong.',
  ],
  [
    "another tenant's user",
    { kind: 'UsernameAndPassword', username: 'shop/app', password: password('app in the shop') },
    'The username or the password is wrong.',
  ],
  [
    "the other tenant's password of a user with the same name",
    { kind: 'UsernameAndPassword', username: 'app', password: password('app in the shop') },
    'The username or the password is wrong.',
  ],
  [
    'another user without a password',
    { kind: 'UsernameAndPassword', username: 'alice' },
    'The credential names another user than the client certificate; its password is needed.',
  ],
  [
    'a device',
    { kind: 'Device' },
    'Credential Type Device is not supported; use Username and Password, a Ticket, or the client certificate alone.',
  ],
] as const satisfies readonly (readonly [string, Credential, string])[]) {
  test(`a credential is refused: ${name}`, async (t) => {
    const { app, as } = await withPasswords()
    await t.throwsAsync(as(app, credential), { message })
  })
}

test('a changed password counts at once, remembered or not', async (t) => {
  const { app, as, registry } = await withPasswords()
  const old: Credential = { kind: 'UsernameAndPassword', username: 'alice', password: password('alice in the bank') }
  t.is((await as(app, old)).user, 'alice')
  await registry.setPassword('bank', 'alice', password('another secret'))
  await t.throwsAsync(as(app, old), { message: 'The username or the password is wrong.' })
})
