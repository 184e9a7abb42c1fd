import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScratchClusterNode } from '../../src/cli/scratch-cluster.ts'
import { between, type LinkRule } from '../support/network-faults.ts'
import { untilStopped } from '../support/stopped.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { Random } from './random.ts'

/** A way for things to go wrong. */
export interface Fault {
  readonly kind: string
  /** Why this cluster cannot have it; undefined when it can. */
  lacks?(cluster: ChaosCluster): string | undefined
  /** @param free the nodes that it may choose from */
  start(cluster: ChaosCluster, random: Random, free: readonly number[]): Promise<RunningFault>
}

/** A fault in force. */
export interface RunningFault {
  /** As a part of a sentence: `node-2 stopped`. */
  readonly what: string
  /** The nodes that may have to refuse; each other one should serve. */
  readonly affected: readonly number[]
  /** Takes it back; what was killed runs again. How long it takes until all serve again is the nodes' affair. */
  heal(): Promise<void>
}

/** A fault of the lines, for one node. */
function ofLines(kind: string, what: string, rules: LineRules, ends: FaultEnds = {}): Fault {
  return {
    kind,
    ...(ends.lacks === undefined ? {} : { lacks: ends.lacks }),
    async start(cluster, random, free) {
      const chosen = ends.choose === undefined ? undefined : await ends.choose(cluster)
      const node = chosen !== undefined && free.includes(chosen) ? chosen : random.of(free)
      const heal = await cluster.network.impose(rules(node, everyNode(cluster)))
      return { what: `${nameOf(node)} ${what}`, affected: ends.concernsAll === true ? everyNode(cluster) : [node], heal }
    },
  }
}

interface FaultEnds {
  readonly lacks?: Fault['lacks']
  readonly choose?: (cluster: ChaosCluster) => Promise<number | undefined>
  /** No node of them is expected to serve as well as without it. */
  readonly concernsAll?: boolean
}

/** What is lost or late for a node among all of them. */
type LineRules = (node: number, all: readonly number[]) => readonly LinkRule[]

const everyNode = ({ nodes }: ChaosCluster) => [...nodes.keys()]
const othersThan = (some: readonly number[], all: readonly number[]) => all.filter((other) => !some.includes(other))
const nameOf = (node: number) => `node-${node + 1}`

/** What its processes are told, and how they go on. */
function ofProcesses(kind: string, what: string, which: (cluster: ChaosCluster, node: number) => readonly number[]): Fault {
  return {
    kind,
    async start(cluster, random, free) {
      const node = random.of(free)
      const pids = which(cluster, node)
      signal(pids, 'SIGSTOP')
      await untilStopped(pids)
      return { what: `${nameOf(node)}: ${what}`, affected: [node], heal: async () => signal(pids, 'SIGCONT') }
    },
  }
}

const processOf = (name: 'etcd' | 'worker') => (cluster: ChaosCluster, node: number) =>
  [cluster.processes(node)[name]].filter((pid) => pid !== undefined)

const killedNode: Fault = {
  kind: 'kill -9 of a node',
  async start(cluster, random, free) {
    const at = random.of(free)
    const { process: node } = cluster.nodes[at] as ScratchClusterNode
    await node.kill()
    return { what: `${nameOf(at)} killed`, affected: [at], heal: () => startAgain(node) }
  },
}

const killedCluster: Fault = {
  kind: 'kill -9 of all nodes',
  async start(cluster) {
    const { nodes } = cluster
    await Promise.all(nodes.map(({ process: node }) => node.kill()))
    const heal = async () => void (await Promise.all(nodes.map(({ process: node }) => startAgain(node))))
    return { what: 'all nodes killed', affected: everyNode(cluster), heal }
  },
}

/** One of its processes ends at once; those that watch over it, or else its operator, start it again. */
function ofOneKilled(kind: string, what: string, which: (cluster: ChaosCluster, node: number) => readonly number[]): Fault {
  return {
    kind,
    async start(cluster, random, free) {
      const at = random.of(free)
      const { process: node } = cluster.nodes[at] as ScratchClusterNode
      signal(which(cluster, at), 'SIGKILL')
      return { what: `${nameOf(at)}: ${what}`, affected: [at], heal: () => startAgain(node) }
    },
  }
}

/** The process that has the ledger and watches over the others: they must end with it, or the node could not start again. */
const firstProcess = (cluster: ChaosCluster, node: number) => [cluster.nodes[node]?.process.pid].filter((pid) => pid !== undefined)

const fullDisk: Fault = {
  kind: 'full disk',
  lacks: ({ smallDisk }) => (smallDisk === undefined ? 'no small file system can be mounted here' : undefined),
  async start(cluster, _, free) {
    const at = cluster.smallDisk as number
    if (!free.includes(at)) throw new Error(`${nameOf(at)} alone has a small disk`)
    const { data, process: node } = cluster.nodes[at] as ScratchClusterNode
    const file = join(data, 'filler')
    await fill(file)
    const heal = async () => {
      await rm(file)
      // A node ends when its replica cannot be written, perhaps only now; what watches over it would start it again.
      for (const end = performance.now() + lastWrites; node.isRunning && performance.now() < end; ) await sleep(50)
      await startAgain(node)
    }
    return { what: `${nameOf(at)}: its disk full`, affected: [at], heal }
  },
}

const clockStep: Fault = {
  kind: 'clock step',
  async start(cluster, random, free) {
    const at = random.of(free)
    const offset = Math.round(random.between(2_000, 7_200_000)) * random.of([1, -1])
    await writeFile(cluster.clockFile(at), String(offset))
    const heal = () => writeFile(cluster.clockFile(at), '0')
    return { what: `${nameOf(at)}: its clock off by ${(offset / 1000).toFixed(0)} s`, affected: [at], heal }
  },
}

const cutFromOthers: LineRules = (node, all) => between([node], othersThan([node], all), { loss: 1 })
const amongAll =
  (what: Pick<LinkRule, 'loss' | 'delay'>): LineRules =>
  (_, all) =>
    all.flatMap((node) =>
      between(
        [node],
        all.filter((other) => other > node),
        what,
      ),
    )

/** Of five, two may fail at once. */
const tooFew = ({ nodes }: ChaosCluster) => (nodes.length < 5 ? 'it takes five nodes (--nodes 5)' : undefined)

const killedMinority: Fault = {
  kind: 'kill -9 of two nodes',
  lacks: tooFew,
  async start(cluster, random, free) {
    const two = random.shuffled(free).slice(0, 2)
    const killed = two.map((at) => (cluster.nodes[at] as ScratchClusterNode).process)
    await Promise.all(killed.map((node) => node.kill()))
    const heal = async () => void (await Promise.all(killed.map(startAgain)))
    return { what: `${two.map(nameOf).join(' and ')} killed`, affected: two, heal }
  },
}

/** They still hear each other: the fewer side must not take itself for a cluster. */
const splitMinority: Fault = {
  kind: 'two nodes cut off together',
  lacks: tooFew,
  async start(cluster, random, free) {
    const two = random.shuffled(free).slice(0, 2)
    const heal = await cluster.network.impose(between(two, othersThan(two, everyNode(cluster)), { loss: 1 }))
    return { what: `${two.map(nameOf).join(' and ')} cut off from the others, not from each other`, affected: two, heal }
  },
}

const noMajority = ofLines('no majority', 'and all others cut off from each other', amongAll({ loss: 1 }), { concernsAll: true })
/** They leave as many well as may be, or none. */
const alone: ReadonlySet<Fault> = new Set([noMajority, killedCluster, splitMinority, killedMinority])

const singles: readonly Fault[] = [
  ofLines('node cut off from the others', 'cut off from the others', cutFromOthers),
  ofLines(
    'node cut off from all',
    'cut off from the others and the clients',
    (node, all) => between([node], [...othersThan([node], all), 'clients'], { loss: 1 }),
    {
      lacks: ({ network }) => (network.reachesClients ? undefined : 'the lines to the clients cannot be made bad here'),
    },
  ),
  ofLines('leader isolated', 'cut off from the others (the leader, if it could be told)', cutFromOthers, {
    choose: (cluster) => cluster.leader(),
  }),
  ofLines('one-way loss to a node', 'hears nothing of the others', (node, all) =>
    othersThan([node], all).map((from) => ({ from, to: node, loss: 1 })),
  ),
  ofLines('one-way loss from a node', 'is not heard by the others', (node, all) =>
    othersThan([node], all).map((to) => ({ from: node, to, loss: 1 })),
  ),
  ofLines('partial loss', 'and all others lose a quarter of what they send each other', amongAll({ loss: 0.25 }), {
    concernsAll: true,
  }),
  ofLines('late lines', 'and all others hear each other late', amongAll({ delay: 120 }), { concernsAll: true }),
  noMajority,
  splitMinority,
  killedNode,
  killedMinority,
  killedCluster,
  ofOneKilled("kill -9 of a node's first process", 'its first process killed, and no other', firstProcess),
  ofOneKilled('kill -9 of an etcd', 'its etcd killed', processOf('etcd')),
  ofOneKilled('kill -9 of a worker', 'its worker killed', processOf('worker')),
  ofProcesses('SIGSTOP of a node', 'all of its processes stopped', (cluster, node) => cluster.processes(node).all),
  ofProcesses('SIGSTOP of an etcd', 'its etcd stopped', processOf('etcd')),
  ofProcesses('SIGSTOP of a worker', 'its worker stopped', processOf('worker')),
  fullDisk,
  clockStep,
]

/** The second at a node that the first concerns, too, so that the others still are a majority; of five, at another one. */
const twoAtOnce: Fault = {
  kind: 'two at once',
  async start(cluster, random, free) {
    const [one, other] = random.shuffled(singles.filter((fault) => !alone.has(fault) && fault.lacks?.(cluster) === undefined)) as [
      Fault,
      Fault,
    ]
    // One node alone can have a full disk: it chooses first.
    const [first, second] = other === fullDisk ? [other, one] : [one, other]
    const running = await first.start(cluster, random, free)
    const others = othersThan(running.affected, free)
    const also = await second.start(cluster, random, tooFew(cluster) === undefined && others.length > 0 ? others : running.affected)
    return {
      what: `${running.what}; ${also.what}`,
      affected: [...new Set([...running.affected, ...also.affected])],
      heal: async () => void (await Promise.all([running.heal(), also.heal()])),
    }
  },
}

/** One of each kind, and two of them at once. */
export const faults: readonly Fault[] = [...singles, twoAtOnce]

async function startAgain(node: ScratchClusterNode['process']): Promise<void> {
  if (!node.isRunning) await node.start()
}

/** One that has ended needs no signal. */
function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** Milliseconds in which a node that met the full disk ends. */
const lastWrites = 1_000

/** Writes until there is no room for one more page. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let size = 1024 * 1024; size >= 4096; size /= 2) {
      const block = Buffer.alloc(size)
      while (await file.write(block).then(({ bytesWritten }) => bytesWritten === size, whenFull));
    }
  } finally {
    await file.close()
  }

  function whenFull(error: NodeJS.ErrnoException): boolean {
    if (error.code === 'ENOSPC') return false
    throw error
  }
}
