import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import test from 'ava'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { python, runPython } from '../support/program.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'

/** Tenants with a software partition and with a PKCS #11 token. */
const tenants = ['software', 'token'] as const
let node: TestNode
let hsm: SoftHsm
const outcomes: Partial<Record<(typeof tenants)[number], Readonly<Record<string, unknown>>>> = {}

test.before(async () => {
  hsm = softHsm()
  node = await startTestNode()
  await addHsmTenant(node, hsm, 'token')
  const bundleOf = (tenant: string) => join(node.data, 'clients', tenant, 'app')
  for (const tenant of ['other', ...tenants]) await node.enroll(tenant, 'app')
  for (const tenant of tenants) {
    const args = [`127.0.0.1:${node.port}`, bundleOf(tenant), bundleOf('other')]
    outcomes[tenant] = (await runPython('mongocrypt_client.py', args)) as Record<string, unknown>
  }
})
test.after.always(async () => {
  await node?.remove()
  hsm?.remove()
})

const plain = 'what nobody may read'
const missing = /Result Reason \(1\): Item Not Found\. Result Message: There is no object /
const destroyed = /Result Reason \(1\): Item Not Found\. Result Message: \S+ is destroyed/

/** The master key as Secret Data that libmongocrypt reads, and as a key that stays in the server. */
const kinds = [
  ['own', ['keyId', 'provider'], 'SECRET_DATA', 'Get'],
  ['delegated', ['delegated', 'keyId', 'provider'], 'SYMMETRIC_KEY', 'Decrypt'],
] as const

for (const [tenant, [name, fields, kind, asked]] of tenants.flatMap((one) => kinds.map((other) => [one, other] as const))) {
  const title = (step: string) => `libmongocrypt, ${tenant} partition, ${name} master key: ${step}`
  for (const [step, expected] of [
    ['master key', fields],
    ['read', plain],
    ['read under the same master key', 42],
    ['as the server holds it', [kind, 'ACTIVE']],
    ['read when revoked', plain],
  ] as const) {
    test(title(step), (t) => t.deepEqual(outcomes[tenant]?.[`${name} ${step}`], expected))
  }
  for (const [step, refusal] of [
    ['read by another tenant', missing],
    ['read when destroyed', destroyed],
  ] as const) {
    test(title(step), (t) => {
      const outcome = String(outcomes[tenant]?.[`${name} ${step}`])
      t.regex(outcome, refusal)
      t.true(outcome.includes(`KMIP ${asked} response`), `${asked} was refused: ${outcome}`)
    })
  }
}

test("docs/clients.md: libmongocrypt's lines, as they stand there", async (t) => {
  const [, part = ''] = (await readFile('docs/clients.md', 'utf8')).split('## MongoDB')
  const [, block = ''] = part.split('```python\n')
  const [lines = ''] = block.split('```')
  const folder = await mkdtemp(join(node.data, 'docs-'))
  await writeFile(join(folder, 'client.pem'), node.client.certificate + node.client.privateKey)
  const program = `
import sys
sys.path.insert(0, ${JSON.stringify(resolve('test', 'interop'))})
from mongocrypt_client import STANDARD, ClientEncryption, CodecOptions, Vault
mongo = Vault()
${lines.replaceAll('"data/', `"${node.data}/`).replace(':5696', `:${node.port}`)}
print(sorted(mongo.keys[0]["masterKey"]))
`
  t.is(await python(['-c', program], folder), "['delegated', 'keyId', 'provider']\n")
})
