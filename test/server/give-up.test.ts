import { randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { damagedObject, type GiveUpParts, giveUp } from '../../src/server/give-up.ts'
import { decodeRecord, encodeRecord, type Ledger, newestFormat, splitSeal } from '../../src/store/index.ts'
import { runTurn } from '../../src/tenants/epoch-turn.ts'
import { runMove } from '../../src/tenants/tenant-move.ts'
import { softHsm } from '../support/softhsm.ts'
import { softwareKind, type TurningKind, TurningTenant, tokenKind } from '../support/turning-partition.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

const software = softwareKind()
const token = tokenKind((label) => hsm.token(label))
const both: TurningKind = {
  define: software.define,
  open: (definition, before) => (definition.kind === 'software' ? software : token).open(definition, before),
  device: software.device,
  pairs: software.pairs,
}
const never = new AbortController().signal

type Identity = Parameters<TurningTenant['partitions']['contextOf']>[0]
const contextOf = (tenant: TurningTenant, name = tenant.name) => tenant.partitions.contextOf({ tenant: name } as Identity)
const partsOf = (tenant: TurningTenant, ledger: Ledger = tenant.ledger): GiveUpParts => ({
  ledger,
  replica: tenant.replica,
  context: () => contextOf(tenant),
  now: () => new Date(),
})
const placeOf = (tenant: TurningTenant, id: string) => ({ space: contextOf(tenant).space, kind: 'object', id }) as const

/** Changes what is stored of an object, as a faulty disk would: what it is found by stays. */
async function change(tenant: TurningTenant, id: string, how: (value: Buffer) => Uint8Array): Promise<void> {
  tenant.replica.renew()
  const place = placeOf(tenant, id)
  const { stored, terms, order } = tenant.replica.objectAt(place.space, id)!
  await tenant.ledger.commit({
    nonce: randomBytes(16),
    guards: [],
    writes: [{ place, value: how(Buffer.from(stored.value)), terms, order }],
  })
  tenant.replica.renew()
}

const flipped = (at: number) => (value: Buffer) => {
  const index = at < 0 ? value.length + at : at
  value[index]! ^= 1
  return value
}
const cut = (value: Buffer) => value.subarray(0, value.length - 100)

function recordOf(tenant: TurningTenant, id: string) {
  tenant.replica.renew()
  return decodeRecord(splitSeal(tenant.replica.objectAt(placeOf(tenant, id).space, id)!.stored.value).record)
}

const stuckOf = (tenant: TurningTenant, name: string) => tenant.parts.progress.read(name)?.stuck

test('a turn does all that it can and names each record that it cannot open; with those given up it ends, and their clients are told Destroyed', async (t) => {
  const tenant = await TurningTenant.make(software, 'turned')
  t.teardown(() => tenant.remove())
  const sound = await Promise.all(Array.from({ length: 70 }, () => tenant.create()))
  const [edited, broken, orphan] = [await tenant.create(), await tenant.create(), await tenant.create()] as const
  await tenant.request(async (objects) => {
    for (const id of [edited, orphan]) {
      const object = await objects.open(id)
      object.attributes.add({ name: 'Name', value: { value: `name of ${id}`, type: 'UninterpretedTextString' } })
      await objects.save(object)
    }
  })
  await change(tenant, edited, flipped(-1))
  await change(tenant, broken, cut)
  // A record of a partition's own, under a KEK that it has no more.
  const partition = await tenant.partitions.open('turned')
  const before = recordOf(tenant, orphan)
  const other = encodeRecord({ ...before, key: { ...before.key!, epoch: 7 } }, newestFormat)
  const seal = await partition.sealRecord(other)
  await change(tenant, orphan, () => Buffer.concat([other, seal]))

  await tenant.registry.beginTurn('turned', 1)
  const error = await t.throwsAsync(runTurn(tenant.parts, 'turned', never), { message: /^3 stored objects cannot be re-wrapped \(/ })
  for (const id of [edited, broken, orphan]) t.regex(error?.message ?? '', new RegExp(`${id} of tenant turned: `))
  t.regex(error?.message ?? '', /give it up: tresor key give-up TENANT ID\. The turn goes on by itself then$/)
  t.deepEqual(
    stuckOf(tenant, 'turned')
      ?.first.map(({ id }) => id)
      .sort(),
    [edited, broken, orphan].sort(),
  )
  t.deepEqual(new Set(sound.map((id) => recordOf(tenant, id).key?.epoch)), new Set([2]), 'all others are re-wrapped')

  // One that can be opened is not given up.
  await t.throwsAsync(giveUp(partsOf(tenant), sound[0]!), { message: /is whole: it can be destroyed by the tenant's clients/ })
  await t.throwsAsync(giveUp(partsOf(tenant), 'nothing'), { message: 'tenant turned has no object nothing' })
  t.like(await damagedObject(partsOf(tenant), edited), { id: edited, problem: "its record does not bear its partition's seal" })
  await t.throwsAsync(tenant.object(edited), { message: /does not bear its partition's seal/ }, 'looking changes nothing')
  t.like(await giveUp(partsOf(tenant), edited), { problem: "its record does not bear its partition's seal" })
  t.regex((await giveUp(partsOf(tenant), broken)).problem, /is damaged: its .* is cut off/)
  await t.throwsAsync(runTurn(tenant.parts, 'turned', never), { message: /^1 stored objects/ })
  t.regex((await giveUp(partsOf(tenant), orphan)).problem, /no KEK of epoch 7/)
  await runTurn(tenant.parts, 'turned', never)

  const [definition] = await tenant.registry.listPartitions()
  t.like(definition, { epoch: 2, turn: undefined })
  for (const id of [edited, broken, orphan]) {
    const object = await tenant.object(id)
    t.is(object.state, 'Destroyed')
    t.is(object.attributes.get('Comment'), 'Given up by the operator: its stored record was damaged.')
    t.is(recordOf(tenant, id).key, undefined)
    const refused = await t.throwsAsync(tenant.reveal(id), { instanceOf: KmipError })
    t.is(refused?.reason, 'ObjectDestroyed')
  }
  // Nothing is taken over from a record that nobody sealed; from a sealed one all but its key.
  t.false((await tenant.object(edited)).attributes.has('Name'))
  t.true((await tenant.object(orphan)).attributes.has('Name'))
  t.is((await tenant.object(broken)).objectType, 'OpaqueObject')
  t.is((await tenant.object(edited)).objectType, 'SymmetricKey')
  // Their names are for others again.
  const heir = await tenant.create()
  for (const id of [edited, orphan])
    await tenant.request(async (objects) => {
      const object = await objects.open(heir)
      object.attributes.add({ name: 'Name', value: { value: `name of ${id}`, type: 'UninterpretedTextString' } })
      await objects.save(object)
    })
  t.is(
    await tenant.request(async (objects) => objects.find({ attributes: [], onLine: true, destroyed: false, offset: 0, limit: 0 }).total),
    71,
  )
})

test('a turn that was stopped behind a damaged record does not end without it', async (t) => {
  const tenant = await TurningTenant.make(software, 'stopped')
  t.teardown(() => tenant.remove())
  const ids = (await Promise.all(Array.from({ length: 130 }, () => tenant.create()))).sort()
  await change(tenant, ids[0]!, flipped(-1))
  await tenant.registry.beginTurn('stopped', 1)
  await t.throwsAsync(runTurn(tenant.parts, 'stopped', never), { message: /^1 stored objects/ })
  const stop = new AbortController()
  const { progress } = tenant.parts
  const write: typeof progress.write = async (...given) => {
    await progress.write(...given)
    if (given[1]?.position !== undefined) stop.abort()
  }
  const parts = { ...tenant.parts, progress: { read: (one: string) => progress.read(one), write } as typeof progress }
  // Now the pass re-wraps nothing, and was stopped behind its first page.
  await t.throwsAsync(runTurn(parts, 'stopped', stop.signal), { name: 'AbortError' })
  await t.throwsAsync(runTurn(tenant.parts, 'stopped', never), { message: /^1 stored objects/ })
  t.is((await tenant.registry.listPartitions())[0]?.turn?.phase, 'rewrapping')
})

test('a move does all that it can and names what is damaged, a destroyed object too; with that given up it ends', async (t) => {
  const tenant = await TurningTenant.make(both, 'moved')
  t.teardown(() => tenant.remove())
  await tenant.registry.addPartition(await token.define('moved-token'))
  const [sound, edited, gone] = [await tenant.create(), await tenant.create(), await tenant.create()] as const
  const value = await tenant.reveal(sound)
  await tenant.destroy(gone)
  await change(tenant, edited, flipped(-1))
  await change(tenant, gone, flipped(-1))
  await tenant.registry.beginMove('moved', 'moved-token')
  const parts = { ...tenant.parts, moving: (name: string) => contextOf(tenant, name).partition() }
  await t.throwsAsync(runMove(parts, 'moved', never), { message: /^2 stored objects cannot be moved to partition moved-token \(/ })
  t.deepEqual(
    stuckOf(tenant, 'move/moved')
      ?.first.map(({ id, isDamaged }) => `${id} ${isDamaged}`)
      .sort(),
    [`${edited} true`, `${gone} true`].sort(),
  )
  for (const id of [edited, gone]) await giveUp(partsOf(tenant), id)
  await runMove(parts, 'moved', never)
  t.like([...tenant.registry.settings.view().tenants.values()][0]?.value, { partition: 'moved-token', moving: undefined })
  t.is(await tenant.reveal(sound), value)
  for (const id of [edited, gone]) t.true((await tenant.object(id)).isDestroyed)
})

test('what the replica of this node alone has wrong is made right, and not given up', async (t) => {
  const tenant = await TurningTenant.make(software, 'replica')
  t.teardown(() => tenant.remove())
  const [id, other] = [await tenant.create(), await tenant.create()] as const
  const values = new Map<string, Buffer>()
  for (const one of [id, other]) {
    tenant.replica.renew()
    values.set(one, Buffer.from(tenant.replica.objectAt(placeOf(tenant, one).space, one)!.stored.value))
    await change(tenant, one, flipped(-1))
  }
  // As in a cluster, where the replica is a copy.
  const ledger: Ledger = {
    barrier: () => tenant.ledger.barrier(),
    commit: (changes) => tenant.ledger.commit(changes),
    problem: () => tenant.ledger.problem(),
    close: () => tenant.ledger.close(),
    mend: async ({ id: place }) => {
      const good = values.get(place)
      values.delete(place)
      if (good !== undefined) await change(tenant, place, () => good)
      return good !== undefined
    },
  }
  await t.throwsAsync(giveUp(partsOf(tenant, ledger), id), { message: /is whole/ })
  await tenant.registry.beginTurn('replica', 1)
  await runTurn({ ...tenant.parts, ledger }, 'replica', never)
  t.deepEqual([recordOf(tenant, id).key?.epoch, recordOf(tenant, other).key?.epoch], [2, 2])
})
