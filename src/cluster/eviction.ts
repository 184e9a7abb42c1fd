import type { EtcdClient } from './etcd-client.ts'
import type { Keys } from './keys.ts'

export interface OwnMember {
  /** As `ClusterMembership.memberId`. */
  readonly id: string | undefined
  readonly isEvicted: boolean
}

/**
 * Looks whether this node's member still is one of the cluster. Known by its identifier, which etcd gives once: another node may
 * have its name and addresses by now.
 * @param id as it was known before; undefined when this node never saw its own
 * @param endpoint the member that is asked
 * @throws Error when it does not answer
 */
export async function lookAtOwnMember(
  client: EtcdClient,
  keys: Keys,
  id: string | undefined,
  endpoint: number = client.preferred,
): Promise<OwnMember> {
  const known = id ?? (await ownIdentifier(client))
  if (known === undefined) return { id: undefined, isEvicted: false }
  const isAbsent = async () => {
    const { members } = await client.memberList({ deadline: callMilliseconds, endpoint })
    return !members.some(({ ID }) => hexadecimal(ID) === known)
  }
  if (!(await isAbsent())) return { id: known, isEvicted: false }
  // etcd 3.4 tells of members what this one knows, which may be old; after a linearizable read it is not.
  await client.range({ key: keys.head, limit: 1 }, { deadline: callMilliseconds, endpoint })
  return { id: known, isEvicted: await isAbsent() }
}

/** What the own member says of itself; undefined while it does not answer. */
async function ownIdentifier(client: EtcdClient): Promise<string | undefined> {
  const status = await client.status({ deadline: callMilliseconds, endpoint: 0 }).catch(() => undefined)
  return status === undefined ? undefined : hexadecimal(status.header.memberId)
}

function hexadecimal(id: string): string {
  return BigInt(id).toString(16)
}

/** What an evicted node says, in its log, its health and every answer. */
export const evictedProblem =
  'this node was evicted from its cluster, and answers no key operation; to take part again it must join with a new token and an empty data folder: tresor cluster join TOKEN'

const callMilliseconds = 1000
