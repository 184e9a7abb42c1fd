import test from 'ava'
import type { AttributeInstance } from '../../spec/values.ts'
import type { KmipError } from '../../src/client/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { clientAt } from '../support/requests.ts'

let node: TestNode
let base: string

const aes: readonly AttributeInstance[] = [
  { name: 'CryptographicAlgorithm', value: 'AES' },
  { name: 'CryptographicLength', value: 256 },
]
const forDerivation: readonly AttributeInstance[] = [
  { name: 'CryptographicUsageMask', value: 0x200 },
  { name: 'ActivationDate', value: 1_000_000_000 },
]

test.before(async () => {
  node = await startTestNode()
  const owner = clientAt(node.port, node.client)
  const made = await owner.call('Create', { objectType: 'SymmetricKey', attributes: [...aes, ...forDerivation] })
  base = String(made.uniqueIdentifier)
  owner.close()
})
test.after.always(() => node?.remove())

/** Who derives both makes an object and uses one. */
for (const [role, lacking] of [
  ['operator', /\buse\b/],
  ['user', /\bcreate\b/],
  ['auditor', /\bcreate\b/],
  ['full', undefined],
] as const)
  test(`Derive Key as ${role} is ${lacking === undefined ? 'answered' : 'refused'}`, async (t) => {
    const client = clientAt(node.port, await node.enroll('demo', role, role))
    t.teardown(() => client.close())
    const derived = client.call('DeriveKey', {
      objectType: 'SymmetricKey',
      uniqueIdentifiers: [base],
      derivationMethod: 'HASH',
      derivationParameters: { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, derivationData: [] },
      templates: [],
      attributes: aes,
    })
    if (lacking === undefined) return void t.truthy((await derived).uniqueIdentifier)
    const error = await t.throwsAsync<KmipError>(derived)
    t.is(error?.reason, 'PermissionDenied')
    t.regex(error?.message ?? '', lacking)
  })
