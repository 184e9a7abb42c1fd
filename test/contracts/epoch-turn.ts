import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestFn } from 'ava'
import { decodeRecord, splitSeal } from '../../src/store/index.ts'
import { runTurn } from '../../src/tenants/epoch-turn.ts'
import type { TurnDevice, TurnParts } from '../../src/tenants/index.ts'
import { type TurningKind, TurningTenant } from '../support/turning-partition.ts'

const never = new AbortController().signal

/** What an epoch turn promises, for one kind of partition. `name` begins the names of its partitions. */
export function epochTurnContract(test: TestFn, kind: TurningKind, name: string): void {
  let made = 0
  const newTenant = () => TurningTenant.make(kind, `${name}-${++made}`)
  const turn = async (tenant: TurningTenant, signal = never) => {
    await begin(tenant)
    await runTurn(tenant.parts, tenant.name, signal)
  }

  test(`${name}: every living object is re-wrapped and keeps its value, and nothing else changes`, async (t) => {
    const tenant = await newTenant()
    t.teardown(() => tenant.remove())
    const living = [...(await tenant.createEach()), await tenant.create(1000), await tenant.create()]
    const gone = await tenant.create()
    await tenant.destroy(gone)
    const ids = [...living, gone]
    const before = await Promise.all(ids.map((id) => tenant.object(id)))
    const values = await Promise.all(living.map((id) => tenant.reveal(id)))
    const order = found(tenant)
    const tombstone = stored(tenant).get(gone)?.revision
    await turn(tenant)
    const [{ epoch, turn: left }] = [(await tenant.registry.listPartitions())[0]!]
    t.deepEqual([epoch, left, epochs(tenant)], [2, undefined, living.map(() => 2)])
    t.is((await (await tenant.partitions.open(tenant.name)).describe()).details.epochs, '2')
    t.deepEqual(await Promise.all(living.map((id) => tenant.reveal(id))), values)
    const after = await Promise.all(ids.map((id) => tenant.object(id)))
    t.deepEqual(
      after.map(({ attributes }) => [...attributes]),
      before.map(({ attributes }) => [...attributes]),
    )
    t.deepEqual(found(tenant), order)
    t.is(stored(tenant).get(gone)?.revision, tombstone)
    t.is(tenant.parts.progress.read(tenant.name), undefined)
    // And once more: epochs go on counting.
    await turn(tenant)
    t.deepEqual(
      epochs(tenant),
      living.map(() => 3),
    )
    t.deepEqual(await Promise.all(living.map((id) => tenant.reveal(id))), values)
  })

  test(`${name}: objects that are made, used and destroyed meanwhile lose nothing, and none stays under the old KEK`, async (t) => {
    const tenant = await newTenant()
    t.teardown(() => tenant.remove())
    await Promise.all(Array.from({ length: 150 }, (_, count) => tenant.create(count % 10 === 0 ? 100 : undefined)))
    let over = false
    const values = new Map<string, string>()
    let destroyed = 0
    const work = async () => {
      while (!over) {
        const id = await tenant.create()
        values.set(id, await tenant.reveal(id))
        const other = await tenant.create()
        t.is(await tenant.reveal(id), values.get(id) ?? '')
        await tenant.destroy(other)
        destroyed++
      }
    }
    const workers = [work(), work(), work()]
    await turn(tenant)
    over = true
    await Promise.all(workers)
    t.true(destroyed > 0)
    t.deepEqual(new Set(epochs(tenant)), new Set([2]))
    for (const [id, value] of values) t.is(await tenant.reveal(id), value)
  })

  test(`${name}: a turn that was stopped at any point goes on with another process`, async (t) => {
    let tenant = await newTenant()
    t.teardown(() => tenant.remove())
    const ids = await Promise.all(Array.from({ length: 150 }, () => tenant.create()))
    const value = await tenant.reveal(ids[0]!)
    let stops = 0
    await begin(tenant)
    for (let told = 1; ; told++) {
      const stop = new AbortController()
      let steps = 0
      const { progress } = tenant.parts
      // Stopped at the first, the second, the third ... word that it tells.
      const heard = () => {
        if (++steps === told) stop.abort()
      }
      const write: typeof progress.write = async (...given) => {
        await progress.write(...given)
        heard()
      }
      const parts = { ...tenant.parts, progress: { read: (one: string) => progress.read(one), write } as typeof progress, log: heard }
      const outcome = await runTurn(parts, tenant.name, stop.signal).then(
        () => 'over' as const,
        (error: Error) => error.name,
      )
      await tenant.close()
      tenant = TurningTenant.reopen(kind, tenant.directory)
      if (outcome === 'over') break
      t.is(outcome, 'AbortError')
      stops++
      // It is a partition that serves, wherever the turn stands.
      t.is(await tenant.reveal(ids[0]!), value)
      ids.push(await tenant.create())
    }
    t.true(stops > 2, `${stops}`)
    // The maker of the KEK of epoch 2 was stopped: who came after it made that of an epoch of its own.
    t.deepEqual(new Set(epochs(tenant)), new Set([3]))
    t.is(epochs(tenant).length, ids.length)
  })

  for (const [when, until] of [
    ['while the turn goes on', 'rewrapping'],
    ['when the turn is over', 'over'],
  ] as const)
    test(`${name}: who is taken over and makes its KEK late, ${when}, makes that of an epoch that never was, and it goes`, async (t) => {
      const tenant = await newTenant()
      t.teardown(() => tenant.remove())
      const id = await tenant.create()
      const value = await tenant.reveal(id)
      await begin(tenant)
      const { parts } = tenant
      const stop = new AbortController()
      const other: TurnParts = {
        ...parts,
        maker: 'another',
        log: (message) => until !== 'over' && message.includes('re-wrapped') && stop.abort(),
      }
      const late: TurnDevice = {
        ...parts.device,
        make: async (definition, to) => {
          t.is(to, 2)
          await runTurn(other, tenant.name, stop.signal).catch((error: Error) => t.is(error.name, 'AbortError'))
          return await parts.device.make(definition, to)
        },
      }
      // In software the ring that it would add to does not open any more.
      await runTurn({ ...parts, device: late }, tenant.name, never).catch((error: Error) =>
        t.regex(error.message, /^The secret of epoch 1 /),
      )
      const { epoch, turn: left } = (await tenant.registry.listPartitions())[0]!
      t.deepEqual([epoch, left, epochs(tenant)], [3, undefined, [3]])
      t.is((await (await tenant.partitions.open(tenant.name)).describe()).details.epochs, '3')
      t.is(await tenant.reveal(id), value)
    })

  test(`${name}: a key that was destroyed before the turn cannot be had from a copy of the store from before it`, async (t) => {
    let tenant = await newTenant()
    t.teardown(() => tenant.remove())
    const copy = mkdtempSync(join(tmpdir(), 'tresor-copy-'))
    t.teardown(() => rmSync(copy, { recursive: true, force: true }))
    const id = await tenant.create()
    const kept = await tenant.create()
    const value = await tenant.reveal(id)
    await tenant.close()
    cpSync(tenant.directory, copy, { recursive: true })
    tenant = TurningTenant.reopen(kind, tenant.directory)
    await tenant.destroy(id)
    const fromCopy = async () => {
      const old = TurningTenant.reopen(kind, copy)
      try {
        return await old.reveal(id)
      } finally {
        await old.close()
      }
    }
    // Before the turn the copy gives the key, although it was destroyed.
    t.is(await fromCopy(), value)
    await turn(tenant)
    const error = await t.throwsAsync(fromCopy())
    t.regex(error?.message ?? '', /The secret of epoch 1 of partition|has no KEK of epoch 1|holds no KEK of epoch 1/)
    t.is((await tenant.reveal(kept)).length, 64)
  })

  test(`${name}: a stored record that was altered is not sealed anew, and keeps the turn from ending`, async (t) => {
    const tenant = await newTenant()
    t.teardown(() => tenant.remove())
    const ids = [await tenant.create(), await tenant.create()]
    const objects = stored(tenant)
    const { value } = objects.get(ids[0]!)!
    const altered = Buffer.from(value)
    altered[altered.length - 1]! ^= 1
    const place = { space: spaceOf(tenant), kind: 'object', id: ids[0]! } as const
    await tenant.ledger.commit({ nonce: Buffer.alloc(16, 1), guards: [], writes: [{ place, value: altered }] })
    const error = await t.throwsAsync(turn(tenant))
    t.regex(error?.message ?? '', new RegExp(`1 stored objects cannot be re-wrapped.*${ids[0]}.*does not bear its partition's seal`))
    t.deepEqual(stored(tenant).get(ids[0]!)?.value, altered)
    t.is((await tenant.registry.listPartitions())[0]?.turn?.phase, 'rewrapping')
    // Put right, it goes on.
    await tenant.ledger.commit({ nonce: Buffer.alloc(16, 2), guards: [], writes: [{ place, value }] })
    await runTurn(tenant.parts, tenant.name, never)
    t.deepEqual(epochs(tenant), [2, 2])
  })
}

async function begin(tenant: TurningTenant): Promise<void> {
  const { epoch } = await (await tenant.partitions.open(tenant.name)).describe()
  await tenant.registry.beginTurn(tenant.name, epoch)
}

function spaceOf(tenant: TurningTenant) {
  return tenant.parts.spaceOf([...tenant.registry.settings.view().tenants.values()][0]!.value.id)
}

function found(tenant: TurningTenant): readonly string[] {
  return tenant.replica.find(spaceOf(tenant), [], { offset: 0, limit: 1000 }).ids
}

function stored(tenant: TurningTenant) {
  tenant.replica.renew()
  return new Map(tenant.replica.objectsAfter(spaceOf(tenant), '', 10_000).map(({ id, stored: one }) => [id, one]))
}

/** Of the objects that have a key. */
function epochs(tenant: TurningTenant): readonly number[] {
  return [...stored(tenant).values()].flatMap(({ value }) => decodeRecord(splitSeal(value).record).key?.epoch ?? [])
}
