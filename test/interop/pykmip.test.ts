import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { Secret } from '../../src/objects/index.ts'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { python, runPython } from '../support/program.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'
import { expectedOutcomes, type PyKmipVersion, versions } from './pykmip-expected.ts'

let node: TestNode
let hsm: SoftHsm

test.before(async () => {
  hsm = softHsm()
  node = await startTestNode()
})
test.after.always(async () => {
  await node?.remove()
  hsm?.remove()
})

/** PyKMIP's own configuration file, as docs/clients.md has it. */
async function configuration(tenant: string, settings: Readonly<Record<string, string>> = {}): Promise<string> {
  await node.enroll(tenant, 'app')
  const bundle = join(node.data, 'clients', tenant, 'app')
  const lines = Object.entries({
    host: '127.0.0.1',
    port: String(node.port),
    certfile: join(bundle, 'cert.pem'),
    keyfile: join(bundle, 'key.pem'),
    ca_certs: join(bundle, 'ca.pem'),
    ...settings,
  }).map(([name, value]) => `${name}=${value}`)
  const path = join(bundle, `pykmip-${Object.keys(settings).join('-')}.conf`)
  await writeFile(path, ['[client]', ...lines, ''].join('\n'))
  return path
}

const pykmip = (file: string, version: PyKmipVersion, ...sections: string[]) =>
  runPython('pykmip_client.py', [file, `KMIP_${version.replace('.', '_')}`, ...sections])

for (const version of versions) {
  test(`PyKMIP in KMIP ${version}: every operation that both have`, async (t) => {
    const file = await configuration(`in-${version.replace('.', '-')}`)
    t.deepEqual(await pykmip(file, version), expectedOutcomes(version))
  })
}

/** SoftHSM has OAEP with SHA-1 alone, and none of the derivations that PyKMIP asks for. */
for (const [version, refusal] of [
  ['1.2', 'refused: FEATURE_NOT_SUPPORTED'],
  ['2.0', 'refused: UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS'],
] as const) {
  test(`PyKMIP in KMIP ${version}, its tenant's keys in a PKCS #11 token`, async (t) => {
    const tenant = `token-${version.replace('.', '-')}`
    await addHsmTenant(node, hsm, tenant)
    const { 'derived by HASH': _hash, 'derived by HMAC': _hmac, ...expected } = expectedOutcomes(version)
    for (const step of ['decrypt OAEP', 'derive key by HASH', 'derive key by HMAC']) expected[step] = refusal
    t.deepEqual(await pykmip(await configuration(tenant), version), expected)
  })
}

test('PyKMIP held to TLS 1.2', async (t) => {
  const file = await configuration('tls', { ssl_version: 'PROTOCOL_TLSv1_2' })
  const outcomes = (await pykmip(file, '1.4', 'query')) as Record<string, unknown>
  t.is(outcomes['query vendor'], expectedOutcomes('1.4')['query vendor'])
})

test('PyKMIP without the certificate authority refuses the server', async (t) => {
  const file = await configuration('stranger', { ca_certs: '/dev/null' })
  const error = await t.throwsAsync(() => pykmip(file, '1.4', 'query'))
  t.regex(error.message, /certificate/i)
})

test('PyKMIP with a username and a password', async (t) => {
  const settings = { username: 'app', password: 'correct horse battery staple' }
  const file = await configuration('named', settings)
  await node.node.registry.setPassword('named', 'app', new Secret(Buffer.from(settings.password)))
  const { 'modify name': renamed } = (await pykmip(file, '1.4', 'attributes')) as Record<string, unknown>
  t.true(renamed)
  const other = await configuration('named', { ...settings, password: 'guessed' })
  const outcomes = (await pykmip(other, '1.4', 'query')) as Record<string, unknown>
  t.is(outcomes['query vendor'], 'refused: AUTHENTICATION_NOT_SUCCESSFUL')
})

test("docs/clients.md: PyKMIP's lines, as they stand there", async (t) => {
  const page = await readFile('docs/clients.md', 'utf8')
  const [settings = '', program = ''] = ['ini', 'python'].map((language) => page.split(`\`\`\`${language}\n`)[1]?.split('```')[0])
  const folder = await mkdtemp(join(node.data, 'docs-'))
  const placed = settings.replaceAll('=data/', `=${node.data}/`).replace('=5696', `=${node.port}`)
  await writeFile(join(folder, 'pykmip.conf'), placed)
  t.is(await python(['-c', program], folder), "b'hello'\n")
})
