import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { type EtcdMemberInfo, revisionOf } from './etcd-messages.ts'
import { type NodeRecord, nodeRecords } from './format-watch.ts'
import type { Keys } from './keys.ts'
import { type Log, sleep } from './timing.ts'

/** One member as `cluster status` shows it. */
export interface MemberState {
  /** etcd's identifier, hexadecimal as etcd's own tools write it. */
  readonly id: string
  /** Empty for a member that was added and has never started. */
  readonly name: string
  readonly peerUrl: string
  readonly clientUrl: string | undefined
  readonly role: 'leader' | 'follower' | 'learner' | 'unknown'
  /** What is wrong with it; undefined for a healthy one. */
  readonly problem: string | undefined
  /** etcd's. */
  readonly version: string | undefined
  /** The version of its Tresor; undefined until it has told. */
  readonly tresor: string | undefined
  readonly revision: number | undefined
  /** Bytes on disk, and of those in use: the rest comes back by defragmentation. */
  readonly databaseSize: number | undefined
  readonly databaseInUse: number | undefined
  /** Bytes that its database may take. */
  readonly databaseQuota: number | undefined
}

export interface ClusterState {
  readonly members: readonly MemberState[]
  /** Whether a majority of the voting members is healthy. */
  readonly majority: boolean
}

/**
 * Asks each member how it is.
 * @param keys where the nodes tell of themselves; what they tell is left out without
 */
export async function clusterState(client: EtcdClient, keys?: Keys): Promise<ClusterState> {
  const { members } = await onAnyMember(client, (options) => client.memberList(options))
  client.learn(members.flatMap((member) => member.clientURLs.slice(0, 1)))
  const none: ReadonlyMap<string, NodeRecord> = new Map()
  // Without a majority nobody can be asked what the nodes told.
  const told = keys === undefined ? none : await nodeRecords(client, keys).catch(() => none)
  const states = await Promise.all(members.map((member) => memberState(client, member, told.get(member.name))))
  const voters = states.filter((state) => state.role !== 'learner')
  return { members: states, majority: voters.filter((state) => state.problem === undefined).length * 2 > voters.length }
}

async function memberState(client: EtcdClient, member: EtcdMemberInfo, told: NodeRecord | undefined): Promise<MemberState> {
  const clientUrl = member.clientURLs[0]
  const known = {
    id: BigInt(member.ID).toString(16),
    name: member.name,
    peerUrl: member.peerURLs[0] ?? '',
    clientUrl,
    tresor: told?.version,
  }
  const absent = { version: undefined, revision: undefined, databaseSize: undefined, databaseInUse: undefined, databaseQuota: told?.quota }
  const asleep = { ...known, ...absent, role: member.isLearner ? 'learner' : 'unknown' } as const
  if (clientUrl === undefined) return { ...asleep, problem: 'added, but has never started' }
  try {
    const status = await client.status({ deadline: callMilliseconds, endpoint: client.endpoints.indexOf(clientUrl) })
    return {
      ...known,
      role: status.isLearner ? 'learner' : status.leader === member.ID ? 'leader' : 'follower',
      problem: status.errors.length > 0 ? status.errors.join(', ') : status.leader === '0' ? 'sees no leader' : undefined,
      version: status.version,
      revision: revisionOf(status.header.revision),
      databaseSize: revisionOf(status.dbSize),
      databaseInUse: revisionOf(status.dbSizeInUse),
      // etcd before 3.6 does not say.
      databaseQuota: told?.quota ?? (revisionOf(status.dbSizeQuota) || undefined),
    }
  } catch (error) {
    return { ...asleep, problem: `does not answer: ${describeFailure(error)}` }
  }
}

/**
 * Adds a node's member as a learner: it copies the data without a vote, so that the cluster's majority does not depend on it yet.
 * Adding one that was added and has never started is no error, so that an interrupted join can be repeated.
 * @returns Every member's name and peer URL, the new one's included, as its `initialCluster`.
 */
export async function addLearner(client: EtcdClient, name: string, peerUrl: string): Promise<Readonly<Record<string, string>>> {
  const { members } = await onAnyMember(client, (options) => client.memberList(options))
  const namesake = members.find((member) => member.name === name)
  if (namesake !== undefined)
    throw new Error(
      `the cluster has a node named ${name} already; join under another name, or evict that one first: tresor cluster evict ${name}`,
    )
  const started = Object.fromEntries(members.filter((member) => member.name !== '').map((member) => [member.name, member.peerURLs[0]!]))
  if (!members.some((member) => member.peerURLs.includes(peerUrl))) await addPatiently(client, peerUrl)
  return { ...started, [name]: peerUrl }
}

/** etcd takes one learner at a time, and none within 5 s of another change: both pass. */
async function addPatiently(client: EtcdClient, peerUrl: string): Promise<void> {
  const deadline = performance.now() + changeMilliseconds
  while (true) {
    try {
      await client.memberAdd(peerUrl, { deadline: callMilliseconds * 2 })
      return
    } catch (error) {
      const why = describeFailure(error)
      if (/Peer URLs already exists/.test(why)) return
      if (performance.now() > deadline || !passing.test(why))
        throw new Error(`the cluster does not take a new member: ${why}`, { cause: error })
      if (!/learner|unhealthy/.test(why)) client.moveOn(client.preferred)
      await sleep(500)
    }
  }
}

/** Gives a member its vote as soon as it has caught up; resolves at once when it has one. Ends when told to. */
export async function promoteWhenReady(client: EtcdClient, peerUrl: string, log: Log, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    try {
      const { members } = await onAnyMember(client, (options) => client.memberList(options))
      const member = members.find((candidate) => candidate.peerURLs.includes(peerUrl))
      if (member === undefined) {
        log('error', `the cluster has no member at ${peerUrl}: it was evicted; join again with a new token and an empty data folder`)
        return
      }
      if (!member.isLearner) return
      await onAnyMember(client, (options) => client.memberPromote(member.ID, options))
      log('info', `this node's etcd member has caught up and votes from now on`)
      return
    } catch (error) {
      log('info', `this node's etcd member has no vote yet: ${describeFailure(error)}`)
      await sleep(300)
    }
  }
}

/**
 * Removes a member for good: the one of a node's name, or with etcd's identifier.
 * @throws Error when there is none, or when those that stay would have no majority without it
 */
export async function evictMember(client: EtcdClient, wanted: string): Promise<MemberState> {
  const state = await clusterState(client)
  const { members } = state
  const member = members.find(({ id, name }) => name === wanted || id === wanted)
  if (member === undefined) throw new Error(`the cluster has no node ${wanted}; it has ${members.map(nameOf).sort().join(', ')}`)
  const why = whyNotEvict(state, member)
  if (why !== undefined) throw new Error(why)
  await removePatiently(client, BigInt(`0x${member.id}`).toString())
  return member
}

/** etcd removes none within 5 s of another change: that passes. */
async function removePatiently(client: EtcdClient, id: string): Promise<void> {
  const deadline = performance.now() + changeMilliseconds
  while (true) {
    try {
      await onAnyMember(client, (options) => client.memberRemove(id, options))
      return
    } catch (error) {
      const why = describeFailure(error)
      if (/member not found|removed/i.test(why)) return
      if (performance.now() > deadline || !passing.test(why))
        throw new Error(`the cluster does not let the member go: ${why}`, { cause: error })
      await sleep(500)
    }
  }
}

/** Why a member must stay; undefined when the others do without it. */
export function whyNotEvict({ members, majority }: ClusterState, member: MemberState): string | undefined {
  if (!majority)
    return `the cluster has no majority now, and can change nothing, its members neither: start enough of its nodes, or begin anew with tresor cluster restore`
  if (member.role === 'learner') return undefined
  const others = members.filter((other) => other !== member && other.role !== 'learner')
  if (others.length === 0) return `${nameOf(member)} is the only node of the cluster that has a vote`
  const ill = others.filter(({ problem }) => problem !== undefined)
  if ((others.length - ill.length) * 2 > others.length) return undefined
  return (
    `without ${nameOf(member)} the cluster would have no majority: of the ${others.length} other nodes ${ill.map(nameOf).join(' and ')} ` +
    `cannot take part (${ill[0]?.problem}). Evict the one that is lost, or start it first`
  )
}

function nameOf({ name, id }: MemberState): string {
  return name === '' ? id : name
}

/** Asks one member after the other; a learner answers few calls, a dead one none. */
async function onAnyMember<T>(client: EtcdClient, call: (options: { deadline: number; endpoint: number }) => Promise<T>): Promise<T> {
  let failure: unknown
  for (let offset = 0; offset < client.endpoints.length; offset++) {
    const endpoint = (client.preferred + offset) % client.endpoints.length
    try {
      return await call({ deadline: callMilliseconds, endpoint })
    } catch (error) {
      if (!/learner/.test(describeFailure(failure ?? ''))) failure = error
    }
  }
  throw failure
}

const callMilliseconds = 2000
const changeMilliseconds = 30_000
const passing = /learner|unhealthy|no leader|timed out|not start|DEADLINE|Deadline|connect|unavailable/i
