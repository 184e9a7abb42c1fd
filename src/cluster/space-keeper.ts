import { describeFailure, type EtcdClient } from './etcd-client.ts'
import type { Keys } from './keys.ts'
import { clusterState, type MemberState } from './membership.ts'
import { SingleRunner } from './single-runner.ts'
import type { Log } from './timing.ts'

/** When a database file is worth rewriting. */
export interface SpaceThresholds {
  /** Bytes that must come back at least. */
  readonly bytes: number
  /** Share of the file that must come back. */
  readonly share: number
  /** Share of the quota from which on less is worth it, too. */
  readonly pressure: number
  /** Share of the file that must come back then. */
  readonly pressedShare: number
}

const defaultSpaceThresholds: SpaceThresholds = { bytes: 64 * 1024 ** 2, share: 0.5, pressure: 0.75, pressedShare: 0.1 }

export interface SpaceKeeperOptions {
  /** The node's own member first. */
  readonly client: EtcdClient
  readonly keys: Keys
  readonly node: string
  /** Bytes. */
  readonly quota: number
  readonly log: Log
  /** Does its work while this node asks other members than its own. */
  readonly withoutOwnMember: (work: () => Promise<void>) => Promise<void>
  readonly thresholds?: SpaceThresholds
  /** Milliseconds between two looks. */
  readonly interval?: number
}

/**
 * Keeps the members' database files small, and makes room when etcd has stopped taking writes for want of it.
 *
 * etcd reuses freed pages but never gives them back, until a member is told to rewrite its file; that member answers nothing meanwhile, for
 * seconds. So each node does it for its own member, in a turn of the cluster (one member at a time), while its own requests go to the
 * others; only when all members are well; and the leader's comes last, when no other needs it any more.
 *
 * In the alarm NOSPACE no turn can be taken, since that is a write. Then the node whose member leads does it for all: history is compacted,
 * each file rewritten, its own the last, and the alarm taken back once the files are below the quota. All of it may be done twice.
 */
export class SpaceKeeper {
  readonly #options: Required<SpaceKeeperOptions>
  readonly #runner: SingleRunner
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> | undefined
  #complained = false
  /** Members whose files were rewritten since the alarm was raised. */
  readonly #rewritten = new Set<string>()
  /** How often this node's member was defragmented, or another's by this node. */
  defragmentations = 0

  constructor(options: SpaceKeeperOptions) {
    this.#options = { thresholds: defaultSpaceThresholds, interval: defaultInterval, ...options }
    const { client, keys, node } = options
    this.#runner = new SingleRunner({ client, keys, node, task: 'defragmentation' })
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch((error: unknown) => this.#options.log('info', `the members' files were not looked at: ${describeFailure(error)}`))
        .finally(() => {
          this.#looking = undefined
        })
    }, this.#options.interval)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { client, node } = this.#options
    const { members } = await clusterState(client)
    const own = members.find(({ name }) => name === node)
    if (own === undefined) return
    if (members.some(isAlarmed)) {
      if (own.role === 'leader') await this.#makeRoom(members)
      return
    }
    this.#complained = false
    this.#rewritten.clear()
    if (!this.#isDue(own, members)) return
    await this.#runner.attempt(async (turn) => {
      // What was true before the turn came may not be any more.
      const { members: now } = await clusterState(client)
      const still = now.find(({ name }) => name === node)
      if (still === undefined || !this.#isDue(still, now) || !(await turn.isHeld())) return
      await this.#options.withoutOwnMember(() => this.#defragment(still))
    })
  }

  #isDue(own: MemberState, members: readonly MemberState[]): boolean {
    if (!this.#isWorthIt(own)) return false
    if (members.some(({ problem, role }) => problem !== undefined || role === 'learner')) return false
    return own.role !== 'leader' || !members.some((other) => other !== own && this.#isWorthIt(other))
  }

  #isWorthIt({ databaseSize: size = 0, databaseInUse: inUse = 0 }: MemberState): boolean {
    const { thresholds, quota } = this.#options
    const back = size - inUse
    if (size >= quota * thresholds.pressure) return back >= size * thresholds.pressedShare
    return back >= thresholds.bytes && back >= size * thresholds.share
  }

  async #makeRoom(members: readonly MemberState[]): Promise<void> {
    const { client, log, quota } = this.#options
    const unwell = members.filter((member) => member.problem !== undefined && !isAlarmed(member))
    if (unwell.length > 0) {
      this.#complain(`room cannot be made in etcd's database while a member is not well: ${unwell.map(({ name }) => name).join(', ')}`)
      return
    }
    await client.compact(Math.max(...members.map(({ revision = 0 }) => revision)), { deadline: compactMilliseconds }).catch((error) => {
      if (!/has been compacted/.test(describeFailure(error))) throw error
    })
    const { members: compacted } = await clusterState(client)
    for (const member of [...compacted].sort((a, b) => Number(a.role === 'leader') - Number(b.role === 'leader'))) {
      const { databaseSize: size = 0, databaseInUse: inUse = 0 } = member
      // What was compacted counts as unused only once something was written after it, and nothing can be: so once it is done on trust.
      if (this.#rewritten.has(member.id) && size - inUse < size * this.#options.thresholds.pressedShare) continue
      await this.#defragment(member)
      this.#rewritten.add(member.id)
    }
    const { members: after } = await clusterState(client)
    const largest = Math.max(...after.map(({ databaseSize = 0 }) => databaseSize))
    if (largest > quota * roomyShare) {
      this.#complain(
        `etcd's database holds ${largest} bytes and the quota is ${quota}, with nothing left to clear away: raise cluster.etcd.quota on every node and restart one after the other`,
      )
      return
    }
    for (const alarm of await client.alarms({ deadline: callMilliseconds })) {
      if (alarm.alarm === 'NOSPACE') await client.disarm(alarm, { deadline: callMilliseconds })
    }
    log('info', `etcd's database has room again: ${largest} of ${quota} bytes`)
  }

  async #defragment({ name, clientUrl, databaseSize: before = 0 }: MemberState): Promise<void> {
    const { client, log } = this.#options
    const endpoint = client.endpoints.indexOf(clientUrl ?? '')
    if (endpoint < 0) return
    const started = performance.now()
    await client.defragment({ deadline: defragmentMilliseconds, endpoint })
    this.defragmentations++
    const took = Math.round(performance.now() - started)
    const after = await client.status({ deadline: callMilliseconds, endpoint }).then(
      ({ dbSize }) => dbSize,
      () => 'unknown',
    )
    log('info', `the database file of member ${name} was rewritten in ${took} ms: ${before} bytes before, ${after} after`)
  }

  /** Once, until the trouble is over. */
  #complain(what: string): void {
    if (!this.#complained) this.#options.log('error', what)
    this.#complained = true
  }
}

function isAlarmed({ problem }: MemberState): boolean {
  return problem !== undefined && /NOSPACE/.test(problem)
}

/** Below this share of the quota the alarm is taken back. */
const roomyShare = 0.9
const defaultInterval = 10_000
const callMilliseconds = 2000
const compactMilliseconds = 30_000
/** A file of 8 GiB takes minutes on a slow disk. */
const defragmentMilliseconds = 10 * 60_000
