import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKey, aesKeyWith, ask, named, outcomes } from '../support/requests.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'
import { RawClient } from '../support/tls-client.ts'

let hsm: SoftHsm
let node: TestNode

test.before(async () => {
  hsm = softHsm()
  node = await startTestNode()
  await addHsmTenant(node, hsm, 'bank')
})
test.after.always(async () => {
  await node?.remove()
  hsm?.remove()
})

/** One answer's payload. @throws Error for a refusal. */
async function payloadOf(client: RawClient, asked: Asked): Promise<Readonly<Record<string, unknown>>> {
  const answer = await ask(client, [asked])
  const [item] = answer.items
  if (item?.status !== 'Success') throw new Error(outcomes(answer).join())
  return item.payload as unknown as Readonly<Record<string, unknown>>
}

async function capabilitiesOf(client: RawClient): Promise<Readonly<Record<string, unknown>>> {
  const { capabilityInformation } = await payloadOf(client, ['Query', { queryFunctions: ['QueryCapabilities'] }])
  return (capabilityInformation as readonly Readonly<Record<string, unknown>>[])[0]!
}

const located = async (client: RawClient, name: string) =>
  (await payloadOf(client, ['Locate', { attributes: [named(name)] }])).uniqueIdentifiers as readonly string[]

const destroyNothing: Asked = ['Destroy', { uniqueIdentifier: 'nothing' }]

const asynchronous = async (t: ExecutionContext, client: RawClient) => {
  const answer = await ask(client, [['Create', aesKeyWith(named('later'))]], { asynchronousIndicator: 'Mandatory' })
  const [item] = answer.items
  if (item?.status !== 'OperationPending') return false
  const poll = ['Poll', { asynchronousCorrelationValue: item.asynchronousCorrelationValue }] as unknown as Asked
  for (const end = performance.now() + 60_000; (await ask(client, [poll])).items[0]?.status === 'OperationPending'; await sleep(20))
    if (performance.now() > end) return t.fail('a job was not done in a minute')
  return (await located(client, 'later')).length === 1
}

const undoes = async (_t: ExecutionContext, client: RawClient) => {
  await ask(client, [['Create', aesKeyWith(named('undone'))], destroyNothing], { batchErrorContinuation: 'Undo' })
  return (await located(client, 'undone')).length === 0
}

const continues = async (_t: ExecutionContext, client: RawClient) => {
  await ask(client, [destroyNothing, ['Create', aesKeyWith(named('after'))]], { batchErrorContinuation: 'Continue' })
  return (await located(client, 'after')).length === 1
}

const makesQuantumSafe = async (_t: ExecutionContext, client: RawClient) => {
  const answer = await ask(client, [['CreateKeyPair', quantumSafePair]])
  return answer.items[0]?.status === 'Success'
}

const quantumSafePair = {
  commonTemplates: [],
  privateKeyTemplates: [],
  publicKeyTemplates: [],
  commonAttributes: [
    { name: 'CryptographicAlgorithm', value: 'RSA' },
    { name: 'CryptographicLength', value: 2048 },
    { name: 'QuantumSafe', value: true },
  ],
  privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }],
  publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
} as const

/** What Query tells of batches and later answers, each with what shows it. */
const shown = {
  asynchronousCapability: asynchronous,
  batchUndoCapability: undoes,
  batchContinueCapability: continues,
  quantumSafeCapability: makesQuantumSafe,
} as const

for (const [tenant, kind] of [
  ['demo', 'a software partition'],
  ['bank', 'a token'],
] as const) {
  for (const [capability, shows] of Object.entries(shown))
    test.serial(`${capability} is as Query tells it to a tenant of ${kind}`, async (t) => {
      const client = await RawClient.open(node.port, await node.enroll(tenant, capability))
      t.is((await capabilitiesOf(client))[capability], await shows(t, client))
    })

  test.serial(`a key has the Storage Mask and the generator that Query tells a tenant of ${kind}`, async (t) => {
    const client = await RawClient.open(node.port, await node.enroll(tenant, 'masks'))
    const told = await payloadOf(client, ['Query', { queryFunctions: ['QueryStorageProtectionMasks', 'QueryRNGs'] }])
    const { uniqueIdentifier } = await payloadOf(client, ['Create', aesKey])
    const references = ['ProtectionStorageMask', 'RandomNumberGenerator'] as const
    const got = await payloadOf(client, ['GetAttributes', { uniqueIdentifier: String(uniqueIdentifier), references: [...references] }])
    const values = new Map((got.attributes as readonly { name: string; value: unknown }[]).map(({ name, value }) => [name, value]))
    t.deepEqual(told.protectionStorageMasks, { masks: [values.get('ProtectionStorageMask')] })
    t.deepEqual(told.rngParameters, [values.get('RandomNumberGenerator')])
  })
}
