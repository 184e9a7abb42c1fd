import { join } from 'node:path'
import test from 'ava'
import { startTestNode, type TestNode } from '../support/node.ts'
import { runPython } from '../support/program.ts'

let node: TestNode
let outcomes: Record<string, unknown>

test.before(async () => {
  node = await startTestNode()
  await node.enroll('other', 'app')
  const foreign = join(node.data, 'clients', 'other', 'app')
  outcomes = (await runPython('mongocrypt_client.py', [`127.0.0.1:${node.port}`, node.bundleFolder, foreign])) as Record<string, unknown>
})
test.after.always(() => node?.remove())

const plain = 'what nobody may read'
const missing = /Result Reason \(1\): Item Not Found\. Result Message: There is no object /
const destroyed = /Result Reason \(1\): Item Not Found\. Result Message: \S+ is destroyed/

/** The master key as Secret Data that libmongocrypt reads, and as a key that stays in the server. */
for (const [name, fields, kind, asked] of [
  ['own', ['keyId', 'provider'], 'SECRET_DATA', 'Get'],
  ['delegated', ['delegated', 'keyId', 'provider'], 'SYMMETRIC_KEY', 'Decrypt'],
] as const) {
  for (const [step, expected] of [
    ['master key', fields],
    ['read', plain],
    ['read under the same master key', 42],
    ['as the server holds it', [kind, 'ACTIVE']],
    ['read when revoked', plain],
  ] as const) {
    test(`libmongocrypt, ${name} master key: ${step}`, (t) => t.deepEqual(outcomes[`${name} ${step}`], expected))
  }
  for (const [step, refusal] of [
    ['read by another tenant', missing],
    ['read when destroyed', destroyed],
  ] as const) {
    test(`libmongocrypt, ${name} master key: ${step}`, (t) => {
      const outcome = String(outcomes[`${name} ${step}`])
      t.regex(outcome, refusal)
      t.true(outcome.includes(`KMIP ${asked} response`), `${asked} was refused: ${outcome}`)
    })
  }
}
