import { randomBytes, randomUUID } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { masks } from '../../spec/enumerations.ts'
import { tags } from '../../spec/tags.ts'
import { residentAttribute } from '../../spec/tresor-extension.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import type { Client, ClientOptions, KmipError } from '../../src/client/index.ts'
import { isResident } from '../../src/objects/index.ts'
import type { Partition } from '../../src/partitions/index.ts'
import { systemSpace, tenantSpace } from '../../src/store/index.ts'
import { condemnedPlace, ResidentSweep } from '../../src/tenants/index.ts'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { aesKey, aesKeyWith, clientAt, named } from '../support/requests.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'

let hsm: SoftHsm
let node: TestNode
let token: Partition
let client: Client
const clients: Client[] = []

test.before(async () => {
  hsm = softHsm()
  node = await startTestNode()
  await addHsmTenant(node, hsm, 'bank')
  token = await node.node.openPartition(node.node.registry.settings.view().partitions.get('bank')!.value)
  client = await clientOf('bank')
})
test.after.always(async () => {
  for (const one of clients) one.close()
  await token?.close()
  await node?.remove()
  hsm?.remove()
})

async function clientOf(tenant: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const one = clientAt(node.port, await node.enroll(tenant, `app${clients.length}`), options)
  clients.push(one)
  return one
}

const gcm = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
const data = Buffer.from('for good')
const hex = (name: Uint8Array) => Buffer.from(name).toString('hex')
const inToken = async () => new Set((await token.residents!()).map(hex))
const nameOf = (id: unknown) => String(id).replaceAll('-', '')
const notResident: AttributeInstance = {
  name: 'VendorAttribute',
  value: { ...residentAttribute, attributeValue: { tag: tags.AttributeValue.tag, type: 'Boolean', value: false } },
}

async function refused(t: ExecutionContext, reason: string, says: RegExp, work: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync<KmipError>(work)
  t.is(error?.reason, reason as never, error?.message)
  t.regex(error?.message ?? '', says)
}

async function encrypts(by: Client, uniqueIdentifier: string): Promise<unknown> {
  return by.call('Encrypt', { uniqueIdentifier, cryptographicParameters: gcm, data })
}

async function destroyed(by: Client, uniqueIdentifier: string): Promise<void> {
  await by.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
  await by.call('Destroy', { uniqueIdentifier })
}

for (const version of ['1.2', '1.4', '2.1'] as const)
  test.serial(`KMIP ${version}: a key made with the vendor attribute is an object of the token until it is destroyed`, async (t) => {
    const one = await clientOf('bank', { version })
    const { uniqueIdentifier } = await one.call('Create', aesKeyWith(isResident))
    const id = String(uniqueIdentifier)
    t.true((await inToken()).has(nameOf(id)))
    await encrypts(client, id)
    const { attributes } = await client.call('GetAttributes', { uniqueIdentifier: id, references: [] })
    const flags = ['Sensitive', 'AlwaysSensitive', 'Extractable', 'NeverExtractable']
    t.deepEqual(Object.fromEntries(attributes.filter(({ name }) => flags.includes(name)).map(({ name, value }) => [name, value])), {
      Sensitive: true,
      AlwaysSensitive: true,
      Extractable: false,
      NeverExtractable: true,
    })
    t.true((await client.call('Locate', { attributes: [isResident] })).uniqueIdentifiers?.includes(id))
    await refused(t, 'NotExtractable', /never leaves/, client.call('Get', { uniqueIdentifier: id }))
    await refused(
      t,
      'AttributeReadOnly',
      /Tresor are the server's/,
      client.call('ModifyAttribute', { uniqueIdentifier: id, newAttribute: notResident }),
    )
    await destroyed(one, id)
    t.false((await inToken()).has(nameOf(id)))
    await refused(t, 'ObjectDestroyed', /destroyed/, encrypts(client, id))
  })

test.serial('a pair has its private key in the token; a public key or a key from outside is not resident', async (t) => {
  const common: AttributeInstance[] = [
    { name: 'CryptographicAlgorithm', value: 'EC' },
    { name: 'CryptographicLength', value: 256 },
    { name: 'ActivationDate', value: 1_000_000_000 },
  ]
  const templates = { commonTemplates: [], privateKeyTemplates: [], publicKeyTemplates: [] }
  const pair = await client.call('CreateKeyPair', {
    ...templates,
    commonAttributes: [...common, isResident],
    privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }],
    publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
  })
  const [privateKey, publicKey] = [String(pair.privateKeyUniqueIdentifier), String(pair.publicKeyUniqueIdentifier)]
  t.true((await inToken()).has(nameOf(privateKey)))
  const parameters = { digitalSignatureAlgorithm: 'ECDSAWithSHA256' } as const
  const { signatureData } = await client.call('Sign', { uniqueIdentifier: privateKey, cryptographicParameters: parameters, data })
  const verified = await client.call('SignatureVerify', {
    uniqueIdentifier: publicKey,
    cryptographicParameters: parameters,
    data,
    signatureData,
  })
  t.is(verified.validityIndicator, 'Valid')
  await client.call('Get', { uniqueIdentifier: publicKey })
  await destroyed(client, privateKey)
  t.false((await inToken()).has(nameOf(privateKey)))
  const asked = client.call('CreateKeyPair', { ...templates, commonAttributes: common, publicKeyAttributes: [isResident] })
  await refused(t, 'ReadOnlyAttribute', /Tresor are the server's/, asked)
})

test.serial('a key that is derived from a resident one lies outside, and is as good as any', async (t) => {
  const usage = { name: 'CryptographicUsageMask', value: masks.CryptographicUsageMask.DeriveKey.value } as const
  const others = aesKey.attributes.filter(({ name }) => name !== usage.name)
  const base = String(
    (await client.call('Create', { objectType: 'SymmetricKey', attributes: [...others, usage, isResident] })).uniqueIdentifier,
  )
  const before = await inToken()
  const { uniqueIdentifier } = await client.call('DeriveKey', {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: [base],
    derivationMethod: 'ENCRYPT',
    derivationParameters: { cryptographicParameters: { blockCipherMode: 'CBC' }, derivationData: [Buffer.alloc(32, 1)] },
    templates: [],
    attributes: aesKey.attributes,
  })
  t.deepEqual(await inToken(), before)
  await encrypts(client, String(uniqueIdentifier))
  t.truthy((await client.call('Get', { uniqueIdentifier: String(uniqueIdentifier) })).symmetricKey)
  await destroyed(client, base)
})

test.serial('what comes to nothing leaves nothing in the token', async (t) => {
  const { uniqueIdentifier } = await client.call('Create', aesKeyWith(named('taken')))
  const before = await inToken()
  await refused(t, 'NonUniqueNameAttribute', /has this Name/, client.call('Create', aesKeyWith(named('taken'), isResident)))
  t.deepEqual(await inToken(), before)
  await destroyed(client, String(uniqueIdentifier))
  const loud = { name: 'Sensitive', value: false } as const
  await refused(t, 'InvalidAttributeValue', /Sensitive and never Extractable/, client.call('Create', aesKeyWith(loud, isResident)))
})

test.serial("the tenant's rule: refused, so many at a time, required; a software partition has none", async (t) => {
  const { registry } = node.node
  await registry.setPolicy('bank', { mostResidentKeys: 1 })
  const { uniqueIdentifier } = await client.call('Create', aesKeyWith(isResident))
  await refused(t, 'ServerLimitExceeded', /1 resident keys, and may have 1/, client.call('Create', aesKeyWith(isResident)))
  await destroyed(client, String(uniqueIdentifier))
  await registry.setPolicy('bank', { residentKeys: 'refused' })
  await refused(t, 'PermissionDenied', /may have no resident keys/, client.call('Create', aesKeyWith(isResident)))
  await registry.setPolicy('bank', { residentKeys: 'required', mostResidentKeys: 100 })
  const required = String((await client.call('Create', aesKeyWith())).uniqueIdentifier)
  t.true((await inToken()).has(nameOf(required)))
  await refused(t, 'PermissionDenied', /Keys of this tenant are resident/, client.call('Create', aesKeyWith(notResident)))
  const registered = client.call('Register', {
    objectType: 'SymmetricKey',
    attributes: [{ name: 'CryptographicUsageMask', value: 12 }],
    symmetricKey: {
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial: randomBytes(32), attributes: [] },
        cryptographicAlgorithm: 'AES',
        cryptographicLength: 256,
      },
    },
  })
  await refused(t, 'PermissionDenied', /none comes in/, registered)
  await destroyed(client, required)
  await registry.setPolicy('bank', { residentKeys: 'allowed' })
  const software = await clientOf('demo')
  await refused(t, 'OperationNotSupported', /partition of this tenant is in software/, software.call('Create', aesKeyWith(isResident)))
})

test.serial(
  'the sweep destroys what a crash left: a destroyed key at once, one without a record after a while, and no other',
  async (t) => {
    const { ledger, replica, registry } = node.node
    const told: string[] = []
    const sweeping = (more: { patience: number; grace: number }) => {
      const options = { ledger, replica, settings: registry.settings, spaceOf: tenantSpace, open: async () => token, interval: 3_600_000 }
      const sweep = new ResidentSweep({
        ...options,
        ...more,
        runOnce: async (_task, work) => {
          await work(new AbortController().signal)
          return true
        },
        log: (message) => told.push(message),
      })
      t.teardown(() => sweep.close())
      return sweep
    }
    const kept = String((await client.call('Create', aesKeyWith(isResident))).uniqueIdentifier)
    const gone = String((await client.call('Create', aesKeyWith(isResident))).uniqueIdentifier)
    await destroyed(client, gone)
    // As if the node had died between the commit and the token.
    await token.generateResident!({ algorithm: 'AES', length: 256 }, Buffer.from(nameOf(gone), 'hex'))
    const orphan = Buffer.from(nameOf(randomUUID()), 'hex')
    await token.generateResident!({ algorithm: 'AES', length: 256 }, orphan)
    const place = condemnedPlace(orphan)
    t.is(place.space, systemSpace)

    await sweeping({ patience: 60_000, grace: 0 }).sweep('bank')
    t.deepEqual(await inToken(), new Set([nameOf(kept), hex(orphan)]))
    t.is(replica.read(place), undefined)
    const patient = sweeping({ patience: 0, grace: 60_000 })
    await patient.sweep('bank')
    t.not(replica.read(place), undefined)
    await patient.sweep('bank')
    t.true((await inToken()).has(hex(orphan)))
    await sweeping({ patience: 0, grace: 0 }).sweep('bank')
    t.deepEqual(await inToken(), new Set([nameOf(kept)]))
    t.is(replica.read(place), undefined)
    t.is(told.filter((message) => /destroyed in its token/.test(message)).length, 2)
    await encrypts(client, kept)
    await destroyed(client, kept)
  },
)
