import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { History } from '../support/history.ts'
import { type ChaosCluster, startChaosCluster, tenants } from './chaos-cluster.ts'
import { type ChaosSeen, runFaults } from './chaos-run.ts'
import { type Fault, faults } from './faults.ts'
import { findPlants, type PlantFound } from './find-plants.ts'
import { judge, type KeyViolation } from './judge.ts'
import { KeyLoad } from './key-load.ts'
import { done, type KeyInput } from './key-model.ts'
import { networkHere, runInNetwork } from './open-network.ts'
import { harmlessNames } from './plant-names.ts'
import { Random } from './random.ts'
import { replicaDifferences } from './replicas.ts'
import { type FaultRow, faultRows, faultTable, type OperationRow, operationRows, operationTable } from './report.ts'
import { violationText, writeViolations } from './violation-files.ts'

/** What a run has seen, as `--report FILE` writes it. */
export interface ChaosReport {
  readonly seed: number
  readonly network: string
  readonly seconds: number
  /** What could not be tried here, and why. */
  readonly lacking: readonly string[]
  readonly faults: readonly FaultRow[]
  readonly operations: readonly OperationRow[]
  readonly violations: readonly KeyViolation[]
  readonly problems: readonly string[]
  readonly plants: readonly PlantFound[]
}

const { values: options } = parseArgs({
  options: {
    inside: { type: 'string' },
    network: { type: 'string', default: 'namespaces' },
    nodes: { type: 'string', default: '3' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    kinds: { type: 'string' },
    plants: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    report: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const size = Number(options.nodes)
const say = (text: string) => {
  if (!options.json) process.stdout.write(`${text}\n`)
}
/** What the run is at; told when it does not come to an end. */
let step = 'the start of the cluster'

/** Makes the network and runs this program again in it. */
async function outside(): Promise<number> {
  const wrong = misuse()
  if (wrong !== undefined) {
    process.stderr.write(`chaos: ${wrong}\n`)
    return 2
  }
  process.env[insideMark] = 'yes'
  const kind = options.network === 'proxies' ? 'proxies' : 'namespaces'
  return await runInNetwork(kind, size, new URL(import.meta.url), process.argv.slice(2), (text) => process.stderr.write(`${text}\n`))
}

/** A sentence for what was asked for and cannot be; undefined when all can. */
function misuse(): string | undefined {
  const unknown = (options.kinds?.split(',') ?? []).find((kind) => !faults.some((fault) => fault.kind === kind))
  if (unknown !== undefined) return `--kinds: there is no "${unknown}"; there are: ${faults.map(({ kind }) => kind).join(', ')}`
  if (!['namespaces', 'proxies'].includes(options.network)) return `--network: namespaces or proxies, not "${options.network}"`
  if (![3, 5].includes(size)) return `--nodes: 3 or 5, not "${options.nodes}"`
  const number = (['minutes', 'seed'] as const).find((name) => options[name] !== undefined && !(Number(options[name]) >= 0))
  return number === undefined ? undefined : `--${number}: a number, not "${options[number]}"`
}

async function inside(): Promise<number> {
  const seed = Number(options.seed ?? process.env.TRESOR_CHAOS_SEED ?? randomInt(2 ** 31))
  say(`seed ${seed}; the same again: --seed ${seed} or TRESOR_CHAOS_SEED=${seed}`)
  const network = await networkHere(size, process.argv.slice(2))
  for (const limit of network.limits) say(`network of ${network.kind}: ${limit}`)
  const folder = mkdtempSync(join(tmpdir(), 'tresor-plants-'))
  const plant = join(folder, 'plant')
  const cluster = await startChaosCluster({
    network,
    size,
    onNode: (name) => say(`${name} serves`),
    ...(options.plants ? { environment: { TRESOR_CHAOS_PLANT: plant }, preload: [new URL('./plants.js', import.meta.url)] } : {}),
  })
  const overdue = options.quick ? setTimeout(giveUp, longestQuickRun, cluster) : undefined
  try {
    return await run(cluster, seed, plant)
  } finally {
    step = 'the end of the cluster'
    await cluster.remove()
    clearTimeout(overdue)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A run that hangs says where, and leaves no processes behind. */
function giveUp(cluster: ChaosCluster): void {
  say(`PROBLEM the run did not end within ${longestQuickRun / 1000} seconds; it was at ${step}`)
  for (const { name, process: node } of cluster.nodes) say(`${name}: ${node.isRunning ? 'runs' : 'does not run'}; ${node.words.join('\n')}`)
  process.kill(process.pid, 'SIGTERM')
}

async function run(cluster: ChaosCluster, seed: number, plantFile: string): Promise<number> {
  const random = new Random(seed)
  const history = new History<KeyInput>()
  const newLoads = loadsOn(cluster, new Random(seed + 1))
  const loads = newLoads(history, 'chaos')
  const began = performance.now()
  const chosen = faults.filter(({ kind }) => options.kinds === undefined || options.kinds.split(',').includes(kind))
  const lacking = chosen.flatMap(({ kind, lacks }) => (lacks?.(cluster) === undefined ? [] : [`${kind}: ${lacks(cluster)}`]))
  const possible = chosen.filter(({ lacks }) => lacks?.(cluster) === undefined)
  const end = began + (options.minutes === undefined ? mostOfOneRound : Number(options.minutes) * 60_000)
  const seen = await runFaults({
    cluster,
    loads,
    history,
    random,
    faults: options.minutes === undefined ? random.shuffled(possible) : rounds(possible, random),
    hold: options.quick ? [700, 1_800] : [1_000, 8_000],
    isOver: () => performance.now() > end,
    onStep: (what) => {
      step = what
    },
    say,
  })
  if (options.minutes === undefined && performance.now() > end) lacking.push(...untimely(possible, seen))
  // Nodes that do not serve answer nothing more.
  const areWell = seen.problems.length === 0
  step = 'the last look at all keys'
  if (areWell) await Promise.all(loads.map((load) => load.lookAtAll()))
  step = 'the judgement of the whole history'
  const violations = judge(history)
  step = 'the planted faults'
  const plants = options.plants && areWell ? await findPlants({ loads: newLoads, file: plantFile }) : []
  step = 'the comparison of the replicas'
  const differences = areWell ? await replicaDifferences(cluster) : []
  const report: ChaosReport = {
    seed,
    network: cluster.network.kind,
    seconds: Math.round((performance.now() - began) / 1000),
    lacking,
    faults: faultRows(seen.faults, history, [...cluster.nodes.keys()]),
    operations: operationRows(history),
    violations,
    problems: [...seen.problems, ...differences, ...(isGranted(history) ? [] : ['no key was made: nothing is shown'])],
    plants,
  }
  tell(report, seen)
  if (options.report !== undefined) writeFileSync(options.report, JSON.stringify(report))
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  if (violations.length > 0) process.stderr.write(`history.jsonl and violations.txt lie in ${writeViolations(seed, history, violations)}\n`)
  return violations.length + report.problems.length === 0 &&
    plants.every(({ plant, what }) => (what === undefined) === harmlessNames.some((name) => name === plant))
    ? 0
    : 1
}

/** What one round had no time for, as sentences. */
function untimely(possible: readonly Fault[], seen: ChaosSeen): string[] {
  const left = possible.filter(({ kind }) => !seen.faults.some((fault) => fault.kind === kind))
  return left.map(({ kind }) => `${kind}: ${mostOfOneRound / 1000} seconds were over, on a machine this busy`)
}

function isGranted({ events }: History<KeyInput>): boolean {
  return events.some(({ input, answer }) => input.do === 'Create' && answer === done)
}

/**
 * One for each tenant: some clients at each node, and as many that fail over.
 * @param random apart from the faults' numbers: which fault meets which node must not depend on how fast answers come
 */
function loadsOn(cluster: ChaosCluster, random: Random): (history: History<KeyInput>, prefix: string) => readonly KeyLoad[] {
  const all = tenants.map(({ name, freshness, clientsEach }) => {
    const clientsAt = (node: number | undefined) => Array.from({ length: clientsEach }, () => cluster.client(name, node))
    return { name, freshness, at: [...cluster.nodes.keys(), undefined].map((node) => ({ node, clients: clientsAt(node) })) }
  })
  return (history, prefix) =>
    all.map(({ name, freshness, at }) => new KeyLoad({ at, freshness, history, random, prefix: `${prefix}-${name}` }))
}

/** Every kind once, in an order of their own, again and again. */
function* rounds(all: readonly Fault[], random: Random): Iterable<Fault> {
  while (all.length > 0) yield* random.shuffled(all)
}

function tell({ faults: rows, operations, violations, problems, plants, lacking, seconds }: ChaosReport, seen: ChaosSeen): void {
  say(`\n${seen.faults.length} faults in ${seconds} seconds\n\n${faultTable(rows)}\n\n${operationTable(operations)}\n`)
  for (const line of lacking) say(`not tried: ${line}`)
  for (const { plant, what, after } of plants) say(`planted: ${plant}: ${what ?? 'nothing found'} (${Math.round(after)} ms)`)
  for (const violation of violations) say(`VIOLATION ${violationText(violation)}`)
  for (const problem of problems) say(`PROBLEM ${problem}`)
  say(`${violations.length} violations, ${problems.length} problems`)
}

/** Milliseconds for each kind once: three times what it takes. */
const mostOfOneRound = 240_000
/** Milliseconds; some six times what it takes. */
const longestQuickRun = 600_000
/** Tells the program that runs inside the network from the one that makes it. */
const insideMark = 'TRESOR_CHAOS_INSIDE'

process.exitCode = process.env[insideMark] === undefined ? await outside() : await inside()
