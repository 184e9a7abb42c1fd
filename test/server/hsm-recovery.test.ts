import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Client, KmipError } from '../../src/client/index.ts'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { ckr } from '../../src/partitions/pkcs11/constants.ts'
import { untilHsmServes } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { pkcs11Shim, type ShimFunction } from '../support/pkcs11-shim.ts'
import { aesKeyWith, clientAt } from '../support/requests.ts'
import { softHsm } from '../support/softhsm.ts'

/*
 * A device's failures as a client of a whole node sees them: the module is in the hsm process, requests come through a worker.
 */

const hsm = softHsm()
// Before the shim is loaded: a module of its own would be finalized under it.
const tokens = new Map(['bank', 'pin'].map((label) => [label, hsm.token(label)]))
const shim = pkcs11Shim(hsm.folder, hsm.module)
let node: TestNode
let bank: Client
let demo: Client

test.before(async () => {
  node = await startTestNode({ workers: 1 })
  bank = await addTenant(node, 'bank')
  demo = clientAt(node.port, node.client)
})
test.afterEach.always(() => shim.heal())
test.after.always(async () => {
  bank?.close()
  demo?.close()
  await node?.remove()
  shim.close()
  hsm.remove()
})

async function addTenant(to: TestNode, label: string): Promise<Client> {
  const { registry } = to.node
  const definition = { name: label, ...tokens.get(label)!, module: shim.module }
  await createPkcs11Partition(definition)
  await registry.addPartition({ kind: 'pkcs11', ...definition })
  await registry.addTenant(label, label)
  await untilHsmServes(to)
  return clientAt(to.port, await to.enroll(label, 'app'))
}

const parameters = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
const data = Buffer.from('kept through it all')

/** A key with data under it. */
async function sealedKey(client: Client) {
  const uniqueIdentifier = String((await client.call('Create', aesKeyWith())).uniqueIdentifier)
  const {
    data: sealed,
    ivCounterNonce,
    tag,
  } = await client.call('Encrypt', { uniqueIdentifier, cryptographicParameters: parameters, data })
  return { uniqueIdentifier, cryptographicParameters: parameters, data: sealed, ivCounterNonce, tag }
}

function move(from: string, to: string): void {
  for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name))
}

type Sealed = Awaited<ReturnType<typeof sealedKey>>

async function opens(t: ExecutionContext, client: Client, sealed: Sealed): Promise<void> {
  t.deepEqual(Buffer.from((await client.call('Decrypt', sealed)).data ?? []), data)
}

async function fails(t: ExecutionContext, work: Promise<unknown>, says: RegExp): Promise<void> {
  const error = await t.throwsAsync<KmipError>(work)
  t.is(error?.reason, 'GeneralFailure')
  t.regex(error?.message ?? '', says)
}

/** Opens it as soon as the partition may try its device again, which is within a second or two. */
async function opensSoon(t: ExecutionContext, client: Client, sealed: Sealed): Promise<void> {
  for (let waited = 0; ; waited += 100) {
    const answer = await client.call('Decrypt', sealed).catch((error: KmipError) => error)
    if (!(answer instanceof Error)) {
      t.deepEqual(Buffer.from(answer.data ?? []), data)
      return
    }
    t.is(answer.reason, 'GeneralFailure')
    if (waited > 20_000) return t.fail(answer.message)
    await sleep(100)
  }
}

const losses: readonly (readonly [string, keyof typeof ckr, ShimFunction])[] = [
  ['a session is lost', 'SESSION_HANDLE_INVALID', 'C_DecryptInit'],
  ['the login has expired', 'USER_NOT_LOGGED_IN', 'C_DecryptInit'],
  ['a held key is gone', 'KEY_HANDLE_INVALID', 'C_DecryptInit'],
  ['the device fails', 'DEVICE_ERROR', 'C_Decrypt'],
  ['the token is removed', 'DEVICE_REMOVED', 'C_DecryptInit'],
]

for (const [what, code, which] of losses) {
  test.serial(`${what}: once, and the request is answered; for longer, and requests fail clearly until it is over`, async (t) => {
    const sealed = await sealedKey(bank)
    await opens(t, bank, sealed)
    const { sessions, objects } = shim.counts()
    for (let fall = 0; fall < 2; fall++) {
      // The last attempt to open the device is long enough ago.
      await sleep(1100)
      shim.fail(which, ckr[code], 1)
      await opens(t, bank, sealed)
      shim.fail(which, ckr[code])
      for (let request = 0; request < 3; request++) await fails(t, bank.call('Decrypt', sealed), new RegExp(`CKR_${code}`))
      await sealedKey(demo)
      shim.heal()
      await opensSoon(t, bank, sealed)
    }
    // What was open before is open again, and no more.
    t.true(shim.counts().sessions <= sessions && shim.counts().objects <= objects, JSON.stringify(shim.counts()))
    await opens(t, bank, await sealedKey(bank))
  })
}

test.serial('a device that answers nothing at all, initialization included, and comes back', async (t) => {
  const sealed = await sealedKey(bank)
  await sleep(1100)
  shim.fail('all', ckr.DEVICE_ERROR)
  for (let request = 0; request < 5; request++) await fails(t, bank.call('Decrypt', sealed), /CKR_DEVICE_ERROR/)
  const attempts = shim.calls('C_Initialize')
  const began = performance.now()
  for (let request = 0; request < 20; request++) await fails(t, bank.call('Create', aesKeyWith()), /CKR_DEVICE_ERROR/)
  // Requests do not storm it: it is tried once a second.
  t.true(shim.calls('C_Initialize') <= attempts + 2 + (performance.now() - began) / 1000)
  await sealedKey(demo)
  shim.heal()
  await opensSoon(t, bank, sealed)
})

test.serial('a token that is taken away and put back', async (t) => {
  const sealed = await sealedKey(bank)
  const [home, away] = [join(hsm.folder, 'tokens'), join(hsm.folder, 'away')]
  mkdirSync(away)
  move(home, away)
  await sleep(1100)
  shim.fail('C_DecryptInit', ckr.DEVICE_REMOVED)
  await fails(t, bank.call('Decrypt', sealed), /CKR_DEVICE_REMOVED|has no token bank/)
  shim.heal()
  await sleep(1100)
  await fails(t, bank.call('Decrypt', sealed), /has no token bank/)
  move(away, home)
  await opensSoon(t, bank, sealed)
})

test.serial('a wrong PIN is tried once in the life of a node, whatever requests and new hsm processes ask', async (t) => {
  const { pinFile } = tokens.get('pin')!
  const pin = await addTenant(node, 'pin')
  t.teardown(() => pin.close())
  const sealed = await sealedKey(pin)
  writeFileSync(pinFile, '00000000\n', { mode: 0o600 })
  const logins = async (action: () => Promise<void>) => {
    const before = shim.calls('C_Login')
    await action()
    return shim.calls('C_Login') - before
  }
  // The first start anew logs in to both tokens, and the partition with the right PIN again at the second.
  const first = await logins(async () => {
    await node.node.processes.restartHsm()
    for (let request = 0; request < 5; request++) await fails(t, pin.call('Decrypt', sealed), /does not take the PIN in .*pin\.pin/)
    await opensSoon(t, bank, await sealedKey(bank))
  })
  t.is(first, 2)
  const second = await logins(async () => {
    await node.node.processes.restartHsm()
    for (let request = 0; request < 5; request++) await fails(t, pin.call('Decrypt', sealed), /will not be tried again/)
    await opensSoon(t, bank, await sealedKey(bank))
  })
  t.is(second, 1)
  writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
  await opensSoon(t, pin, sealed)
})

test.serial('a stopped node leaves nothing open in the module', async (t) => {
  await node.stop(2000)
  t.deepEqual([shim.counts().sessions, shim.counts().objects], [0, 0])
})
