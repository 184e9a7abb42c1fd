import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, History } from '../support/history.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { Fault } from './faults.ts'
import { judge, type KeyViolation } from './judge.ts'
import type { KeyLoad } from './key-load.ts'
import type { KeyInput } from './key-model.ts'
import type { Random } from './random.ts'

/** A fault that was in force; times on the history's clock. */
export interface FaultSeen {
  readonly kind: string
  readonly what: string
  readonly affected: readonly number[]
  readonly began: number
  readonly healed: number
  /** When every node had answered again. */
  readonly over: number
}

export interface ChaosRunOptions {
  readonly cluster: ChaosCluster
  readonly loads: readonly KeyLoad[]
  readonly history: History<KeyInput>
  readonly random: Random
  /** In this order, for as long as there are any. */
  readonly faults: Iterable<Fault>
  /** Milliseconds for which a fault is in force, at least and at most. */
  readonly hold: readonly [number, number]
  readonly isOver: () => boolean
  /** Told before each step what it is. */
  readonly onStep?: (what: string) => void
  readonly say: (text: string) => void
}

export interface ChaosSeen {
  readonly faults: readonly FaultSeen[]
  readonly violations: readonly KeyViolation[]
  /** Nodes that did not serve again, as sentences. */
  readonly problems: readonly string[]
}

/** One fault after the other under steady load, each until every node serves again; ends at the first violation. */
export async function runFaults({
  cluster,
  loads,
  history,
  random,
  faults,
  hold,
  isOver,
  onStep = () => undefined,
  say,
}: ChaosRunOptions): Promise<ChaosSeen> {
  const seen: FaultSeen[] = []
  const problems: string[] = []
  let violations: readonly KeyViolation[] = []
  let judged = 0
  for (const load of loads) load.start()
  for (const fault of faults) {
    if (isOver() || violations.length > 0 || problems.length > 0) break
    await sleep(random.between(...steady))
    const from = history.events.length
    const began = performance.now()
    onStep(`the beginning of: ${fault.kind}`)
    const { what, affected, heal } = await fault.start(cluster, random, everyNode(cluster))
    await sleep(random.between(...hold))
    onStep(`the end of: ${what}`)
    await heal()
    const healed = performance.now()
    onStep(`the wait for all nodes after: ${what}`)
    const silent = await untilAllAnswer(cluster, history, healed)
    const over = performance.now()
    seen.push({ kind: fault.kind, what, affected, began, healed, over })
    for (const node of silent) {
      const why = history.events.findLast((event) => event.node === node)?.words ?? 'no word'
      problems.push(`node-${node + 1} does not serve ${longestReturn / 1000} seconds after the end of: ${what}; what it said last: ${why}`)
    }
    onStep(`the judgement after: ${what}`)
    violations = judge(history, { since: judged, pending: loads.flatMap(({ pending }) => [...pending]) })
    judged = from
    say(
      `${fault.kind.padEnd(34)} ${what}; ${history.events.length - from} operations, all serve ${Math.round(over - healed)} ms after its end`,
    )
  }
  onStep('the last answers of the load')
  await Promise.all(loads.map((load) => load.stop()))
  return { faults: seen, violations, problems }
}

/** @returns nodes that did not answer in time */
async function untilAllAnswer(cluster: ChaosCluster, history: History<KeyInput>, since: number): Promise<number[]> {
  const silent = new Set(everyNode(cluster))
  for (let at = history.events.length; silent.size > 0 && performance.now() < since + longestReturn; await sleep(20))
    for (; at < history.events.length; at++) {
      const { node, invoked, outcome, freshness } = history.events[at] as Event<KeyInput>
      if (outcome === 'answered' && invoked - freshness >= since) silent.delete(node as number)
    }
  return [...silent]
}

function everyNode({ nodes }: ChaosCluster): number[] {
  return nodes.map((_, index) => index)
}

/** Milliseconds without a fault between two. */
const steady = [300, 1_000] as const
/** Milliseconds: far above what any fault takes to be over; a bound on coming back at all. */
const longestReturn = 60_000
