import { randomBytes, randomUUID } from 'node:crypto'
import test from 'ava'
import { residentMechanism } from '../../src/objects/wrapped-key.ts'
import type { Partition } from '../../src/partitions/index.ts'
import { encodeRecord, joinSeal } from '../../src/store/index.ts'
import { condemnedPlace, ResidentSweep, type Tenant, tenantId } from '../../src/tenants/index.ts'
import { Settings } from '../../src/tenants/settings.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

const seal = Buffer.alloc(32, 1)
const nameOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex')

/** A tenant with one object whose key is in a token, and a sweep that waits for nothing. */
async function swept(t: { teardown(end: () => Promise<void>): void }, tenant: Partial<Tenant>, isDestroyed: boolean, sealed = seal) {
  const { ledger, replica, space } = memoryLedger()
  const settings = new Settings(ledger, replica, space('system'))
  const id = randomUUID()
  const policy = { freshness: 0, defaultExtractable: true, defaultSensitive: false }
  const value = { id: tenantId('bank'), partition: 'token', createdAt: '', policy, ...tenant }
  await settings.commit(settings.view(), [{ kind: 'tenant', id: 'bank', value, revision: 0 }])
  const key = { kind: 'secret', algorithm: 'AES', length: 256, curve: undefined, sensitive: true, extractable: false } as const
  const record = encodeRecord(
    {
      tenant: 'bank',
      id,
      generation: 1,
      objectType: 'SymmetricKey',
      order: 1,
      attributes: Buffer.alloc(0),
      form: Buffer.alloc(0),
      key: isDestroyed ? undefined : { ...key, mechanism: residentMechanism, epoch: 1, bytes: Buffer.concat([nameOf(id), seal]) },
    },
    1,
  )
  const place = { space: space('bank'), kind: 'object', id } as const
  await ledger.commit({ nonce: randomBytes(16), guards: [], writes: [{ place, value: joinSeal(record, sealed) }] })
  const inside = new Set([nameOf(id).toString('hex')])
  const partition = {
    residents: async () => [...inside].map((name) => Buffer.from(name, 'hex')),
    destroyResident: async (name: Uint8Array) => void inside.delete(Buffer.from(name).toString('hex')),
    checkRecord: async (_record: Uint8Array, given: Uint8Array) => seal.equals(given),
  } as Partial<Partition> as Partition
  const sweep = new ResidentSweep({
    ledger,
    replica,
    settings,
    spaceOf: (name) => space(name),
    open: async () => partition,
    runOnce: async () => true,
    log: () => {},
    interval: 3_600_000,
    patience: 0,
    grace: 0,
  })
  t.teardown(() => sweep.close())
  await sweep.sweep('token')
  return { left: inside.size, condemned: replica.read(condemnedPlace(nameOf(id))) !== undefined }
}

for (const [title, tenant, isDestroyed, sealed, left] of [
  ['a living object', {}, false, seal, 1],
  ['a destroyed object', {}, true, seal, 0],
  [
    'an object of a tenant that is being moved into the token',
    { partition: 'soft', moving: { to: 'token', startedAt: '' } },
    false,
    seal,
    1,
  ],
  ['an object of a tenant of another partition, whose name it happens to have', { partition: 'soft' }, false, seal, 0],
  ['a record that says destroyed, and does not bear the seal of its partition', {}, true, Buffer.alloc(32, 2), 1],
] as const)
  test(`the key in the token of ${title} ${left === 1 ? 'stays' : 'is destroyed'}`, async (t) => {
    t.deepEqual(await swept(t, tenant, isDestroyed, sealed), { left, condemned: false })
  })
