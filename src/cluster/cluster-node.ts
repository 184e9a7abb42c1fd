import { readFile } from 'node:fs/promises'
import { type BackupTold, backUp } from './backup.ts'
import { type ClusterMembership, clusterPaths, readMembership, readSeeding, writeMembership } from './cluster-folder.ts'
import { findEtcd } from './etcd-binary.ts'
import { EtcdClient } from './etcd-client.ts'
import { type EtcdLedger, openEtcdLedger } from './etcd-ledger.ts'
import { type Member, memberLimits, startMember } from './etcd-member.ts'
import { evictedProblem, lookAtOwnMember, type OwnMember } from './eviction.ts'
import { dropUnbegun, markBegun } from './first-start.ts'
import { foreignCluster } from './foreign-cluster.ts'
import { forgetNode, refuseNewerFormat } from './format-watch.ts'
import { type CertifyPeer, type JoinListener, type JoinSecretsGiver, startJoinListener } from './join-listener.ts'
import { Keys } from './keys.ts'
import { untilUp } from './lone-member.ts'
import { type ClusterState, clusterState, evictMember, type MemberState, promoteWhenReady } from './membership.ts'
import { type NodeWatch, type NodeWatchChoices, startNodeWatch } from './node-watch.ts'
import { renewPeerCertificate } from './peer-certificate.ts'
import { isCertificateRefused } from './refused-certificate.ts'
import { noteCertificate, RevocationFile, revokeCertificates, type SignCrl } from './revocations.ts'
import type { SharedSecrets } from './shared-secrets.ts'
import { type Log, sleep, type Timing } from './timing.ts'
import type { ReplicaTarget } from './watch-feed.ts'

export interface ClusterNodeOptions {
  /** The node's cluster folder, made by `initCluster` or `joinCluster`. */
  readonly folder: string
  readonly replica: ReplicaTarget
  /** The etcd program's path; searched for when left out. */
  readonly etcd?: string
  /** Bytes that its member's database may take; `defaultQuota` when left out. */
  readonly quota?: number
  /** Of Tresor, for the other nodes to know. */
  readonly version?: string | undefined
  readonly watch?: NodeWatchChoices
  readonly timing?: Partial<Timing>
  readonly log?: Log
  /** Signs the list by which the certificates of evicted nodes are refused; they are not without. */
  readonly signCrl?: SignCrl
  /** Renews the node's certificate before it ends. */
  readonly renewal?: {
    readonly certify: CertifyPeer
    /** Milliseconds between two looks at it; an hour unless said. */
    readonly interval?: number
  }
  /** Opens the join listener on this node. */
  readonly join?: {
    readonly host: string
    readonly port: number
    readonly certify: CertifyPeer
    readonly secrets?: JoinSecretsGiver
  }
}

/** A node's part of the cluster, running. */
export interface ClusterNode extends NodeWatch {
  readonly name: string
  readonly ledger: EtcdLedger
  /** Undefined where an operator runs etcd. */
  readonly member: Member | undefined
  readonly joinListener: JoinListener | undefined
  state(): Promise<ClusterState>
  /** Writes a backup of all that the cluster holds into a new file; see `backup-file.ts`. */
  backUp(path: string, secrets: SharedSecrets): Promise<BackupTold>
  /** Removes a node for good, by its name or its member's identifier. @throws Error when that would cost the majority */
  evict(wanted: string): Promise<MemberState>
}

/** One whose etcd member is supervised. */
export interface SupervisingNode extends ClusterNode {
  readonly member: Member
}

/** Starts the node's etcd member, its ledger and, where asked, its join listener; a member that is still a learner gets its vote when it has caught up. */
export async function startClusterNode(options: ClusterNodeOptions): Promise<SupervisingNode> {
  const membership = await readMembership(options.folder)
  const paths = clusterPaths(options.folder)
  if (membership === undefined)
    throw new Error(`${paths.membership} is not there: run "tresor cluster init", or "tresor cluster join TOKEN", first`)
  if ((await readSeeding(options.folder)) !== undefined)
    throw new Error(
      `${paths.seeding}: the data of this new cluster are not all there yet; finish first, by the command that began it again`,
    )
  if (membership.evicted === true) throw new Error(`${paths.membership}: ${evictedProblem}`)
  const log = options.log ?? (() => {})
  const { renewal } = options
  const renewed = () =>
    renewal === undefined
      ? Promise.resolve(false)
      : renewPeerCertificate(options.folder, membership.node, renewal.certify, new Date()).catch((error: Error) => {
          log('error', `this node's certificate cannot be renewed: ${error.message}`)
          return false
        })
  await renewed()
  const foreign = await foreignCluster(membership.endpoints.slice(1), paths.tls)
  if (foreign !== undefined) throw new Error(foreign)
  const binary = (await findEtcd(options.etcd)).path
  await dropUnbegun(options.folder, membership)
  const revocations = options.signCrl && (await RevocationFile.open(options.folder, options.signCrl))
  const member = await startMember({
    binary,
    name: membership.node,
    dataDir: paths.etcd,
    peerUrl: membership.peerUrl,
    clientUrl: membership.clientUrl,
    initialCluster: membership.initialCluster,
    state: membership.state,
    clusterToken: membership.clusterToken,
    tls: paths.tls,
    log,
    ...(options.quota === undefined ? {} : { quota: options.quota }),
    ...(revocations === undefined ? {} : { revoked: revocations.path }),
  })
  const connection = { endpoints: membership.endpoints, tls: paths.tls }
  const client = new EtcdClient(connection)
  const keys = new Keys()
  try {
    if (membership.begun === false) {
      await untilUp(member)
      await markBegun(options.folder)
    }
    await refuseNewerFormat(client, keys)
  } catch (error) {
    client.close()
    await member.stop()
    throw error
  }
  const ledger = openEtcdLedger({
    ...connection,
    node: membership.node,
    replica: options.replica,
    limits: memberLimits,
    log,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
  })
  const watch = startNodeWatch({
    client,
    keys,
    node: membership.node,
    version: options.version,
    ledger,
    log,
    member: { process: member, quota: options.quota },
    choices: options.watch,
  })
  let stopped = false
  const promoted = promoteWhenReady(client, membership.peerUrl, log, () => stopped)
  let known: ClusterMembership = membership.begun === false ? { ...membership, begun: true } : membership
  const remember = async (change: Partial<ClusterMembership>) => {
    known = { ...known, ...change }
    await writeMembership(options.folder, known)
  }
  const leave = async () => {
    if (known.evicted === true) return
    ledger.leave(evictedProblem)
    log('error', evictedProblem)
    await remember({ evicted: true })
    await member.stop()
  }
  let isNoted = false
  const learn = async () => {
    const own = await lookAtOwnMember(client, keys, known.memberId)
    if (own.isEvicted) return await leave()
    if (!isNoted) await noteCertificate(client, keys, membership.node, await readFile(paths.tls.certificate))
    isNoted = true
    await revocations?.update(client, keys)
    if (own.id !== known.memberId) await remember({ memberId: own.id! })
    const { members } = await client.memberList({ deadline: learnDeadline })
    const others = members
      .filter((other) => !other.isLearner && other.name !== membership.node)
      .flatMap((other) => other.clientURLs.slice(0, 1))
    const endpoints = [membership.clientUrl, ...others.sort()]
    if (JSON.stringify(endpoints) === JSON.stringify(known.endpoints)) return
    client.learn(endpoints)
    ledger.learnEndpoints(endpoints)
    await remember({ endpoints })
  }
  let learned: Promise<void> = Promise.resolve()
  const whyRefused = async () => ((await isCertificateRefused(known.endpoints.slice(1), paths.tls)) ? evictedProblem : undefined)
  /** A majority that does not answer may have been given up, or have evicted this node. */
  const ask = async () => {
    const why = (await foreignCluster(known.endpoints.slice(1), paths.tls)) ?? (await whyRefused())
    if (why === undefined || ledger.problem() === why) return
    ledger.leave(why)
    log('error', why)
  }
  /** One after the other: what a slower one remembers must not replace what a later one did. */
  let isLearning = false
  const learnNow = () => {
    if (isLearning) return
    isLearning = true
    learned = learn()
      .catch(() => {
        client.moveOn(client.preferred)
        return ask()
      })
      .catch((error: Error) => log('error', `this node's part of the cluster cannot be looked after: ${error.message}`))
      .finally(() => {
        isLearning = false
      })
  }
  const learning = setInterval(learnNow, learnMilliseconds)
  let joinListener: JoinListener | undefined
  let renewing: Promise<void> = Promise.resolve()
  const renew = async () => {
    if (!(await renewed())) return
    client.renew()
    ledger.renew()
    member.renew()
    joinListener?.renew()
    isNoted = false
    log('info', "this node's certificate was renewed")
  }
  const renewals = setInterval(() => (renewing = renewing.then(renew)), renewal?.interval ?? renewalMilliseconds)
  const close = async () => {
    stopped = true
    clearInterval(learning)
    clearInterval(renewals)
    await renewing
    await learned
    await watch.close()
    await joinListener?.close()
    await ledger.close()
    await promoted
    client.close()
    await member.stop()
  }
  try {
    // A node that was evicted while it was away hears of it before it answers anything, if there is somebody to tell.
    let told: OwnMember | undefined
    for (const endpoint of membership.memberId === undefined ? [] : [...membership.endpoints.keys()].slice(1))
      told ??= await lookAtOwnMember(client, keys, membership.memberId, endpoint).catch(() => undefined)
    if (told?.isEvicted === true) await leave()
    else if (told === undefined && membership.memberId !== undefined) await ask()
    if (options.join !== undefined) {
      const { folder } = options
      joinListener = await startJoinListener({ ...options.join, folder, clusterToken: membership.clusterToken, client, keys, log })
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    ...watch,
    name: membership.node,
    ledger,
    member,
    joinListener,
    state: () => clusterState(client, keys),
    backUp: (path, secrets) => backUp(client, keys, path, { node: membership.node, secrets }),
    evict: async (wanted) => {
      const member = await evictMember(client, wanted)
      await overElection(client, () => revokeCertificates(client, keys, member.name)).catch((error: Error) =>
        log('error', `the certificate of node ${member.name} is not revoked, and stays good until it ends: ${error.message}`),
      )
      await overElection(client, () => forgetNode(client, keys, member.name)).catch((error: Error) =>
        log(
          'warn',
          `what node ${member.name} told of itself stays in etcd, and may keep later formats from being written: ${error.message}`,
        ),
      )
      return member
    },
    close,
  }
}

/** Does what may be done twice: a member that led and was removed leaves an election behind it. */
async function overElection(client: EtcdClient, work: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + electionMilliseconds; ; await sleep(retryMilliseconds)) {
    const endpoint = client.preferred
    try {
      await work()
      return
    } catch (error) {
      if (performance.now() > end) throw error
      client.moveOn(endpoint)
    }
  }
}

/** Far above what an election takes, on a busy machine too. */
const electionMilliseconds = 10_000
const retryMilliseconds = 200
const learnMilliseconds = 2000
const learnDeadline = 1000
const renewalMilliseconds = 3600_000
