import { ClockWatch } from './clock-watch.ts'
import { ClusterHealth } from './cluster-health.ts'
import type { EtcdClient } from './etcd-client.ts'
import type { EtcdLedger } from './etcd-ledger.ts'
import type { Member } from './etcd-member.ts'
import { FormatWatch } from './format-watch.ts'
import type { Keys } from './keys.ts'
import { defaultQuota } from './quota.ts'
import { SpaceKeeper, type SpaceThresholds } from './space-keeper.ts'
import type { Log } from './timing.ts'

/** What may be chosen of it; the values that are left out fit a node that serves. */
export interface NodeWatchChoices {
  /** The clock, as `Date.now`. */
  readonly now?: () => number
  /** Milliseconds between two comparisons of the clocks. */
  readonly clockInterval?: number
  /** Milliseconds between two looks at the members' files. */
  readonly spaceInterval?: number
  readonly spaceThresholds?: SpaceThresholds
}

export interface NodeWatchOptions {
  readonly client: EtcdClient
  readonly keys: Keys
  readonly node: string
  /** Of Tresor. */
  readonly version?: string | undefined
  readonly ledger: EtcdLedger
  readonly log: Log
  /** The supervised member with its quota in bytes; undefined where an operator runs etcd, and looks after it. */
  readonly member: { readonly process: Member; readonly quota: number | undefined } | undefined
  readonly choices?: NodeWatchChoices | undefined
}

/** A node's eye on its cluster: health, clocks, and the room in the members' files. Everything is answered at once. */
export interface NodeWatch {
  /** What keeps this node from serving. Sentences with the cure. */
  problems(): readonly string[]
  /** What an operator should know although the node serves. */
  notices(): readonly string[]
  /** Resolves when a format may be written: see `FormatWatch.agree`. @throws Error that names the nodes that are behind */
  agree(format: number): Promise<void>
  gauges(): Readonly<Record<string, number>>
  counters(): Readonly<Record<string, number>>
  close(): Promise<void>
}

export function startNodeWatch(options: NodeWatchOptions): NodeWatch {
  const { client, keys, node, version, ledger, log, member, choices = {} } = options
  const { now = Date.now, clockInterval, spaceInterval, spaceThresholds } = choices
  const clock = new ClockWatch({ client, keys, node, log, now, ...(clockInterval !== undefined && { interval: clockInterval }) })
  const quota = member && (member.quota ?? defaultQuota)
  const format = new FormatWatch({ client, keys, node, version, quota, ledger })
  const health = new ClusterHealth({ client, keys, log, ledger, clock: () => clock.view(), member: member?.process, quota })
  const space =
    quota === undefined
      ? undefined
      : new SpaceKeeper({
          client,
          keys,
          node,
          quota,
          log,
          withoutOwnMember: (work) => client.without(0, () => ledger.withoutOwnMember(work)),
          ...(spaceThresholds !== undefined && { thresholds: spaceThresholds }),
          ...(spaceInterval !== undefined && { interval: spaceInterval }),
        })
  return {
    problems: () => health.problems(),
    notices: () => health.notices(),
    agree: (wanted) => format.agree(wanted),
    gauges: () => health.gauges(),
    counters: () => ({ ...ledger.counters(), etcd_defragmentations_total: space?.defragmentations ?? 0 }),
    close: async () => {
      await Promise.all([clock.close(), format.close(), health.close(), space?.close()])
    },
  }
}
