import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { KmipError } from '../../spec/kmip-error.ts'
import { operations } from '../../spec/operations.ts'
import { operationContext } from '../support/operation-context.ts'
import { onToken, test } from '../support/operation-test.ts'

type QueryFunction = EnumerationValue<'QueryFunction'>

async function ask(...queryFunctions: QueryFunction[]) {
  return operationContext().run('Query', { queryFunctions })
}

test('Query answers what is asked and no more', async (t) => {
  const answer = await ask('QueryOperations', 'QueryServerInformation')
  t.deepEqual([...answer.operations].sort(), Object.keys(operations).sort() as never)
  t.is(answer.vendorIdentification, 'Tresor')
  t.truthy(answer.serverInformation)
  t.deepEqual(answer.objectTypes, [])
  t.deepEqual(answer.capabilityInformation, [])
})

test('what Query says of the rest', async (t) => {
  t.true((await ask('QueryObjects')).objectTypes.includes('SymmetricKey'))
  t.is((await ask('QueryRNGs')).rngParameters[0]?.rngAlgorithm, onToken() ? 'Unspecified' : 'DRBG')
  const [capability] = (await ask('QueryCapabilities')).capabilityInformation
  t.is(capability?.batchUndoCapability, true)
  t.is(capability?.streamingCapability, operationContext().context.partition.streams !== undefined)
  t.is(capability?.asynchronousCapability, true)
  t.is((await ask('QueryStorageProtectionMasks')).protectionStorageMasks?.masks.length, 1)
})

test('Query claims no profile, validation, namespace or registration of clients: there is none', async (t) => {
  const nothing = ['QueryProfiles', 'QueryValidations', 'QueryApplicationNamespaces', 'QueryClientRegistrationMethods'] as const
  for (const field of Object.values(await ask(...nothing))) t.deepEqual(field, [])
})

test("Query names the fields of Tresor's own Message Extension, and in the map says what they are", async (t) => {
  const names = (await ask('QueryExtensionList')).extensionInformation
  t.deepEqual(
    names.map(({ extensionName }) => extensionName),
    ['Idempotency Key', 'Wants Retry', 'Retry'],
  )
  t.true(names.every(({ extensionTag, extensionType }) => extensionTag === undefined && extensionType === undefined))
  const map = (await ask('QueryExtensionMap')).extensionInformation
  t.deepEqual(map[0], { extensionName: 'Idempotency Key', extensionTag: 0x540001, extensionType: 8 })
  const { run } = operationContext()
  const both = await run('Query', { queryFunctions: ['QueryExtensionMap', 'QueryExtensionList'] })
  t.deepEqual(both.extensionInformation, map)
})

test('the defaults that Query tells are those that Create uses', async (t) => {
  const bench = operationContext()
  const { defaultsInformation } = await bench.run('Query', { queryFunctions: ['QueryDefaultsInformation'] })
  const told = defaultsInformation?.objectDefaults.find(({ objectType }) => objectType === 'SymmetricKey')?.attributes ?? []
  const { uniqueIdentifier } = await bench.run('Create', { objectType: 'SymmetricKey', attributes: [] })
  const references = told.map(({ name }) => name)
  const { attributes } = await bench.run('GetAttributes', { uniqueIdentifier, references })
  t.deepEqual(
    attributes.map(({ name, value }) => ({ name, value })),
    told.map(({ name, value }) => ({ name, value })),
  )
})

test('a function that is no question to this server is refused', async (t) => {
  t.is((await t.throwsAsync<KmipError>(ask('QueryCredentialInformation')))?.reason, 'InvalidField')
})

for (const [asked, answered] of [
  [[], ['2.1', '1.4', '1.0']],
  [['1.4', '1.3'], ['1.4']],
  [
    ['1.0', '2.1'],
    ['2.1', '1.0'],
  ],
  [['9.31'], []],
] as const)
  test(`Discover Versions asked for ${asked.join(', ') || 'all'}: ${answered.join(', ') || 'none'}`, async (t) => {
    const protocolVersions = asked.map((version) => ({ major: Number(version.split('.')[0]), minor: Number(version.split('.')[1]) }))
    const answer = await operationContext().run('DiscoverVersions', { protocolVersions })
    t.deepEqual(
      answer.protocolVersions.map(({ major, minor }) => `${major}.${minor}`),
      [...answered],
    )
  })
