import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Version } from '../../spec/versions.ts'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { run } from '../support/program.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'
import { type Outcomes, outcomesIn } from './outcomes.ts'

/** What the module of kmip-go asks for, major and minor. */
const oldest = [1, 23] as const
const found = goVersion()

if (found === undefined || isOlder(found, oldest)) {
  test('kmip-go was not run: there is no Go for it', (t) => {
    t.log(
      `Nothing of kmip-go was checked: it needs Go ${oldest.join('.')} or later (https://go.dev/dl); this machine has ${found?.join('.') ?? 'none'}.`,
    )
    t.true(found === undefined ? spawnSync('go', ['version']).status !== 0 : isOlder(found, oldest))
  })
} else {
  let node: TestNode
  let hsm: SoftHsm
  let folder: string
  let program: string

  test.before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tresor-kmip-go-'))
    program = join(folder, 'client')
    // Where Go keeps what it has built.
    const env = { HOME: homedir(), ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false' }
    const { code, complaints } = await run('go', ['build', '-o', program, '.'], { cwd: join('test', 'interop', 'go'), env })
    if (code !== 0) throw new Error(`test/interop/go cannot be built; Go gets kmip-go from its module proxy. Its own words:\n${complaints}`)
    hsm = softHsm()
    node = await startTestNode()
  })
  test.after.always(async () => {
    await node?.remove()
    hsm?.remove()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  /** Runs the client as a tenant of its own. */
  const kmipGo = async (tenant: string, ...version: Version[]): Promise<unknown> => {
    await node.enroll(tenant, 'app')
    const bundle = join(node.data, 'clients', tenant, 'app')
    const { code, output, complaints } = await run(program, [`127.0.0.1:${node.port}`, bundle, 'go', ...version])
    if (code !== 0) throw new Error(`kmip-go's client failed (exit code ${code}): ${complaints}`)
    return JSON.parse(output)
  }

  test('kmip-go and the server agree on KMIP 1.4', async (t) => {
    t.deepEqual(await kmipGo('agreed'), { version: '1.4', ...outcomesIn('1.4', steps) })
  })

  for (const version of ['1.0', '1.1', '1.2', '1.3'] as const) {
    test(`kmip-go in KMIP ${version}`, async (t) => {
      t.deepEqual(await kmipGo(`in-${version.replace('.', '-')}`, version), { version, ...outcomesIn(version, steps) })
    })
  }

  test("kmip-go, its tenant's keys in a PKCS #11 token", async (t) => {
    await addHsmTenant(node, hsm, 'token')
    t.deepEqual(await kmipGo('token'), { version: '1.4', ...outcomesIn('1.4', steps), 'sign P_256': true, 'sign P_384': true })
  })
}

const notSupported = 'refused: OperationNotSupported'
const denied = 'refused: PermissionDenied'
const notFound = 'refused: ItemNotFound'

const steps: Readonly<Record<string, Outcomes>> = {
  'RSA signer': { '1.0': 'done' },
  activate: { '1.0': 'done' },
  'add attribute': { '1.0': 'done' },
  'add custom attribute': { '1.0': 'done' },
  batch: { '1.0': 'done' },
  'batch that goes on after a refusal': { '1.0': ['OperationFailed', 'Success'] },
  'batch: activated what was created': { '1.0': 'Active' },
  create: { '1.0': 'done' },
  'create RSA key pair': { '1.0': 'done' },
  'create key pair P_256': { '1.0': 'done' },
  'create key pair P_384': { '1.0': 'done' },
  'custom attribute': { '1.0': 'interoperability' },
  'decrypt CBC': { '1.2': true },
  'decrypt GCM': { '1.4': true },
  'decrypt GCM with other associated data': { '1.4': 'refused: CryptographicFailure' },
  'delete custom attribute': { '1.0': 'done' },
  destroy: { '1.0': 'done' },
  'destroy when active': { '1.0': denied },
  'encrypt CBC': { '1.0': notSupported, '1.2': 'done' },
  'encrypt GCM': { '1.4': 'done' },
  'encrypt when destroyed': { '1.0': notSupported, '1.2': notFound },
  'encrypt when revoked': { '1.0': notSupported, '1.2': denied },
  'encrypted as AES-GCM has it': { '1.4': true },
  get: { '1.0': 32 },
  'get EC private key': { '1.0': true },
  'get RSA private key, PKCS #1': { '1.0': true },
  'get RSA private key, PKCS #8': { '1.0': true },
  'get RSA private key, transparent': { '1.0': true },
  'get all attributes': { '1.0': true },
  'get an unknown identifier': { '1.0': notFound },
  'get attribute list': { '1.0': true },
  'get secret data': { '1.0': 'correct horse' },
  'get when destroyed': { '1.0': notFound },
  'locate by name': { '1.0': true },
  'locate by type and group': { '1.0': true },
  'modified attribute': { '1.0': 'keys@example.org' },
  'modify attribute': { '1.0': 'done' },
  'modify state': { '1.0': denied },
  'query: encrypt': { '1.0': false, '1.2': true },
  'query: symmetric keys': { '1.0': true },
  'register EC private key': { '1.0': 'done' },
  'register RSA private key, PKCS #1': { '1.0': 'done' },
  'register RSA private key, PKCS #8': { '1.0': 'done' },
  'register RSA private key, transparent': { '1.0': 'done' },
  'register secret data': { '1.0': 'done' },
  revoke: { '1.0': 'done' },
  'sign P_256': { '1.0': notSupported, '1.2': 'refused: InvalidMessage', '1.4': 'refused: FeatureNotSupported' },
  'sign P_384': { '1.0': notSupported, '1.2': 'refused: InvalidMessage', '1.4': 'refused: FeatureNotSupported' },
  'sign RSA PKCS #1': { '1.0': notSupported, '1.2': 'refused: InvalidMessage', '1.4': true },
  'sign RSA PSS': { '1.0': notSupported, '1.2': 'refused: InvalidMessage', '1.4': true },
  'sign the data': { '1.0': notSupported, '1.2': 'done' },
  'signed the data as PSS has it': { '1.2': true },
  'signer P_256': { '1.0': 'done' },
  'signer P_384': { '1.0': 'done' },
  'state when activated': { '1.0': 'Active' },
  'state when created': { '1.0': 'PreActive' },
  'state when revoked': { '1.0': 'Deactivated' },
  'verify another': { '1.2': 'Invalid' },
  'verify message': { '1.2': 'Valid' },
}

/** Major and minor of the Go on this machine; undefined where there is none. */
function goVersion(): readonly [number, number] | undefined {
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '') ?? []
  return major === undefined ? undefined : [Number(major), Number(minor)]
}

function isOlder([major, minor]: readonly [number, number], [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}
