import { clusterPaths, readMembership } from './cluster-folder.ts'
import { findEtcd } from './etcd-binary.ts'
import { EtcdClient } from './etcd-client.ts'
import { type Member, startMember } from './etcd-member.ts'
import { type Log, sleep } from './timing.ts'

export interface LoneMemberOptions {
  /** The node's cluster folder. */
  readonly folder: string
  /** Where its data lie; the folder's own unless said. */
  readonly dataDir?: string
  /** `alone`: what it knows of other members is forgotten, and it goes on with what it has itself. */
  readonly company?: 'as it was' | 'alone'
  readonly etcd?: string | undefined
  readonly quota?: number | undefined
  readonly log?: Log
}

/**
 * Runs the etcd member of a node that is stopped, for as long as `work` takes, without the node.
 * @throws Error when it does not come up, with its last words
 */
export async function withLoneMember<T>(options: LoneMemberOptions, work: (client: EtcdClient) => Promise<T>): Promise<T> {
  const membership = await readMembership(options.folder)
  const paths = clusterPaths(options.folder)
  if (membership === undefined) throw new Error(`${paths.membership} is not there: this node is in no cluster`)
  const { quota, log } = options
  const member = await startMember({
    ...membership,
    binary: (await findEtcd(options.etcd)).path,
    name: membership.node,
    dataDir: options.dataDir ?? paths.etcd,
    tls: paths.tls,
    forceNewCluster: options.company === 'alone',
    ...(log !== undefined && { log }),
    ...(quota !== undefined && { quota }),
  })
  const client = new EtcdClient({ endpoints: [membership.clientUrl], tls: paths.tls })
  try {
    await untilUp(member)
    return await work(client)
  } finally {
    client.close()
    await member.stop()
  }
}

/** Resolves when the member takes part. @throws Error with its last words when that takes more than a minute */
export async function untilUp(member: Member): Promise<void> {
  const deadline = performance.now() + upMilliseconds
  for (;;) {
    const problem = await member.problem()
    if (problem === undefined) return
    if (performance.now() > deadline)
      throw new Error(`etcd does not come up: ${problem}${member.lastWords === '' ? '' : ` (its last words: ${member.lastWords})`}`)
    await sleep(50)
  }
}

const upMilliseconds = 60_000
