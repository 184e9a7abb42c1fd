import { describeFailure, type EtcdClient } from './etcd-client.ts'
import type { Keys } from './keys.ts'

/** What a node holds that all nodes of its cluster must hold alike: by the file's name in the data folder, a fingerprint that reveals nothing. */
export type SharedSecrets = Readonly<Record<string, string>>

interface Recorded {
  /** The node that began the cluster. */
  readonly by: string
  readonly secrets: SharedSecrets
}

/**
 * Compares a node's shared secrets with those that the first node of the cluster had, which this one is if nobody recorded them yet.
 * @throws Error that names the file that differs, and the node to copy it from
 */
export async function checkSharedSecrets(client: EtcdClient, keys: Keys, node: string, secrets: SharedSecrets): Promise<void> {
  const recorded: Recorded = { by: node, secrets }
  const key = keys.cluster
  const { succeeded, responses } = await client
    .txn(
      {
        compare: [{ result: 'EQUAL', target: 'MOD', key, modRevision: 0 }],
        success: [{ requestPut: { key, value: Buffer.from(JSON.stringify(recorded)) } }],
        failure: [{ requestRange: { key, limit: 1 } }],
      },
      { deadline: callMilliseconds },
    )
    .catch((error: unknown) => {
      throw new Error(`cluster.etcd.endpoints: that etcd does not take writes: ${describeFailure(error)}`, { cause: error })
    })
  if (succeeded) return
  const first = JSON.parse(responses[0]?.responseRange?.kvs[0]?.value.toString() ?? '') as Recorded
  for (const [name, fingerprint] of Object.entries(first.secrets)) {
    if (secrets[name] === fingerprint) continue
    const what = secrets[name] === undefined ? 'is missing here' : 'is another here'
    throw new Error(
      `${name} ${what}: all nodes of a cluster need the one of ${first.by}, which began the cluster at cluster.etcd.prefix ${JSON.stringify(keys.prefix.toString())}. ` +
        'Copy root.key and pki/ca from that node into a new data folder, or begin another cluster under another prefix',
    )
  }
}

const callMilliseconds = 5000
