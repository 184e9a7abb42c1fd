import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import { type ClusterNodes, startClusterNodes } from '../support/cluster-nodes.ts'
import { aesKey } from '../support/requests.ts'

let cluster: ClusterNodes
let ports: number[]
test.before(async () => {
  cluster = await startClusterNodes()
  ports = await Promise.all(cluster.nodes.map(operatorPort))
})
test.after.always(() => cluster.remove())

interface NodeStatus {
  readonly operator: string
  readonly processes: { readonly etcd: number }
}

function statusOf({ data }: ScratchClusterNode): Promise<NodeStatus> {
  return callAdmin(data, 'node.status') as Promise<NodeStatus>
}

async function operatorPort(node: ScratchClusterNode): Promise<number> {
  return Number((await statusOf(node)).operator.split(':')[1])
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly milliseconds: number
}

async function ask(index: number, path: string): Promise<Answer> {
  const began = performance.now()
  const response = await fetch(`http://127.0.0.1:${ports[index]}${path}`)
  return { status: response.status, text: await response.text(), milliseconds: performance.now() - began }
}

/** Asks /readyz until it answers so, and tells how many milliseconds that took. */
async function until(index: number, status: number, text: RegExp): Promise<number> {
  const began = performance.now()
  let last: Answer | undefined
  while (performance.now() - began < 60_000) {
    last = await ask(index, '/readyz')
    if (last.status === status && text.test(last.text)) return Math.round(performance.now() - began)
    await sleep(20)
  }
  throw new Error(`node ${index + 1} was to answer ${status} ${text}, and says ${last?.status} ${last?.text}`)
}

/** What waits for a dead cluster waits for seconds, each time; a busy machine is late with some answers, not with all. */
async function answersAtOnce(index: number, path: string): Promise<boolean> {
  const answers: Answer[] = []
  for (let asked = 0; asked < 5; asked++) answers.push(await ask(index, path))
  return answers.some(({ milliseconds }) => milliseconds < 1000)
}

test.serial('etcd alone is paused: the node says so, serves by the other members, and is ready again by itself', async (t) => {
  const [node] = cluster.nodes
  const client = cluster.client(0)
  const { uniqueIdentifier } = await client.call('Create', aesKey)
  await until(0, 200, /^ready\n/)
  const { etcd } = (await statusOf(node!)).processes
  process.kill(etcd, 'SIGSTOP')
  try {
    t.log(`503 after ${await until(0, 503, /the etcd member does not answer/)} ms`)
    t.true(await answersAtOnce(0, '/readyz'))
    await client.call('Get', { uniqueIdentifier })
    await client.call('Create', aesKey)
  } finally {
    process.kill(etcd, 'SIGCONT')
  }
  await until(0, 200, /^ready\n/)
})

test.serial('etcd alone is killed: it is started again, and the node serves throughout', async (t) => {
  const [node] = cluster.nodes
  const client = cluster.client(0)
  const { etcd } = (await statusOf(node!)).processes
  process.kill(etcd, 'SIGKILL')
  t.log(`503 after ${await until(0, 503, /etcd is not running|does not answer/)} ms`)
  await client.call('Create', aesKey)
  await until(0, 200, /^ready\n/)
  t.not((await statusOf(node!)).processes.etcd, etcd)
})

test.serial('the numbers of the cluster and of its etcd are to be had', async (t) => {
  const all = () => Promise.all([0, 1, 2].map(async (index) => (await ask(index, '/metrics')).text))
  const countOf = (texts: readonly string[], line: string) => texts.filter((text) => text.includes(`\n${line}\n`)).length
  const isSettled = (texts: readonly string[]) =>
    countOf(texts, 'tresor_etcd_is_leader{process="ledger"} 1') === 1 && countOf(texts, 'tresor_etcd_has_leader{process="ledger"} 1') === 3
  let shown = await all()
  // Each shows what it saw last: after an election two may have led.
  for (const end = performance.now() + 60_000; !isSettled(shown) && performance.now() < end; shown = await all()) await sleep(100)
  t.true(isSettled(shown))
  for (const text of shown) {
    const number = (name: string) => Number(new RegExp(`^tresor_${name}{process="ledger"} (\\S+)$`, 'm').exec(text)?.[1])
    t.is(number('etcd_up'), 1)
    t.is(number('etcd_no_space'), 0)
    t.is(number('etcd_quota_bytes'), 8 * 1024 ** 3)
    t.true(number('etcd_database_bytes') >= number('etcd_database_in_use_bytes') && number('etcd_database_in_use_bytes') > 0)
    t.true(number('cluster_revision') > 0)
    t.true(Math.abs(number('clock_offset_seconds')) < 0.5)
    t.regex(text, /^tresor_etcd_transactions_total \d+$/m)
    t.regex(text, /^tresor_etcd_change_sets_total \d+$/m)
    t.regex(text, /^tresor_replica_snapshots_total \d+$/m)
    t.regex(text, /^tresor_etcd_defragmentations_total 0$/m)
  }
})

test.serial('a node without a majority says so, answers its operator at once, and is ready again by itself', async (t) => {
  const [, second, third] = cluster.nodes
  await until(0, 200, /^ready\n/)
  await Promise.all([second!.process.kill(), third!.process.kill()])
  t.log(`503 after ${await until(0, 503, /no majority/)} ms`)
  for (const path of ['/readyz', '/healthz']) t.true(await answersAtOnce(0, path), path)
  t.is((await ask(0, '/healthz')).status, 200)
  const json = await fetch(`http://127.0.0.1:${ports[0]}/readyz`, { headers: { accept: 'application/json' } })
  t.like(await json.json(), { ready: false, partitions: {} })
  await Promise.all([second!.process.start(), third!.process.start()])
  ports = await Promise.all(cluster.nodes.map(operatorPort))
  for (const index of [0, 1, 2]) await until(index, 200, /^ready\n/)
  await cluster.client(0).call('Create', aesKey)
})
