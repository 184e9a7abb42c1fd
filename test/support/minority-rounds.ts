import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin } from '../../src/admin/index.ts'
import type { EtcdLedger } from '../../src/cluster/index.ts'
import { objectChange } from './change-sets.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import type { EtcdCluster } from './etcd-cluster.ts'
import { newKey } from './key-lives.ts'
import { processesOf, untilStopped } from './stopped.ts'

/** What a run of rounds has seen. */
export interface MinorityRun {
  /** Asked after the others had stopped, and answered as if there were a majority, before they went on. */
  readonly violations: readonly string[]
  /** Asked after the others had stopped. */
  readonly asked: number
  /** Answered while all ran. */
  readonly answered: number
}

export interface MinorityRounds {
  readonly rounds: number
  /** One request of each sort; each is sent again and again on its own, before, while and after the others are stopped. */
  readonly requests: Readonly<Record<string, () => Promise<unknown>>>
  /** The others' processes. */
  readonly pids: readonly number[]
}

/** Stops the others again and again in the middle of steady requests, at no particular moment. */
export async function minorityRounds({ rounds, requests, pids }: MinorityRounds): Promise<MinorityRun> {
  const violations: string[] = []
  let stoppedSince = Number.POSITIVE_INFINITY
  let isOver = false
  let asked = 0
  let answered = 0
  const ask = async (name: string, request: () => Promise<unknown>) => {
    const sent = performance.now()
    const mark = stoppedSince
    if (sent >= mark) asked++
    try {
      await request()
    } catch {
      return await sleep(1)
    }
    answered++
    if (sent >= mark && stoppedSince === mark)
      violations.push(`${name}, sent ${Math.round((sent - mark) * 1000)} microseconds after the others had stopped`)
  }
  const all = Object.entries(requests)
  const requesters = all.map(async ([name, request]) => {
    while (!isOver) await ask(name, request)
  })
  for (let round = 0; round < rounds; round++) {
    const before = answered
    while (answered < before + requesters.length * 2) await sleep(5)
    await sleep(Math.random() * 20)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await untilStopped(pids)
    stoppedSince = performance.now()
    const atOnce = all.map(([name, request]) => ask(name, request))
    await sleep(shortest + Math.random() * (longest - shortest))
    stoppedSince = Number.POSITIVE_INFINITY
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await Promise.all(atOnce)
  }
  isOver = true
  await Promise.all(requesters)
  return { violations, asked, answered }
}

/** Milliseconds for which the others stay stopped: about an election. */
const shortest = 200
const longest = 900

/** Barriers, several at a time, and commits of one ledger, whose member is left alone by the two others. */
export function ledgerMinority(cluster: EtcdCluster, ledger: EtcdLedger, rounds: number): Promise<MinorityRun> {
  let next = 0
  const barrier = () => ledger.barrier(200)
  const commit = async () => {
    const { outcome } = await ledger.commit(objectChange(`minority-${next++}`, 'v', 0))
    if (outcome !== 'committed') throw new Error(outcome)
  }
  return minorityRounds({
    rounds,
    requests: { 'barrier 1': barrier, 'barrier 2': barrier, 'barrier 3': barrier, commit },
    pids: cluster.members.slice(1).map(({ pid }) => pid as number),
  })
}

/** Encrypt, Locate and Create at the first of three whole nodes, on connections of their own. */
export async function nodeMinority(cluster: ClusterNodes, rounds: number): Promise<MinorityRun> {
  const client = cluster.client(0, { connections: 12 })
  const key = newKey(randomUUID())
  const attributes = [...key.attributes, { name: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 } as const]
  const { uniqueIdentifier } = await client.call('Create', { ...key, attributes })
  const encrypt = () =>
    client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } })
  const others = await Promise.all(
    cluster.nodes.slice(1).map(async ({ data }) => {
      const { processes } = (await callAdmin(data, 'node.status')) as { readonly processes: Readonly<Record<string, number>> }
      return processesOf(processes.node as number)
    }),
  )
  return await minorityRounds({
    rounds,
    requests: {
      'Encrypt 1': encrypt,
      'Encrypt 2': encrypt,
      'Encrypt 3': encrypt,
      Locate: () => client.call('Locate', { attributes: [] }),
      Create: () => client.call('Create', newKey(randomUUID())),
    },
    pids: others.flat(),
  })
}
