import { randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import {
  type ChangeSet,
  type CommitOutcome,
  connectLedger,
  type Ledger,
  openEmbeddedLedger,
  ReplicaWriter,
  type Space,
  serveLedger,
} from '../../src/store/index.ts'
import { commitUnderLoad } from '../support/ledger-load.ts'
import { ledgerFolder, startLedgerProcess } from '../support/ledger-process.ts'

const space = 't/clients' as Space
const place = (id: string) => ({ space, kind: 'object', id }) as const
function create(id: string): ChangeSet {
  return { nonce: randomBytes(16), guards: [{ place: place(id), revision: 0 }], writes: [{ place: place(id), value: Buffer.from(id) }] }
}

test('the ledger process is killed under a worker’s load and started again: every answer is true', async (t) => {
  const { directory, socketPath, remove } = await ledgerFolder()
  let primary = await startLedgerProcess('ledger', directory, socketPath)
  const ledger = connectLedger({ directory, socketPath })
  await ledger.ready()
  const load = commitUnderLoad(ledger)
  for (let kill = 0; kill < 3; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    await primary.kill()
    await until(() => /ledger process is gone/.test(ledger.problem() ?? ''))
    primary = await startLedgerProcess('ledger', directory, socketPath)
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { wrong, count, reasons, summary } = await load.stop()
  t.log(summary)
  t.is(ledger.problem(), undefined)
  t.deepEqual(wrong, [])
  t.true(count('committed') > 0)
  t.deepEqual(reasons, [], 'the nonce or the guard tells each apart')
  await ledger.close()
  await primary.stop()
  await remove()
})

/** A ledger elsewhere, whose barriers and commits end when the test says. */
function heldLedger(): Ledger & {
  readonly barriers: (() => void)[]
  readonly commits: ((outcome: CommitOutcome) => void)[]
  why: string | undefined
} {
  const held = {
    barriers: [] as (() => void)[],
    commits: [] as ((outcome: CommitOutcome) => void)[],
    why: undefined as string | undefined,
    barrier: () => new Promise<void>((resolve) => held.barriers.push(resolve)),
    commit: () => new Promise<CommitOutcome>((resolve) => held.commits.push(resolve)),
    problem: () => held.why,
    close: async () => undefined,
  }
  return held
}

async function serveHeld() {
  const { directory, socketPath, remove } = await ledgerFolder()
  await new ReplicaWriter(directory).close()
  const held = heldLedger()
  const server = await serveLedger(held, socketPath, 'asked')
  const worker = connectLedger({ directory, socketPath })
  await worker.ready()
  return {
    held,
    worker,
    socketPath,
    server,
    async close() {
      await worker.close()
      await remove()
    },
  }
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('barriers of a worker overlap, and each answers those alone who came before it; who comes together shares one', async (t) => {
  const { held, worker, server, close } = await serveHeld()
  const done: number[] = []
  const barrier = (n: number) => worker.barrier().then(() => done.push(n))
  const first = barrier(1)
  await until(() => held.barriers.length === 1)
  const second = [barrier(2), barrier(3)]
  await until(() => held.barriers.length === 2)
  const third = [barrier(4), barrier(5)]
  held.barriers[0]?.()
  await first
  t.deepEqual(done, [1], 'what was under way began before the others came')
  await until(() => held.barriers.length === 3)
  held.barriers[1]?.()
  await Promise.all(second)
  t.deepEqual([...done].sort(), [1, 2, 3])
  held.barriers[2]?.()
  await Promise.all(third)
  t.deepEqual([...done].sort(), [1, 2, 3, 4, 5])
  t.is(held.barriers.length, 3)
  await server.close()
  await close()
})

test('a call that takes long is not waited for; a ledger process that is silent is answered for, promptly from then on', async (t) => {
  const { held, worker, server, close } = await serveHeld()
  const first = worker.barrier()
  await until(() => held.barriers.length === 1)
  const second = worker.barrier()
  await until(() => held.barriers.length === 2)
  held.barriers[1]?.()
  await second
  await t.throwsAsync(first, { instanceOf: KmipError, message: /ledger process does not answer/ })
  // The quickest of three: a busy machine may be late with one.
  const waits: number[] = []
  for (let again = 0; again < 3; again++) {
    const asked = performance.now()
    const error = await t.throwsAsync<KmipError>(worker.barrier(), { instanceOf: KmipError })
    t.is(error.retry, 'another-node')
    waits.push(performance.now() - asked)
  }
  t.true(Math.min(...waits) < 1500, `half of what the first one waited, not ${waits}`)
  held.barriers[0]?.()
  const served = worker.barrier()
  await until(() => held.barriers.length === 6)
  held.barriers[5]?.()
  await served
  await server.close()
  await close()
})

test('a refusal by the ledger process is told whole', async (t) => {
  const { held, worker, server, close } = await serveHeld()
  held.barrier = async () => {
    throw new KmipError('GeneralFailure', 'no majority', { retry: 'another-node' })
  }
  const error = await t.throwsAsync<KmipError>(worker.barrier(), { instanceOf: KmipError, message: 'no majority' })
  t.deepEqual([error.reason, error.retry], ['GeneralFailure', 'another-node'])
  await server.close()
  await close()
})

test('a commit to a cluster whose answer was lost is unknown, and a problem of the ledger is the worker’s', async (t) => {
  const { held, worker, server, socketPath, close } = await serveHeld()
  held.why = 'no majority'
  await until(() => worker.problem() === 'no majority')
  const commit = worker.commit(create('a'))
  await until(() => held.commits.length === 1)
  await server.close()
  const again = heldLedger()
  const second = await serveLedger(again, socketPath, 'asked')
  await until(() => again.barriers.length === 1)
  again.barriers[0]?.()
  t.like(await commit, { outcome: 'unknown' })
  t.is(worker.problem(), undefined)
  await second.close()
  await close()
})

test('what can never be stored is refused alone, before anything is', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const { ledger, replica } = openEmbeddedLedger({ directory })
  const good = ledger.commit(create('good'))
  for (const [writes, says] of [
    [[{ place: place(''), value: Buffer.from('v') }], /has 0 bytes of UTF-8, not 1 to 1024/],
    [[{ place: place('x'.repeat(1025)), value: Buffer.from('v') }], /has 1025 bytes/],
    [
      [{ place: place('x'), value: Buffer.from('v'), terms: [{ attribute: 'long', value: Buffer.alloc(513) }] }],
      /at most 512 can be indexed/,
    ],
    [[{ place: place('x'), value: Buffer.from('v'), terms: [{ attribute: '*', value: Buffer.alloc(1) }] }], /cannot be the name of a term/],
    [
      [{ place: place('x'.repeat(1024)), value: Buffer.from('v'), terms: [{ attribute: 'zeros', value: Buffer.alloc(512) }] }],
      /need an index key of/,
    ],
    [[{ place: { space: 't/a\0b' as Space, kind: 'object', id: 'a' } as const, value: Buffer.from('v') }], /cannot be the name of a space/],
  ] as const) {
    const before = create('beside')
    await t.throwsAsync(ledger.commit({ ...before, writes: [...before.writes, ...writes] }), { message: says })
  }
  t.is((await good).outcome, 'committed')
  t.is(ledger.problem(), undefined)
  t.is(replica.read(place('beside')), undefined)
  t.is(replica.find(space, [], { offset: 0, limit: 10 }).total, 1)
  await ledger.close()
  await t.throwsAsync(ledger.commit(create('late')), { name: 'KmipError', message: /is stopping/ })
  await remove()
})

test('a socket whose path is too long is refused by name', async (t) => {
  const { directory, remove } = await ledgerFolder()
  const { ledger } = openEmbeddedLedger({ directory })
  await t.throwsAsync(serveLedger(ledger, `/tmp/${'x'.repeat(120)}`, 'local'), { message: /a socket's path has at most 103 bytes/ })
  await ledger.close()
  await remove()
})
