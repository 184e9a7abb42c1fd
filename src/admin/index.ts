/** The admin API: what the command line asks a running node. */
export { callAdmin, NodeNotRunning } from './admin-client.ts'
export { type AdminMethod, type AdminServer, serveAdmin } from './admin-server.ts'
export type {
  AdministeredCluster,
  AdministeredNode,
  CertificateRequest,
  ClusterMember,
  IssuedCertificate,
  NodeStatus,
} from './administered-node.ts'
export { adminMethods } from './methods.ts'
export { adminSocket } from './protocol.ts'
