import type { ObjectStore } from '../operations/object-store.ts'
import type { Partition, RootSource } from '../partitions/index.ts'
import type {
  Holdings,
  Pkcs11PartitionDefinition,
  Registry,
  SoftwarePartitionDefinition,
  TenantId,
  TurnProgress,
} from '../tenants/index.ts'

/** A client's certificate and its issuer's, PEM. */
export interface IssuedCertificate {
  readonly certificate: string
  readonly authority: string
  /** What the client must trust to know this server: the issuer of the server's certificate. */
  readonly serverAuthority: string
}

/** What may be asked to be certified: a user, with a public key or a certificate request (PEM). */
export interface CertificateRequest {
  readonly tenant: string
  readonly user: string
  readonly publicKey?: string | undefined
  readonly csr?: string | undefined
  readonly days?: number | undefined
}

/** A cluster member as `cluster status` shows it. */
export interface ClusterMember {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly peerUrl: string
  readonly problem: string | undefined
  /** Of its etcd. */
  readonly version: string | undefined
  /** The version of its Tresor; undefined until it has told. */
  readonly tresor: string | undefined
  readonly revision: number | undefined
  /** Bytes. */
  readonly databaseSize: number | undefined
  readonly databaseInUse: number | undefined
  readonly databaseQuota: number | undefined
}

/** The cluster that the node is part of. */
export interface AdministeredCluster {
  readonly node: string
  state(): Promise<{ readonly members: readonly ClusterMember[]; readonly majority: boolean }>
  /** A join token. @throws when no address for joining is configured */
  invite(options: { readonly uses?: number | undefined; readonly minutes?: number | undefined }): Promise<string>
  /** By a node's name or its member's identifier. @throws when that would cost the majority */
  evict(wanted: string): Promise<ClusterMember>
  /** Writes a backup into a new file at an absolute path, as the node's user. */
  backUp(path: string): Promise<{ readonly revision: number; readonly values: number }>
}

export interface NodeStatus {
  readonly version: string
  readonly pid: number
  /** HOST:PORT. */
  readonly kmip: readonly string[]
  readonly https: readonly string[]
  readonly operator: string | undefined
  /** Process identifiers by name. */
  readonly processes: Readonly<Record<string, number>>
  /** Sentences about what keeps it from serving. */
  readonly problems: readonly string[]
}

/** A running node as the admin API reaches it; the composition root makes it. */
export interface AdministeredNode {
  readonly registry: Registry
  status(): Promise<NodeStatus>
  /** The keys of a new software partition, sealed under this node's root secret. @throws when there is none, saying what to do */
  newSoftwarePartition(name: string): Promise<SoftwarePartitionDefinition>
  /** Where this node has the root secret of software partitions from. */
  readonly root: RootSource
  /** What each node of the cluster told of its partitions, by name. */
  holdings(): ReadonlyMap<string, Holdings>
  /** Open in the process that serves it. @throws KmipError saying what its device lacks */
  partition(name: string): Promise<Partition>
  /** Before a PKCS #11 partition is added. @throws Error when its module is started here otherwise than it wants */
  checkStart(added: Pkcs11PartitionDefinition): void
  /** After a PKCS #11 partition was added: resolves when it can be used. @throws when it cannot be opened here */
  takePartition(name: string): Promise<void>
  /** Begins to turn a partition to its next epoch, or finds that it was begun. @returns the epoch that is turned to */
  turnPartition(name: string): Promise<number>
  /** Begins to move a tenant's keys from its software partition to a token, or finds that it was begun. */
  moveTenant(tenant: string, partition: string): Promise<void>
  /** How far a turn has come that is under way, on whichever node. */
  turnProgress(name: string): TurnProgress | undefined
  /** Removes a partition, with the epoch secrets of one in software. @throws when a tenant lives in it */
  removePartition(name: string): Promise<void>
  /** The tenant's objects as they are now. */
  objects(tenant: TenantId): Promise<ObjectStore>
  /** What is wrong with the stored record of an object that cannot be opened. @throws when it can be, or is not there */
  damage(tenant: TenantId, id: string): Promise<string>
  /** Gives such an object up: it is destroyed from then on. @returns what was wrong. @throws as `damage` */
  giveUp(tenant: TenantId, id: string): Promise<string>
  /** @throws when this node has no client authority */
  certify(request: CertificateRequest): Promise<IssuedCertificate>
  /** Certificates, authorities and revocation lists are read again. */
  reload(): Promise<void>
  /** Undefined on a node that stands alone. */
  readonly cluster: AdministeredCluster | undefined
}
