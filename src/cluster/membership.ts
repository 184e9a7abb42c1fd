import { describeFailure, type EtcdClient } from './etcd-client.ts'
import { type EtcdMemberInfo, revisionOf } from './etcd-messages.ts'
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
  readonly version: string | undefined
  readonly revision: number | undefined
  /** Bytes on disk, and of those in use: the rest comes back by defragmentation. */
  readonly databaseSize: number | undefined
  readonly databaseInUse: number | undefined
}

export interface ClusterState {
  readonly members: readonly MemberState[]
  /** Whether a majority of the voting members is healthy. */
  readonly majority: boolean
}

/** Asks each member how it is. */
export async function clusterState(client: EtcdClient): Promise<ClusterState> {
  const { members } = await onAnyMember(client, (options) => client.memberList(options))
  client.learn(members.flatMap((member) => member.clientURLs.slice(0, 1)))
  const states = await Promise.all(members.map((member) => memberState(client, member)))
  const voters = states.filter((state) => state.role !== 'learner')
  return { members: states, majority: voters.filter((state) => state.problem === undefined).length * 2 > voters.length }
}

async function memberState(client: EtcdClient, member: EtcdMemberInfo): Promise<MemberState> {
  const clientUrl = member.clientURLs[0]
  const known = { id: BigInt(member.ID).toString(16), name: member.name, peerUrl: member.peerURLs[0] ?? '', clientUrl }
  const absent = { version: undefined, revision: undefined, databaseSize: undefined, databaseInUse: undefined }
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
    throw new Error(`the cluster has a node named ${name} already; join under another name, or remove that node first`)
  const started = Object.fromEntries(members.filter((member) => member.name !== '').map((member) => [member.name, member.peerURLs[0]!]))
  if (!members.some((member) => member.peerURLs.includes(peerUrl))) await addPatiently(client, peerUrl)
  return { ...started, [name]: peerUrl }
}

/** etcd takes one learner at a time, and none within 5 s of another change: both pass. */
async function addPatiently(client: EtcdClient, peerUrl: string): Promise<void> {
  const deadline = performance.now() + addMilliseconds
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
        log('error', `the cluster has no member at ${peerUrl}: it was removed; join again with a new token and an empty data folder`)
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

/** Removes a member for good. `id` as in `MemberState`. */
export async function removeMember(client: EtcdClient, id: string): Promise<void> {
  await onAnyMember(client, (options) => client.memberRemove(BigInt(`0x${id}`).toString(), options))
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
const addMilliseconds = 30_000
const passing = /learner|unhealthy|no leader|timed out|not start|DEADLINE|Deadline|connect|unavailable/i
