import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from '../command.ts'
import { askNode } from '../place.ts'
import { type StuckObjects, StuckTelling } from '../stuck-objects.ts'

interface MoveState {
  readonly partition: string
  readonly move: {
    readonly to: string
    readonly seen: number
    readonly total: number
    readonly problem?: string
    readonly stuck: StuckObjects
  } | null
}

export const partitionMigrate: Command = {
  name: 'partition migrate',
  usage: 'TENANT PARTITION',
  summary: "Move a tenant's keys from its software partition into a token, while it is served.",
  details: `Each key is re-wrapped in the token, wrapped on its way; all that is new is made in the token from the start. A key of a sort that the token
cannot keep is named, and keeps the move from ending until it is destroyed; so is a record that cannot be opened, until it is restored or given up: key give-up. The node does the work: this command watches it, may be broken off, and
shows the rest when it is run again. Operations in parts that are under way when it begins end. Copies of the store from before hold the keys under the software partition still.`,
  arity: [2, 2],
  options: {},
  async run(invocation) {
    const { output } = invocation
    const [tenant, partition] = invocation.arguments
    const { wasThere } = await askNode<{ readonly wasThere: boolean }>(invocation, 'partition.migrate', { tenant, partition })
    if (wasThere) return output.step('there', `tenant ${tenant} is in partition ${partition} already`, { tenant, partition })
    output.step('moving', `tenant ${tenant} to partition ${partition}`, { tenant, partition })
    let tenth = -1
    let told: string | undefined
    const stuckTelling = new StuckTelling(output)
    for (;;) {
      const { move } = await askNode<MoveState>(invocation, 'partition.migrate-state', { tenant })
      if (move === null) break
      const { seen, total, problem, stuck } = move
      stuckTelling.tell(stuck)
      if (problem !== undefined && problem !== told) output.step('waits', problem, { problem })
      told = problem
      const now = total > 0 ? Math.floor((10 * seen) / total) : -1
      if (now > tenth) output.step('moved', `${seen} of ${total} objects seen`, { seen, total })
      tenth = now
      await sleep(pollMilliseconds)
    }
    output.step('done', `tenant ${tenant} is in partition ${partition}`, { tenant, partition })
    output.line()
    output.line(
      'Make a new backup: those from before hold its keys under the software partition. When no tenant is left in that: tresor partition remove.',
    )
  },
}

const pollMilliseconds = 250
