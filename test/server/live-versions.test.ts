import test from 'ava'
import { attributes } from '../../spec/attributes.ts'
import { enumerations } from '../../spec/enumerations.ts'
import { tags } from '../../spec/tags.ts'
import type { AttributeInstance, RequestPayload } from '../../spec/values.ts'
import { isWithin, servedVersions, type Version } from '../../spec/versions.ts'
import { parseResponse, responseFromItem } from '../../src/messages/index.ts'
import { Secret } from '../../src/objects/secret.ts'
import { child, decode, encode, type Item, itemFromElement, parseXml, type StructureItem, toXml } from '../../src/ttlv/index.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { caseFiles, hasOasis, oasisAbsent, wireMessages } from '../support/oasis.ts'
import { type Asked, ask, outcomes, requestBytes } from '../support/requests.ts'
import { withSampleValues } from '../support/sample-values.ts'
import { RawClient } from '../support/tls-client.ts'
import { laterThan } from '../support/version-gate.ts'

let node: TestNode
let client: RawClient

test.before(async () => {
  node = await startTestNode({ limits: { idleTimeout: 120_000 } })
  client = await RawClient.open(node.port, node.client)
})

test.after.always(async () => {
  client?.close()
  await node?.remove()
})

const structure = (item: Item | undefined): StructureItem | undefined => (item?.type === 'Structure' ? item : undefined)

/** The version that a message says, as `major.minor`. */
function saidVersion(message: Item): string | undefined {
  const header = structure(structure(message)?.value[0])
  const version = structure(header && child(header, tags.ProtocolVersion.tag))
  const part = (tag: number) => (version === undefined ? undefined : child(version, tag)?.value)
  return version && `${part(tags.ProtocolVersionMajor.tag)}.${part(tags.ProtocolVersionMinor.tag)}`
}

const isVersion = (text: string | undefined): text is Version => (servedVersions as readonly (string | undefined)[]).includes(text)

/** What is wrong with an answer to a request in the version, a line each. */
function faults(bytes: Buffer, version: string | undefined): string[] {
  const answer = decode(bytes)
  if (!bytes.equals(encode(answer))) return ['it is not in the one form that its tree has']
  if (answer.tag !== tags.ResponseMessage.tag) return ['it is no Response Message']
  const said = saidVersion(answer)
  const found = isVersion(version) && said !== version ? [`it says ${said}`] : []
  if (isVersion(said)) found.push(...laterThan(said, answer))
  responseFromItem(answer)
  const header = structure(answer)?.value[0]
  const count = header?.type === 'Structure' ? child(header, tags.BatchCount.tag)?.value : undefined
  if (count !== (structure(answer)?.value.length ?? 0) - 1) found.push(`its Batch Count is ${count}`)
  if (toXml(answer).includes('ServerCorrelationValue')) found.push('it tells of an internal failure')
  return found
}

test.serial('every official message in bytes is answered, in its version', async (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  const results = new Map<string, number>()
  for (const { name, hex } of wireMessages()) {
    const bytes = Buffer.from(hex, 'hex')
    if (bytes.readUIntBE(0, 3) !== tags.RequestMessage.tag || bytes.readUInt32BE(4) !== bytes.length - 8) continue
    const own = await RawClient.open(node.port, node.client)
    const answer = await own.request(bytes)
    own.close()
    let version: string | undefined
    try {
      version = saidVersion(decode(bytes))
    } catch {
      // A misprinted one; see test/ttlv/official.test.ts.
    }
    t.deepEqual(faults(answer, version), [], name)
    for (const outcome of outcomes(parseResponse(answer))) results.set(outcome, (results.get(outcome) ?? 0) + 1)
  }
  t.log(Object.fromEntries(results))
  t.true((results.get('Success') ?? 0) > 50)
})

test.serial('every request of the official cases is answered in its version, with nothing of a later one', async (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  let asked = 0
  const results = new Map<string, number>()
  for (const { name, text } of caseFiles()) {
    if (name.startsWith('v3.0')) continue
    for (const element of parseXml(text).children) {
      const request = itemFromElement(withSampleValues(element))
      if (request.tag !== tags.RequestMessage.tag) continue
      const answer = await client.request(encode(request))
      t.deepEqual(faults(answer, saidVersion(request)), [], `${name}\n${toXml(request)}`)
      for (const outcome of outcomes(parseResponse(answer))) results.set(outcome, (results.get(outcome) ?? 0) + 1)
      asked++
    }
  }
  t.log(asked, Object.fromEntries(results))
  t.true(asked > 1500)
})

/** A tree's tags, types and enumeration values, without what each run has anew. */
function shape(item: Item): unknown {
  if (item.type === 'Structure') return [item.tag, item.value.map(shape)]
  return item.type === 'Enumeration' || item.type === 'Integer' ? [item.tag, item.type, item.value] : [item.tag, item.type]
}

test.serial('answers to the use cases of 1.0 have the shape of the official ones', async (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  const messages = new Map(wireMessages().map(({ name, hex }) => [name, Buffer.from(hex, 'hex')]))
  const compared: string[] = []
  for (const [name, request] of messages) {
    const expected = messages.get(name.replace('request', 'response'))
    if (!name.startsWith('1.0 use case') || !name.endsWith('request') || expected === undefined) continue
    let wanted: Item
    let meant: Item
    try {
      wanted = decode(expected)
      meant = decode(request)
    } catch {
      continue
    }
    // Those that stand alone: they make their object without a Template of an earlier one.
    const operation = structure(structure(meant)?.value[1])?.value[0]?.value
    const alone = [enumerations.Operation.Create.value, enumerations.Operation.Register.value].includes(operation as 1 | 3)
    if (/<TemplateAttribute>\s*<Name>/.test(toXml(meant))) continue
    if (!alone || (structure(meant)?.value.length ?? 0) !== 2 || outcomes(responseFromItem(wanted)).join() !== 'Success') continue
    const tenant = `fresh${compared.length}`
    const fresh = await RawClient.open(node.port, await node.enroll(tenant, 'app'))
    // Some of the use cases are about 3DES.
    await node.node.registry.setPolicy(tenant, { tripleDes: true })
    // The user of the use case on credentials.
    await node.enroll(tenant, 'Fred')
    await node.node.registry.setPassword(tenant, 'Fred', new Secret(Buffer.from('password1')))
    const answer = decode(await fresh.request(request))
    fresh.close()
    t.deepEqual(shape(answer), shape(wanted), `${name}\n${toXml(meant)}\n${toXml(answer)}`)
    compared.push(name)
  }
  t.log(compared.length)
  t.true(compared.length >= 5)
})

/** What a client of the newest version may write: as much as can be that older versions do not know. */
const modern: readonly AttributeInstance[] = [
  { name: 'CryptographicAlgorithm', value: 'AES' },
  { name: 'CryptographicLength', value: 256 },
  { name: 'CryptographicUsageMask', value: 0x3c | 0x100000 | 0x200000 },
  { name: 'Name', value: { value: 'a modern key', type: 'UninterpretedTextString' } },
  { name: 'AlternativeName', value: { value: 'another', type: 'UninterpretedTextString' } },
  { name: 'Comment', value: 'a comment' },
  { name: 'Description', value: 'a description' },
  { name: 'CryptographicParameters', value: { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } },
  {
    name: 'VendorAttribute',
    value: {
      vendorIdentification: 'acme',
      attributeName: 'colour',
      attributeValue: { tag: tags.AttributeValue.tag, type: 'TextString', value: 'red' },
    },
  },
  {
    name: 'VendorAttribute',
    value: {
      vendorIdentification: 'x',
      attributeName: 'shape',
      attributeValue: { tag: tags.AttributeValue.tag, type: 'TextString', value: 'round' },
    },
  },
] as never

const read = (item: { readonly status: string } | undefined): Readonly<Record<string, unknown>> => {
  if (item?.status !== 'Success') throw new Error(JSON.stringify(item))
  return (item as unknown as { readonly payload: Readonly<Record<string, unknown>> }).payload
}

for (const version of servedVersions) {
  test.serial(`${version}: Query, Create, Get Attributes and more, with nothing of a later version`, async (t) => {
    const made = await ask(client, [
      [
        'Create',
        {
          objectType: 'SymmetricKey',
          templates: [],
          attributes: modern.map((each) =>
            each.name === 'Name' ? { ...each, value: { ...each.value, value: `modern, seen by ${version}` } } : each,
          ),
        } as RequestPayload<'Create'>,
      ],
    ])
    const uniqueIdentifier = String(read(made.items[0]).uniqueIdentifier)
    const every = Object.entries(enumerations.QueryFunction)
      .filter(([, row]) => isWithin(version, row.since, 'until' in row ? (row.until as Version) : undefined))
      .map(([name]) => name as keyof typeof enumerations.QueryFunction)
    const requests: readonly Asked[] = [
      ...every.map((one): Asked => ['Query', { queryFunctions: [one] }]),
      ['GetAttributes', { uniqueIdentifier, references: [] }],
      ['GetAttributeList', { uniqueIdentifier }],
      ['Get', { uniqueIdentifier }],
      ['Locate', { attributes: [{ name: 'ObjectType', value: 'SymmetricKey' }] }],
      ...(isWithin(version, '1.1') ? [['DiscoverVersions', { protocolVersions: [] }] as Asked] : []),
      [
        'Create',
        {
          objectType: 'SymmetricKey',
          templates: [],
          attributes: [
            { name: 'CryptographicAlgorithm', value: 'AES' },
            { name: 'CryptographicLength', value: 128 },
            { name: 'CryptographicUsageMask', value: 12 },
          ],
        },
      ],
      ['Activate', { uniqueIdentifier }],
      ['Destroy', { uniqueIdentifier }],
      ['Get', { uniqueIdentifier: '00000000-0000-4000-8000-000000000000' }],
      ['Revoke', { uniqueIdentifier, revocationReason: { code: 'KeyCompromise' }, compromiseOccurrenceDate: 1_000_000_000 }],
      ['Destroy', { uniqueIdentifier }],
      ['Get', { uniqueIdentifier }],
      ['GetAttributes', { uniqueIdentifier, references: [] }],
    ]
    const seen: string[] = []
    for (const request of requests) {
      const bytes = await client.request(requestBytes([request], { version }))
      t.deepEqual(faults(bytes, version), [], `${request[0]}\n${toXml(decode(bytes))}`)
      const answer = parseResponse(bytes)
      seen.push(`${request[0]} ${outcomes(answer).join()}`)
      if (request[0] === 'GetAttributes' && answer.items[0]?.status === 'Success') {
        const names = (read(answer.items[0]).attributes as readonly AttributeInstance[]).map(({ name }) => name)
        for (const name of ['UniqueIdentifier', 'State', 'Name', 'CryptographicAlgorithm'] as const) t.true(names.includes(name), name)
        const known = names.filter((name) => !isWithin(version, attributes[name].since))
        t.deepEqual(known, [])
      }
    }
    for (const one of [
      'GetAttributes Success',
      'GetAttributeList Success',
      'Get Success',
      'Locate Success',
      'Create Success',
      'Activate Success',
    ])
      t.true(seen.includes(one), one)
  })
}
