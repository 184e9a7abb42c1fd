/** The cluster: etcd as the ledger, the supervised etcd member, membership and joining. */
export { etcdDefaultLimits, type TransactionLimits } from './change-transaction.ts'
export { type EtcdBinary, findEtcd } from './etcd-binary.ts'
export { EtcdClient, type EtcdClientOptions, type TlsFiles } from './etcd-client.ts'
export { type EtcdLedger, type EtcdLedgerOptions, openEtcdLedger } from './etcd-ledger.ts'
export { type Member, type MemberOptions, memberLimits, startMember } from './etcd-member.ts'
export { defaultTiming, type Log, type Timing } from './timing.ts'
export type { ReplicaTarget } from './watch-feed.ts'
