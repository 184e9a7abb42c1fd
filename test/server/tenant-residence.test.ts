import test from 'ava'
import type { KmipError } from '../../spec/kmip-error.ts'
import { isResident } from '../../src/objects/index.ts'
import { residentRuleOf } from '../../src/server/tenant-residence.ts'
import type { PartitionDefinition, TenantPolicy } from '../../src/tenants/index.ts'
import { operationContext } from '../support/operation-context.ts'

const token: PartitionDefinition = { kind: 'pkcs11', name: 'bank', module: '/module.so', token: 'bank', pinFile: '/pin' }
const software: PartitionDefinition = { kind: 'software', name: 'bank', ring: '' }
const policy: TenantPolicy = { freshness: 0, defaultSensitive: false, defaultExtractable: true }
const tenant = { policy }

for (const [title, definition, place, expected] of [
  ['a token without its serial number, in a cluster', token, 'in a cluster', /partition bank names none by its serial number.*--serial/],
  ['a token by its serial number, in a cluster', { ...token, serial: '7' }, 'in a cluster', undefined],
  ['a token of a node that stands alone', token, 'alone', undefined],
  ['a software partition in a cluster, which is refused for what it is', software, 'in a cluster', undefined],
] as const)
  test(`what stands against resident keys: ${title}`, async (t) => {
    const { obstacle } = residentRuleOf(tenant, definition, place)
    if (expected === undefined) t.is(obstacle, undefined)
    else t.regex(obstacle ?? '', expected)
  })

for (const residentKeys of ['allowed', 'required'] as const)
  test(`where something stands against them, Create says it, resident keys being ${residentKeys}`, async (t) => {
    const resident = residentRuleOf({ ...tenant, policy: { ...policy, residentKeys } }, token, 'in a cluster')
    const bench = operationContext({ policy: { sensitive: false, extractable: true, resident } })
    const attributes = residentKeys === 'required' ? [] : [isResident]
    const error = await t.throwsAsync<KmipError>(bench.run('Create', { objectType: 'SymmetricKey', attributes }))
    t.is(error?.reason, 'OperationNotSupported')
    t.regex(error?.message ?? '', /need a token that all nodes share.*Add the partition with --serial\./)
    t.is(bench.objects.size, 0)
  })
