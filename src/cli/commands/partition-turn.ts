import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Invocation } from '../command.ts'
import { askNode } from '../place.ts'
import { type StuckObjects, StuckTelling } from '../stuck-objects.ts'

interface TurnState {
  readonly epoch: number
  readonly turn: {
    readonly phase: 'making' | 'rewrapping' | 'destroying'
    readonly to: number
    readonly startedAt: string
    readonly seen: number
    readonly total: number
    readonly rewrapped: number
    readonly problem?: string
    readonly stuck: StuckObjects
  } | null
}

export const partitionTurnEpoch: Command = {
  name: 'partition turn-epoch',
  usage: 'NAME',
  summary: 'Give a partition a new key-encryption key and destroy the old one, while it serves.',
  details: `A new key-encryption key is made, every stored key is re-wrapped under it inside the partition, and the old one is destroyed. Keys that were
destroyed before cannot be had back from then on, from no copy of the store, log or backup; nor can keys that only such a copy has: a backup
from before the turn is of no use after it, so make a new one. The node does the work, on whichever node of a cluster has its turn: this
command watches it, may be broken off, and shows the rest when it is run again. A record that cannot be opened is named and keeps the turn from ending,
until it is restored or given up: key give-up.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [partition] = invocation.arguments
    const { endsOldCopies } = await askNode<{ endsOldCopies: boolean }>(invocation, 'partition.turn', { partition })
    const told = new Telling(invocation)
    let begun: string | undefined
    for (;;) {
      const { epoch, turn } = await askNode<TurnState>(invocation, 'partition.turn-state', { partition })
      begun ??= turn?.startedAt
      if (turn === null || turn.startedAt !== begun) {
        invocation.output.step('epoch', `${epoch}; the keys of earlier epochs are destroyed`, { partition, epoch })
        break
      }
      told.tell(turn)
      await sleep(pollMilliseconds)
    }
    invocation.output.line()
    invocation.output.line(
      endsOldCopies
        ? 'Make a new backup: those from before the turn cannot be opened any more.'
        : 'Make a new backup. Copies of the store from before this turn STAY OPEN to who has the root secret: the partition had no epoch secret until now. The next turns end old copies; what ends those is another root secret: tresor help root change.',
    )
  },
}

/** Says each thing once, and how far the re-wrapping is at each tenth. */
class Telling {
  readonly #invocation: Invocation
  readonly #stuck: StuckTelling
  #phase: string | undefined
  #problem: string | undefined
  #tenth = -1

  constructor(invocation: Invocation) {
    this.#invocation = invocation
    this.#stuck = new StuckTelling(invocation.output)
  }

  tell({ phase, to, seen, total, rewrapped, problem, stuck }: NonNullable<TurnState['turn']>): void {
    const { output } = this.#invocation
    if (phase !== this.#phase) output.step(phase, this.#said[phase], { epoch: to })
    this.#phase = phase
    this.#stuck.tell(stuck)
    if (problem !== undefined && problem !== this.#problem) output.step('waits', problem, { problem })
    this.#problem = problem
    const tenth = phase === 'rewrapping' && total > 0 ? Math.floor((10 * seen) / total) : -1
    if (tenth > this.#tenth) output.step('re-wrapped', `${rewrapped} keys, ${seen} of ${total} objects seen`, { rewrapped, seen, total })
    this.#tenth = tenth
  }

  readonly #said = {
    making: 'a new key-encryption key',
    rewrapping: 'new keys are wrapped under it; stored ones are re-wrapped',
    destroying: 'the key-encryption keys of earlier epochs',
  } as const
}

const pollMilliseconds = 250
