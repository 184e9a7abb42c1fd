/** The cluster: etcd as the ledger, the supervised etcd member, membership and joining. */

export { type BackupTold, backUp, backupSource } from './backup.ts'
export { type BackupHeader, type OpenBackup, openBackup } from './backup-file.ts'
export { type BroughtForward, bringForward } from './bring-forward.ts'
export { etcdDefaultLimits, type TransactionLimits } from './change-transaction.ts'
export { type ClusterMembership, clusterPaths, readMembership, readSeeding, type Seeding, writeSeeding } from './cluster-folder.ts'
export { type ClusterNode, type ClusterNodeOptions, type SupervisingNode, startClusterNode } from './cluster-node.ts'
export { type EtcdBinary, findEtcd } from './etcd-binary.ts'
export { EtcdClient, type EtcdClientOptions, type TlsFiles } from './etcd-client.ts'
export { type EtcdLedger, type EtcdLedgerOptions, openEtcdLedger } from './etcd-ledger.ts'
export { type Member, type MemberOptions, memberLimits, startMember } from './etcd-member.ts'
export { dropUnbegun, markBegun } from './first-start.ts'
export { type InviteOptions, invite } from './invitations.ts'
export { initCluster, type JoinSecretsTaker, joinCluster, newClusterToken } from './join.ts'
export {
  type CertifyPeer,
  type Joiner,
  type JoinListener,
  type JoinListenerOptions,
  type JoinSecretsGiver,
  type NodeAddresses,
  startJoinListener,
} from './join-listener.ts'
export { decodeJoinToken, type JoinToken } from './join-token.ts'
export { Keys } from './keys.ts'
export { withLoneMember } from './lone-member.ts'
export { type ClusterState, clusterState, evictMember, type MemberState, whyNotEvict } from './membership.ts'
export { type OperatorEtcdOptions, startOnEtcd } from './operator-etcd.ts'
export type { SignCrl } from './revocations.ts'
export { checkSeed, type SeedProgress, seed } from './seed.ts'
export type { SharedSecrets } from './shared-secrets.ts'
export { storeSource } from './store-source.ts'
export { defaultTiming, type Log, type Timing } from './timing.ts'
export type { ReplicaTarget } from './watch-feed.ts'
