/** The PKI as code: authorities, the certificates of servers, clients and cluster nodes, revocation lists and client bundles. */
export {
  type Authority,
  type AuthorityRequest,
  createAuthority,
  isDevelopment,
  loadAuthority,
  needsRenewal,
  saveAuthority,
} from './authority.ts'
export { type BundleOptions, bundleFiles, writeBundle } from './bundle.ts'
export { type ClientRequest, type Issued, issueClient, issuePeer, issueServer, type PeerRequest, type ServerRequest } from './issue.ts'
export type { KeyKind } from './keys.ts'
export { loopbackHosts, type Profile, type ProfileName, profiles, renewalDays } from './profiles.ts'
export { type CrlOptions, createCrl, createDerCrl } from './revocation.ts'
