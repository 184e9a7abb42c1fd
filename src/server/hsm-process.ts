import { randomBytes } from 'node:crypto'
import type { PartitionProblems } from './process-messages.ts'
import type { SupervisedProcess } from './supervised-process.ts'

/** A partition's definition, as the hsm process knows to read it. */
export interface HsmPartition {
  readonly name: string
}

/** The process that holds PINs and modules, there as soon as a partition needs it. */
export class HsmProcess {
  readonly #make: (setup: () => object) => SupervisedProcess
  /** For digests of refused PINs: what one hsm process noted holds for the next, until the node starts anew. */
  readonly #pinKey = randomBytes(32).toString('base64')
  #partitions: readonly HsmPartition[] = []
  #process: SupervisedProcess | undefined
  /** One start or restart after the other: two processes would log in to the same tokens. */
  #turn: Promise<unknown> = Promise.resolve()
  #isStopped = false

  /** @param make a process that is told what `setup` gives when it starts */
  constructor(make: (setup: () => object) => SupervisedProcess) {
    this.#make = make
  }

  /** The one that runs, or is being started; undefined while none is needed. */
  get process(): SupervisedProcess | undefined {
    return this.#process
  }

  /** The partitions from now on: starts the process when it becomes needed. @throws Error when it cannot begin */
  set(partitions: readonly HsmPartition[]): Promise<void> {
    this.#partitions = partitions
    return this.#inTurn(async () => {
      if (this.#process === undefined) await this.#start()
      else this.#process.send({ type: 'update', value: this.#partitions })
    })
  }

  /** Starts the process anew. Its calls in progress fail. */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      const old = this.#process
      this.#process = undefined
      await old?.stop(stopMilliseconds)
      await this.#start()
    })
  }

  async problems(): Promise<PartitionProblems> {
    const down = () => Object.fromEntries(this.#partitions.map(({ name }) => [name, 'the hsm process is down; it is being started again']))
    return (await this.#process?.problems()) ?? down()
  }

  async stop(milliseconds = stopMilliseconds): Promise<void> {
    this.#isStopped = true
    await this.#process?.stop(milliseconds)
  }

  async #start(): Promise<void> {
    if (this.#isStopped || this.#partitions.length === 0) return
    const process = this.#make(() => ({ partitions: this.#partitions, pinKey: this.#pinKey }))
    this.#process = process
    try {
      await process.start()
    } catch (error) {
      // The next one who needs it tries again.
      this.#process = undefined
      throw error
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

const stopMilliseconds = 1000
