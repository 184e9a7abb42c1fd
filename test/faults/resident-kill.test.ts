import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { residentName } from '../../src/objects/index.ts'
import { createPkcs11Partition, openPkcs11Partition, type Partition } from '../../src/partitions/index.ts'
import { decodeRecord, type LocalReplica, openEmbeddedLedger, splitSeal, systemSpace, tenantSpace } from '../../src/store/index.ts'
import { Registry, ResidentSweep } from '../../src/tenants/index.ts'
import { settle } from '../support/key-lives.ts'
import { Load } from '../support/load.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { type ServedNode, startServedNode } from '../support/served-node.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
const shim = pkcs11Shim(hsm.folder, hsm.module)
const token = { ...hsm.token('bank'), module: shim.module }
let node: ServedNode

test.before(async () => {
  await createPkcs11Partition({ name: 'bank', ...token })
  node = await startServedNode({ workers: 1, log: { level: 'error' } })
  await callAdmin(node.data, 'partition.add', { partition: 'bank', ...token })
  await callAdmin(node.data, 'tenant.add', { tenant: 'bank', partition: 'bank' })
  await callAdmin(node.data, 'tenant.set', { tenant: 'bank', policy: { residentKeys: 'required', mostResidentKeys: 10_000 } })
})
test.after.always(async () => {
  shim.heal()
  await node?.remove()
  shim.close()
  hsm.remove()
})

interface Left {
  /** Keys in the token, by name. */
  readonly inToken: ReadonlySet<string>
  /** Keys that living objects name. */
  readonly named: ReadonlySet<string>
  /** Identifiers of all objects, destroyed ones too, in the form of a key's name. */
  readonly objects: ReadonlySet<string>
}

/** What a node that is gone has left in its store and in the token. */
async function leftBehind<T>(
  look: (left: Left, parts: { readonly partition: Partition; sweep(): Promise<void> }) => T,
): Promise<Awaited<T>> {
  const { ledger, replica } = openEmbeddedLedger({ directory: join(node.data, 'store') })
  const partition = await openPkcs11Partition({ name: 'bank', ...token })
  const { settings } = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
  try {
    const space = tenantSpace(settings.view().tenants.get('bank')!.value.id)
    const sweep = async () => {
      const runOnce = async () => true
      const at = { interval: 3_600_000, patience: 0, grace: 0 }
      const sweeping = new ResidentSweep({
        ledger,
        replica,
        settings,
        spaceOf: tenantSpace,
        open: async () => partition,
        runOnce,
        log: () => {},
        ...at,
      })
      await sweeping.sweep('bank')
      await sweeping.close()
    }
    const inToken = new Set((await partition.residents()).map(hex))
    return await look({ inToken, ...recorded(replica, space) }, { partition, sweep })
  } finally {
    await partition.close()
    await ledger.close()
  }
}

function recorded(replica: LocalReplica, space: ReturnType<typeof tenantSpace>): Pick<Left, 'named' | 'objects'> {
  replica.renew()
  const stored = replica.objectsAfter(space, '', 100_000)
  const names = stored.flatMap(({ stored: { value } }) => {
    const { key } = decodeRecord(splitSeal(value).record)
    return (key === undefined ? undefined : residentName(key)) ?? []
  })
  return { named: new Set(names.map(hex)), objects: new Set(stored.map(({ id }) => id.replaceAll('-', ''))) }
}

const hex = (name: Uint8Array) => Buffer.from(name).toString('hex')
const without = (all: ReadonlySet<string>, some: ReadonlySet<string>) => [...all].filter((one) => !some.has(one))

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !isSo(); await sleep(5))
    if (performance.now() > end) throw new Error(`not in a minute: ${what}`)
}

test.serial(
  'a node is killed between a resident key and its record, and between a record and its key: nothing answered is lost, and the sweep destroys the rest',
  async (t) => {
    const load = new Load()
    const credentials = await enrollAt(node.data, 'bank', 'app')
    const clients = (count: number) => {
      const all = Array.from({ length: count }, () => new Client({ endpoints: [node.endpoint], ...credentials, connectionsPerNode: 1 }))
      t.teardown(() => all.forEach((client) => void client.close()))
      return all
    }
    const killed = async (moment: () => Promise<void>) => {
      load.start(clients(4))
      const before = load.answered
      await until('answers', () => load.answered > before + 20)
      await moment()
      await node.process.kill()
      shim.heal()
      await load.stop()
    }
    const held = async (which: 'C_GenerateKey' | 'C_DestroyObject', when: 'before' | 'after') => {
      const before = shim.held()
      shim.hold(which, when)
      await until(`a call of ${which}`, () => shim.held() > before)
    }

    await killed(() => held('C_GenerateKey', 'after'))
    const unnamed = await leftBehind(({ inToken, named, objects }) => {
      t.deepEqual(without(named, inToken), [])
      return without(inToken, objects)
    })
    t.true(unnamed.length > 0, 'a key that no object has')
    await node.process.start()
    t.deepEqual(await settle(clients(2), load.lives), [])

    await killed(() => held('C_DestroyObject', 'before'))
    await leftBehind(({ inToken, named, objects }) => {
      t.deepEqual(without(named, inToken), [])
      t.true(
        without(inToken, named).some((name) => objects.has(name)),
        'a key whose object is destroyed',
      )
      t.true(unnamed.every((name) => inToken.has(name) && !objects.has(name)))
    })
    await node.process.start()
    t.deepEqual(await settle(clients(2), load.lives), [])

    await killed(() => sleep(Math.random() * 200))
    const swept = await leftBehind(async ({ named }, { partition, sweep }) => {
      await sweep()
      t.deepEqual((await partition.residents!()).map(hex).sort(), [...named].sort())
      return named.size
    })
    t.true(swept > 0)
    await node.process.start()
    t.deepEqual(await settle(clients(2), load.lives), [])
    t.log(`${load.answered} steps were answered, ${load.lives.length} keys begun, ${swept} living`)
  },
)
