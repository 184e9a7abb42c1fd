import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { History } from '../support/history.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import { judge } from './judge.ts'
import { KeyLoad, type NodeClients } from './key-load.ts'
import type { KeyInput } from './key-model.ts'
import { type PlantName, plantNames } from './plant-names.ts'
import type { Random } from './random.ts'

/** Whether a planted fault was found out. */
export interface PlantFound {
  readonly plant: PlantName | 'nothing'
  /** What was found first; undefined when nothing was. */
  readonly what: string | undefined
  /** Milliseconds under load until then. */
  readonly after: number
  readonly operations: number
}

export interface PlantOptions {
  readonly cluster: ChaosCluster
  readonly at: readonly NodeClients[]
  readonly random: Random
  /** The file that the nodes' processes look at. */
  readonly file: string
}

/** Plants each fault in all nodes in turn, under load, until the checker finds it out; and nothing at last, which must find nothing. */
export async function findPlants({ at, random, file }: PlantOptions): Promise<PlantFound[]> {
  const found: PlantFound[] = []
  for (const plant of [...plantNames, 'nothing'] as const) {
    await writeFile(file, plant)
    await sleep(settled)
    const history = new History<KeyInput>()
    const load = new KeyLoad({ at, history, random, prefix: plant.replaceAll(' ', '-') })
    const began = performance.now()
    load.start()
    const most = plant === 'nothing' ? controlMilliseconds : longestMilliseconds
    let what: string | undefined
    while (what === undefined && performance.now() - began < most) {
      await sleep(lookEvery)
      what = judge(history, { pending: load.pending })[0]?.what
    }
    found.push({ plant, what, after: performance.now() - began, operations: history.events.length })
    await writeFile(file, '')
    await load.stop()
  }
  return found
}

/** Milliseconds: more than the processes take to see what is planted. */
const settled = 1_000
const lookEvery = 400
const longestMilliseconds = 30_000
const controlMilliseconds = 4_000
