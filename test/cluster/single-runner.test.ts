import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { EtcdClient } from '../../src/cluster/index.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { SingleRunner, type Turn } from '../../src/cluster/single-runner.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let etcd: EtcdCluster
test.before(async () => {
  etcd = await startEtcdCluster(1)
})
test.after.always(() => etcd.close())

/** Milliseconds: a busy machine, or its disk, must not look like a node that is gone. */
const patience = 3000

/** A node that reaches etcd through a line of its own, which can be cut. */
class Contender {
  readonly name: string
  readonly proxy: TcpProxy
  readonly client: EtcdClient
  readonly #runner: SingleRunner
  turn: Turn | undefined
  #stopped = false
  #done: Promise<void>

  constructor(name: string, task: string, proxy: TcpProxy) {
    this.name = name
    this.proxy = proxy
    this.client = new EtcdClient({ endpoints: [`https://127.0.0.1:${proxy.port}`], tls: etcd.tls })
    this.#runner = new SingleRunner({ client: this.client, keys: new Keys(), task, node: name, pulse: 100, patience })
    this.#done = this.#contend()
  }

  static async start(name: string, task: string): Promise<Contender> {
    return new Contender(name, task, await TcpProxy.start(Number(new URL(etcd.endpoints[0]!).port)))
  }

  /** One step of the work that must be done by one node at a time; tells whether it was done. */
  async step(turn: Turn): Promise<boolean> {
    const put = { requestPut: { key: Buffer.from(`step-of-${this.name}`), value: Buffer.from('x') } }
    const { succeeded } = await this.client.txn({ compare: [turn.guard], success: [put], failure: [] }, { deadline: 5000 })
    return succeeded
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
    this.client.close()
    await this.proxy.close()
  }

  async #contend(): Promise<void> {
    while (!this.#stopped) {
      await this.#runner.attempt((turn) => this.#work(turn)).catch(() => undefined)
      await sleep(50)
    }
  }

  async #work(turn: Turn): Promise<void> {
    this.turn = turn
    while (!this.#stopped && !turn.lost.aborted) {
      await this.step(turn).catch(() => undefined)
      await sleep(20)
    }
  }
}

/** When each contender's steps were done, as etcd's revisions: first and last. */
async function spanOf(client: EtcdClient, name: string): Promise<readonly [first: number, last: number] | undefined> {
  const { kvs } = await client.range({ key: Buffer.from(`step-of-${name}`) }, { deadline: 20_000 })
  return kvs[0] === undefined ? undefined : [Number(kvs[0].createRevision), Number(kvs[0].modRevision)]
}

async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(20)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error('nothing came of it in a minute')
}

test('of three contenders one has the turn; when it is cut off another takes over, and the first can do no more of it', async (t) => {
  const names = ['a', 'b', 'c']
  const contenders = await Promise.all(names.map((name) => Contender.start(name, 'sweep')))
  try {
    const client = etcd.client()
    const first = await until(() => contenders.find(({ turn }) => turn !== undefined))
    await until(() => spanOf(client, first.name))
    const old = first.turn!
    t.true(await old.isHeld())
    t.is(contenders.filter(({ turn }) => turn !== undefined).length, 1)

    const cutAt = performance.now()
    first.proxy.holdRequests()
    const second = await until(() => contenders.find(({ turn, name }) => turn !== undefined && name !== first.name))
    t.true(performance.now() - cutAt > patience / 2, 'not before the first had the time to notice')
    t.true(old.lost.aborted)
    await until(() => spanOf(client, second.name))

    // What it had sent arrives late.
    first.proxy.release()
    t.false(await until(() => first.step(old).catch(() => undefined)))
    const [, lastOfFirst] = (await spanOf(client, first.name))!
    const [firstOfSecond] = (await spanOf(client, second.name))!
    t.true(lastOfFirst < firstOfSecond)
    t.true(await second.turn!.isHeld())
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()))
  }
})

test('a turn that ends is free at once', async (t) => {
  const runnerOf = (node: string) => new SingleRunner({ client: etcd.client(), keys: new Keys(), task: 'short', node })
  const order: string[] = []
  t.true(await runnerOf('a').attempt(async () => void order.push('a')))
  t.true(
    await runnerOf('b').attempt(async () => {
      order.push('b')
      t.false(await runnerOf('c').attempt(async () => void order.push('c')))
    }),
  )
  await t.throwsAsync(
    runnerOf('d').attempt(async () => {
      throw new Error('broke down')
    }),
    { message: 'broke down' },
  )
  t.true(await runnerOf('e').attempt(async () => void order.push('e')))
  t.deepEqual(order, ['a', 'b', 'e'])
})
