import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { TurnRunner } from '../../src/tenants/turn-runner.ts'
import { softwareKind, TurningTenant } from '../support/turning-partition.ts'

test('a turn whose KEK cannot be made says why to who asks, and what is told goes with the turn', async (t) => {
  const tenant = await TurningTenant.make(softwareKind(), 'waiting')
  t.teardown(() => tenant.remove())
  await tenant.create()
  await tenant.registry.beginTurn(tenant.name, 1)
  const { parts } = tenant
  let isFull = true
  const runner = new TurnRunner({
    ...parts,
    device: {
      ...parts.device,
      make: async (definition, to) => {
        if (isFull) throw new Error('the token is full')
        return await parts.device.make(definition, to)
      },
    },
    runOnce: async (_task, work) => {
      await work(new AbortController().signal)
      return true
    },
    moving: () => Promise.reject(new Error('nothing moves here')),
    interval: 20,
  })
  t.teardown(() => runner.close())
  const until = async (isSo: () => boolean) => {
    for (const end = performance.now() + 60_000; !isSo() && performance.now() < end; ) await sleep(20)
    t.true(isSo())
  }
  await until(() => parts.progress.read(tenant.name) !== undefined)
  t.like(parts.progress.read(tenant.name), { to: 2, total: 0, problem: 'the token is full' })
  isFull = false
  await until(() => tenant.registry.settings.view().partitions.get(tenant.name)?.value.turn === undefined)
  await until(() => parts.progress.read(tenant.name) === undefined)
})
