import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { backUp } from './backup.ts'
import { etcdDefaultLimits } from './change-transaction.ts'
import { readJson, writeFileWhole } from './cluster-folder.ts'
import type { ClusterNode } from './cluster-node.ts'
import { describeFailure, EtcdClient, type TlsFiles } from './etcd-client.ts'
import { openEtcdLedger } from './etcd-ledger.ts'
import type { StatusResponse } from './etcd-messages.ts'
import { refuseNewerFormat } from './format-watch.ts'
import { Keys } from './keys.ts'
import { clusterState } from './membership.ts'
import { type NodeWatchChoices, startNodeWatch } from './node-watch.ts'
import { checkSharedSecrets, type SharedSecrets } from './shared-secrets.ts'
import type { Log, Timing } from './timing.ts'
import type { ReplicaTarget } from './watch-feed.ts'

export interface OperatorEtcdOptions {
  /** `https://HOST:PORT` of voting members. */
  readonly endpoints: readonly string[]
  readonly tls: TlsFiles
  /** Of all of the cluster's keys; the same on every node. */
  readonly prefix: string
  /** The node's name, unique in the cluster. */
  readonly node: string
  /** Made when absent: remembers which etcd the replica is of. */
  readonly folder: string
  readonly replica: ReplicaTarget
  readonly secrets: SharedSecrets
  /** Of Tresor, for the other nodes to know. */
  readonly version?: string | undefined
  readonly watch?: NodeWatchChoices
  readonly timing?: Partial<Timing>
  readonly log?: Log
}

/**
 * Starts a node's part of a cluster on an etcd that an operator runs: no member is started, none is added, removed, compacted or defragmented.
 * @throws Error that names the endpoint, certificate or file that is wrong, with the cure
 */
export async function startOnEtcd(options: OperatorEtcdOptions): Promise<ClusterNode> {
  const { endpoints, tls, node, replica, log = () => {}, timing, watch: choices } = options
  const keys = new Keys(options.prefix)
  const connection = { endpoints, tls }
  const client = new EtcdClient(connection)
  try {
    const clusterId = await checkEndpoints(client, log)
    await checkReplica(options, clusterId)
    await checkSharedSecrets(client, keys, node, options.secrets)
    await refuseNewerFormat(client, keys)
  } catch (error) {
    client.close()
    throw error
  }
  const ledger = openEtcdLedger({
    ...connection,
    node,
    replica,
    prefix: options.prefix,
    limits: etcdDefaultLimits,
    log,
    ...(timing !== undefined && { timing }),
  })
  const watch = startNodeWatch({ client, keys, node, version: options.version, ledger, log, member: undefined, choices })
  return {
    ...watch,
    name: node,
    ledger,
    member: undefined,
    joinListener: undefined,
    state: () => clusterState(client, keys),
    backUp: (path, secrets) => backUp(client, keys, path, { node, secrets }),
    evict: async () => {
      throw new Error('this cluster is on an etcd that you run: remove its members by its own tools (etcdctl member remove)')
    },
    async close() {
      await watch.close()
      await ledger.close()
      client.close()
    },
  }
}

/** Asks every endpoint. One that is down is no reason not to start as long as another answers; one that is wrong is. */
async function checkEndpoints(client: EtcdClient, log: Log): Promise<string> {
  const answers = await Promise.all(
    client.endpoints.map(async (url, endpoint) => {
      try {
        return { url, status: await client.status({ deadline: statusMilliseconds, endpoint }), failure: undefined }
      } catch (error) {
        return { url, status: undefined, failure: describeFailure(error) }
      }
    }),
  )
  const wrong = answers.flatMap(({ url, status, failure }) => {
    const why = status === undefined ? whyNotTrusted(failure ?? '') : whyUnfit(status)
    return why === undefined ? [] : [`${url} ${why}`]
  })
  const clusters = new Map(answers.flatMap(({ url, status }) => (status === undefined ? [] : [[status.header.clusterId, url] as const])))
  if (clusters.size > 1) wrong.push(`${[...clusters.values()].join(' and ')} belong to different etcd clusters: name the members of one`)
  if (wrong.length > 0) throw new Error(wrong.map((what) => `cluster.etcd.endpoints: ${what}`).join('\n'))
  const down = answers.flatMap(({ url, failure }) => (failure === undefined ? [] : [`${url} cannot be reached (${failure})`]))
  const [clusterId] = clusters.keys()
  if (clusterId === undefined)
    throw new Error(`cluster.etcd.endpoints: ${down.join('; ')}: is etcd running there, and is the way to it open?`)
  while (answers[client.preferred]?.status === undefined) client.moveOn(client.preferred)
  for (const what of down) log('warn', `cluster.etcd.endpoints: ${what}; the others are used`)
  return clusterId
}

function whyUnfit({ version, isLearner }: StatusResponse): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major !== 3 || minor < 4) return `is etcd ${version}; Tresor needs etcd 3.4 or later, before 4`
  return isLearner ? 'is a learner, which answers no reads: name voting members, or promote it first' : undefined
}

/** Undefined for a failure that says nothing of certificates. */
function whyNotTrusted(failure: string): string | undefined {
  if (/self[- ]signed|unable to (get|verify)|issuer|certificate has expired/i.test(failure))
    return `shows a certificate that cluster.etcd.authority did not issue (${failure}): name the authority of etcd's own certificates`
  if (/altnames|does not match certificate/i.test(failure))
    return `shows a certificate for another name or address (${failure}): use one that stands in it`
  if (/bad certificate|certificate required|unknown ca|alert/i.test(failure))
    return `does not take cluster.etcd.certificate (${failure}): it must be issued by the authority that etcd trusts (--trusted-ca-file), for client authentication`
  return undefined
}

interface ReplicaOrigin {
  readonly etcd: string
  readonly prefix: string
}

/** A replica is the copy of one cluster's history, and of no other's. */
async function checkReplica({ folder, replica, prefix }: OperatorEtcdOptions, etcd: string): Promise<void> {
  const path = join(folder, 'operator-etcd.json')
  const origin = await readJson<ReplicaOrigin>(path)
  if (origin === undefined) {
    if (replica.revision() > 0)
      throw new Error(
        `the store here holds what was not copied from cluster.etcd.endpoints: use a new data folder (--data DIR) for this node`,
      )
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFileWhole(path, `${JSON.stringify({ etcd, prefix } satisfies ReplicaOrigin, undefined, 2)}\n`, 0o644)
    return
  }
  if (origin.etcd !== etcd || origin.prefix !== prefix)
    throw new Error(
      `the store here is a copy of the cluster at prefix ${JSON.stringify(origin.prefix)} of etcd ${origin.etcd}, and cluster.etcd names prefix ${JSON.stringify(prefix)} of etcd ${etcd}: ` +
        'correct cluster.etcd, or use a new data folder (--data DIR)',
    )
}

const statusMilliseconds = 3000
