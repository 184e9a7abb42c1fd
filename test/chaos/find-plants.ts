import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { History } from '../support/history.ts'
import { judge } from './judge.ts'
import type { KeyLoad } from './key-load.ts'
import type { KeyInput } from './key-model.ts'
import { harmlessNames, type PlantName, plantNames } from './plant-names.ts'

/** Whether a planted fault was found out. */
export interface PlantFound {
  readonly plant: PlantName
  /** What was found first; undefined when nothing was. */
  readonly what: string | undefined
  /** Milliseconds under load until then. */
  readonly after: number
  readonly operations: number
}

export interface PlantOptions {
  /** New loads, one for each tenant, with names that begin so. */
  readonly loads: (history: History<KeyInput>, prefix: string) => readonly KeyLoad[]
  /** The file that the nodes' processes look at. */
  readonly file: string
}

/** Plants each fault in all nodes in turn, under load, until the checker finds it out; and then what harms nobody, in which nothing must be found. */
export async function findPlants({ loads, file }: PlantOptions): Promise<PlantFound[]> {
  const found: PlantFound[] = []
  for (const plant of [...plantNames, ...harmlessNames]) {
    await writeFile(file, plant)
    await sleep(settled)
    const history = new History<KeyInput>()
    const running = loads(history, plant.replaceAll(' ', '-'))
    const began = performance.now()
    for (const load of running) load.start()
    const isHarmless = harmlessNames.some((name) => name === plant)
    const most = isHarmless ? controlMilliseconds : longestMilliseconds
    let what: string | undefined
    while (what === undefined && performance.now() - began < most) {
      await sleep(lookEvery)
      what = judge(history, { pending: running.flatMap(({ pending }) => [...pending]) })[0]?.what
    }
    found.push({ plant, what, after: performance.now() - began, operations: history.events.length })
    await writeFile(file, '')
    await Promise.all(running.map((load) => load.stop()))
  }
  return found
}

/** Milliseconds: more than the processes take to see what is planted. */
const settled = 1_000
const lookEvery = 400
/** Fifty times what it takes: few requests a second find little. */
const longestMilliseconds = 60_000
const controlMilliseconds = 4_000
