import { createPrivateKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { decodeRecord, splitSeal } from '../../src/store/index.ts'
import { runMove } from '../../src/tenants/tenant-move.ts'
import { softHsm } from '../support/softhsm.ts'
import { softwareKind, type TurningKind, TurningTenant, tokenKind } from '../support/turning-partition.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

const software = softwareKind()
const token = tokenKind(hsm.token)
const both: TurningKind = {
  define: software.define,
  open: (definition, before) => (definition.kind === 'software' ? software : token).open(definition, before),
  device: software.device,
  pairs: software.pairs,
}

async function newTenant(name: string): Promise<TurningTenant> {
  const tenant = await TurningTenant.make(both, name)
  await tenant.registry.addPartition(await token.define(`${name}-token`))
  return tenant
}

const movesOf = (tenant: TurningTenant) => ({
  ...tenant.parts,
  moving: (name: string) =>
    tenant.partitions.contextOf({ tenant: name } as Parameters<TurningTenant['partitions']['contextOf']>[0]).partition(),
})

function mechanisms(tenant: TurningTenant): ReadonlySet<string> {
  tenant.replica.renew()
  const [entry] = [...tenant.registry.settings.view().tenants.values()]
  const stored = tenant.replica.objectsAfter(tenant.parts.spaceOf(entry!.value.id), '', 10_000)
  return new Set(stored.flatMap(({ stored: { value } }) => decodeRecord(splitSeal(value).record).key?.mechanism ?? []))
}

/** Tokens leave out of a curve's private key what follows from it. */
function canonical(value: string, kind: string | undefined): string {
  if (kind !== 'private') return value
  const key = createPrivateKey({ key: Buffer.from(value, 'hex'), format: 'der', type: 'pkcs8' })
  return JSON.stringify(key.export({ format: 'jwk' }))
}

test('a tenant moves into a token, used and added to meanwhile and stopped in between: every key keeps its value, policy and attributes', async (t) => {
  let tenant = await newTenant('mover')
  t.teardown(() => tenant.remove())
  const living = [...(await tenant.createEach()), await tenant.create(1000)]
  living.push(...(await Promise.all(Array.from({ length: 70 }, () => tenant.create()))))
  const gone = await tenant.create()
  await tenant.destroy(gone)
  const values = await Promise.all(living.map((id) => tenant.reveal(id)))
  const before = await Promise.all(living.map((id) => tenant.object(id)))
  await tenant.registry.beginMove('mover', 'mover-token')
  await t.throwsAsync(tenant.registry.beginTurn('mover', 1), { message: /tenant mover is being moved from or to partition mover/ })
  const stop = new AbortController()
  const parts = movesOf(tenant)
  const { progress } = parts
  const write: typeof progress.write = async (...given) => {
    await progress.write(...given)
    stop.abort()
  }
  const stopped = runMove(
    { ...parts, progress: { read: (name: string) => progress.read(name), write } as typeof progress },
    'mover',
    stop.signal,
  )
  await t.throwsAsync(stopped, { name: 'AbortError' })
  t.is(mechanisms(tenant).size > 2, true, 'some are moved and some are not')
  // Half of them here, half there: all are used, and new ones are made in the token.
  t.is(await tenant.reveal(living[0]!), values[0] ?? '')
  t.is(await tenant.reveal(living.at(-1)!), values.at(-1) ?? '')
  const added = await tenant.create()
  const addedValue = await tenant.reveal(added)
  await tenant.close()
  tenant = TurningTenant.reopen(both, tenant.directory)
  let over = false
  const use = async () => {
    for (; !over; await sleep(20)) t.is(await tenant.reveal(living[0]!), values[0] ?? '')
  }
  const using = use()
  await runMove(movesOf(tenant), 'mover', new AbortController().signal)
  over = true
  await using
  const [entry] = [...tenant.registry.settings.view().tenants.values()]
  t.like(entry?.value, { partition: 'mover-token', moving: undefined })
  t.deepEqual(
    [...mechanisms(tenant)].filter((name) => name.startsWith('AES-')),
    [],
  )
  for (const [index, id] of living.entries()) {
    const same = (value: string) => canonical(value, before[index]?.key?.kind)
    t.is(same(await tenant.reveal(id)), same(values[index] ?? ''), JSON.stringify(before[index]?.key?.type))
  }
  t.is(await tenant.reveal(added), addedValue)
  const after = await Promise.all(living.map((id) => tenant.object(id)))
  t.deepEqual(
    after.map(({ attributes, key }) => [[...attributes], key?.policy, key?.type]),
    before.map(({ attributes, key }) => [[...attributes], key?.policy, key?.type]),
  )
  // The record of the destroyed object bears the token's seal now.
  t.true((await tenant.object(gone)).isDestroyed)
  await tenant.registry.removePartition('mover')
})

test('a tenant moves from software to a token only', async (t) => {
  const tenant = await newTenant('other')
  t.teardown(() => tenant.remove())
  await tenant.registry.addPartition(await software.define('second'))
  await t.throwsAsync(tenant.registry.beginMove('other', 'second'), { message: /from a software partition to a token only/ })
  await t.throwsAsync(tenant.registry.beginMove('other', 'nope'), { message: /partition nope does not exist; the partitions are: / })
})
