import { execFile } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import test from 'ava'
import * as certs from '../../certs/index.ts'
import { x509 } from '../../certs/x509.ts'

const run = promisify(execFile)

const folder = mkdtempSync(join(tmpdir(), 'tresor-certs-'))
test.after.always(() => rm(folder, { recursive: true, force: true }))

async function openssl(...args: string[]): Promise<string> {
  try {
    return (await run('openssl', args, { cwd: folder })).stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('openssl is not installed; run: apt-get install openssl')
    throw error
  }
}

const day = 24 * 3600 * 1000
let authority: certs.Authority
test.before(async () => {
  authority = await certs.createAuthority({ name: 'Tresor development CA', development: true })
})
const tenantUser = { tenant: 'demo', user: 'app' }

for (const key of ['EC-P256', 'RSA-2048'] as const) {
  for (const issuerKey of ['EC-P256', 'RSA-2048'] as const) {
    test(`openssl accepts each profile: ${key} under ${issuerKey}`, async (t) => {
      const issuer = await certs.createAuthority({ name: 'CA, with "odd" <name>', key: issuerKey })
      const prefix = `${key}-${issuerKey}`
      await writeFile(join(folder, `${prefix}-ca.pem`), issuer.certificate)
      for (const [name, issued, purposes] of [
        ['server', await certs.issueServer(issuer, { key }), ['sslserver']],
        ['client', await certs.issueClient(issuer, { ...tenantUser, key }), ['sslclient']],
        ['peer', await certs.issuePeer(issuer, { name: 'node-1', hosts: ['10.0.0.1'], key }), ['sslserver', 'sslclient']],
      ] as const) {
        await writeFile(join(folder, `${prefix}-${name}.pem`), issued.certificate)
        for (const purpose of purposes) {
          const said = await openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', `${prefix}-ca.pem`, `${prefix}-${name}.pem`)
          t.true(said.endsWith(': OK\n'), said)
        }
      }
    })
  }
}

test('the profiles: names, validity, serial numbers', async (t) => {
  const now = new Date()
  const server = new X509Certificate((await certs.issueServer(authority, { now })).certificate)
  t.is(server.checkHost('localhost'), 'localhost')
  t.is(server.checkIP('127.0.0.1'), '127.0.0.1')
  t.is(server.checkIP('::1'), '::1')
  t.is(server.serialNumber.length, 32)
  t.is(Math.round((Date.parse(server.validTo) - now.getTime()) / day), 365)
  const client = new X509Certificate((await certs.issueClient(authority, tenantUser)).certificate)
  t.is(client.subjectAltName, 'URI:spiffe://tresor/tenant/demo/user/app')
  t.deepEqual(client.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.false(client.ca)
  const ca = new X509Certificate(authority.certificate)
  t.true(ca.ca)
  t.true(client.checkIssued(ca))
  t.is(Math.round((Date.parse(ca.validTo) - now.getTime()) / day), 3650)
})

test('a certificate does not outlive its issuer', async (t) => {
  const short = await certs.createAuthority({ name: 'short', days: 10 })
  const leaf = new X509Certificate((await certs.issueServer(short)).certificate)
  t.is(leaf.validTo, new X509Certificate(short.certificate).validTo)
})

test('the development mark is in every certificate of a development authority, and in no other', async (t) => {
  t.true(certs.isDevelopment(authority.certificate))
  t.true(certs.isDevelopment((await certs.issueServer(authority)).certificate))
  t.true(certs.isDevelopment(new X509Certificate((await certs.issueClient(authority, tenantUser)).certificate).raw))
  const earnest = await certs.createAuthority({ name: 'production' })
  t.false(certs.isDevelopment(earnest.certificate))
  t.false(certs.isDevelopment((await certs.issueServer(earnest)).certificate))
})

test('a certificate is renewed when less than 30 days are left', async (t) => {
  const now = new Date()
  const { certificate } = await certs.issueServer(authority, { now, days: 31 })
  t.false(certs.needsRenewal(certificate, now))
  t.true(certs.needsRenewal(certificate, new Date(now.getTime() + 2 * day)))
})

test('an authority is written and read back', async (t) => {
  const place = join(folder, 'authority')
  await certs.saveAuthority(place, await certs.createAuthority({ name: 'saved', trustDomain: 'bank.example', development: true }))
  t.is((await stat(place)).mode & 0o777, 0o700)
  t.is((await stat(join(place, 'ca-key.pem'))).mode & 0o777, 0o600)
  const loaded = await certs.loadAuthority(place)
  t.is(loaded.trustDomain, 'bank.example')
  t.true(loaded.development)
  const client = new X509Certificate((await certs.issueClient(loaded, tenantUser)).certificate)
  t.true(client.verify(loaded.publicKey))
  t.is(client.subjectAltName, 'URI:spiffe://bank.example/tenant/demo/user/app')
  const other = await certs.createAuthority({ name: 'other' })
  await writeFile(join(place, 'ca.pem'), other.certificate)
  const error = await t.throwsAsync(certs.loadAuthority(place))
  t.is(error?.message, `${place}: ca-key.pem is not the key of ca.pem; put back the two files that belong together`)
})

async function requestFor(subject: string): Promise<{ readonly csr: string; readonly publicKey: Uint8Array }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://tresor/tenant/other/user/root' }])],
  })
  return { csr: request.toString('pem'), publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey)) }
}

test('a request is certified for its key alone: its subject and names are ignored', async (t) => {
  const { csr, publicKey } = await requestFor('CN=root')
  const issued = await certs.issueClient(authority, { ...tenantUser, csr })
  const certificate = new X509Certificate(issued.certificate)
  t.is(issued.privateKey, undefined)
  t.is(certificate.subjectAltName, 'URI:spiffe://tresor/tenant/demo/user/app')
  t.is(certificate.subject, 'CN=app\nOU=demo')
  t.deepEqual(new Uint8Array(certificate.publicKey.export({ type: 'spki', format: 'der' })), publicKey)
  await certs.writeBundle(join(folder, 'from-csr'), issued)
  t.deepEqual((await readdir(join(folder, 'from-csr'))).sort(), ['ca.pem', 'cert.pem'])
})

test('a request with a false signature is refused', async (t) => {
  const { csr } = await requestFor('CN=root')
  const bytes = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  bytes[bytes.length - 1]! ^= 1
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`
  await t.throwsAsync(certs.issueClient(authority, { ...tenantUser, csr: forged }), {
    message: 'The signature of the certificate request does not verify: its maker does not hold the private key, or the file was altered.',
  })
  await t.throwsAsync(certs.issueClient(authority, { ...tenantUser, csr: 'hello' }), {
    message: 'The certificate request is not a PEM "CERTIFICATE REQUEST".',
  })
})

for (const [name, request, message] of [
  [
    'a short RSA key',
    { ...tenantUser, publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey },
    'The public key is rsa 1024 bits; use P-256, P-384, Ed25519, or RSA of at least 2048 bits.',
  ],
  ['no key at all', { ...tenantUser, publicKey: 'nothing' }, 'The public key is not a PEM "PUBLIC KEY".'],
  [
    'a tenant name with a slash',
    { tenant: 'a/b', user: 'app' },
    'tenant "a/b": use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit',
  ],
  [
    'a user name with a percent sign',
    { tenant: 'demo', user: 'a%2fb' },
    'user "a%2fb": use 1 to 128 letters, digits and . _ @ -, beginning with a letter or digit',
  ],
] as const) {
  test(`refuses to certify ${name}`, async (t) => {
    await t.throwsAsync(certs.issueClient(authority, request), { message })
  })
}

test('a bundle appears whole, is renewed in place, and its secrets are the owner’s', async (t) => {
  const place = join(folder, 'clients', 'demo', 'app')
  await certs.writeBundle(place, await certs.issueClient(authority, tenantUser))
  const files = ['ca.pem', 'cert.pem', 'client.p12', 'client.p12.password', 'key.pem']
  t.deepEqual((await readdir(place)).sort(), files)
  t.deepEqual(await readdir(join(folder, 'clients', 'demo')), ['app'])
  t.is((await stat(place)).mode & 0o777, 0o700)
  for (const secret of ['key.pem', 'client.p12', 'client.p12.password']) t.is((await stat(join(place, secret))).mode & 0o777, 0o600, secret)
  const before = await readFile(join(place, 'cert.pem'), 'utf8')
  await certs.writeBundle(place, await certs.issueClient(authority, tenantUser))
  t.deepEqual((await readdir(place)).sort(), files)
  const certificate = new X509Certificate(await readFile(join(place, 'cert.pem')))
  t.not(certificate.toString(), before)
  t.true(certificate.checkPrivateKey(createPrivateKey(await readFile(join(place, 'key.pem')))))
})

for (const key of ['EC-P256', 'RSA-2048'] as const) {
  test(`client.p12 (${key}) is read by OpenSSL, Node, and keytool where Java is there`, async (t) => {
    const place = join(folder, `p12-${key}`)
    await certs.writeBundle(place, await certs.issueClient(authority, { ...tenantUser, key }), { name: 'demo-app' })
    const file = join(place, 'client.p12')
    const password = (await readFile(join(place, 'client.p12.password'), 'utf8')).trim()
    const pem = await openssl('pkcs12', '-in', file, '-passin', `pass:${password}`, '-nodes')
    t.is(pem.match(/BEGIN CERTIFICATE/g)?.length, 2)
    const privateKey = createPrivateKey(await readFile(join(place, 'key.pem')))
    const [inside] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(pem) ?? []
    t.true(privateKey.equals(createPrivateKey(inside ?? '')))
    await t.throwsAsync(run('openssl', ['pkcs12', '-in', file, '-passin', 'pass:wrong', '-nodes']))
    t.is((await handshake({ pfx: await readFile(file), passphrase: password, ca: authority.certificate })).authorized, true)
    const list = await keytool(['-list', '-keystore', file, '-storetype', 'PKCS12', '-storepass', password])
    if (list === undefined) return t.log('keytool is not on this machine: Java was not tried')
    t.regex(list, /demo-app, .*PrivateKeyEntry/)
    t.regex(list, /tresor-ca, .*trustedCertEntry/)
  })
}

async function keytool(args: string[]): Promise<string | undefined> {
  try {
    return (await run('keytool', args)).stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error((error as { stdout?: string }).stdout ?? String(error))
  }
}

/** Connects to a server of the authority, and says what the server saw. */
async function handshake(client: object, server: object = {}): Promise<{ readonly authorized: boolean; readonly uri: string | undefined }> {
  const issued = await certs.issueServer(authority)
  const key = issued.privateKey!.export({ type: 'pkcs8', format: 'pem' })
  const listener = createServer({
    cert: issued.certificate,
    key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
    ...server,
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as { port: number }
  try {
    const seen = new Promise<TLSSocket>((resolve) => listener.once('secureConnection', resolve))
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...client })
    const refused = new Promise<never>((_, reject) => socket.once('error', reject))
    const peer = await Promise.race([seen, refused])
    const answer = { authorized: peer.authorized, uri: peer.getPeerX509Certificate()?.subjectAltName }
    socket.destroy()
    peer.destroy()
    return answer
  } finally {
    listener.close()
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`mutual ${version} between issued certificates; a revoked one is seen`, async (t) => {
    const issued = await certs.issueClient(authority, tenantUser)
    const client = {
      cert: issued.certificate,
      key: issued.privateKey!.export({ type: 'pkcs8', format: 'pem' }),
      ca: authority.certificate,
      minVersion: version,
      maxVersion: version,
    }
    t.deepEqual(await handshake(client), { authorized: true, uri: 'URI:spiffe://tresor/tenant/demo/user/app' })
    const crl = await certs.createCrl(authority, [new X509Certificate(issued.certificate).serialNumber])
    t.false((await handshake(client, { crl })).authorized)
    t.true((await handshake(client, { crl: await certs.createCrl(authority, []) })).authorized)
  })
}

test('openssl accepts the revocation list and finds the revoked certificate by it', async (t) => {
  const issued = await certs.issueClient(authority, tenantUser)
  await writeFile(join(folder, 'crl-leaf.pem'), issued.certificate)
  await writeFile(join(folder, 'crl-ca.pem'), authority.certificate)
  await writeFile(join(folder, 'crl.pem'), await certs.createCrl(authority, [new X509Certificate(issued.certificate).serialNumber]))
  const error = await t.throwsAsync(
    run('openssl', ['verify', '-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'crl-ca.pem', 'crl-leaf.pem'], { cwd: folder }),
  )
  t.regex((error as { stderr?: string }).stderr ?? '', /certificate revoked/)
  t.regex(await openssl('crl', '-in', 'crl.pem', '-noout', '-text'), /X509v3 CRL Number/)
})
