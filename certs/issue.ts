import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { clientUri } from '../src/tenants/client-uri.ts'
import type { Authority } from './authority.ts'
import { acceptPublicKey, type KeyKind, makeKeyPair, signerOf } from './keys.ts'
import { loopbackHosts, type Profile, profiles } from './profiles.ts'
import { sign } from './sign.ts'
import { x509 } from './x509.ts'

/** A certificate (PEM) and, where the key was made here, its private key. `authority` is the issuer's certificate, PEM. */
export interface Issued {
  readonly certificate: string
  readonly privateKey: KeyObject | undefined
  readonly authority: string
}

interface IssueOptions {
  /** Days until Not After. */
  readonly days?: number
  readonly key?: KeyKind
  readonly now?: Date
}

export interface ServerRequest extends IssueOptions {
  /** DNS names and IP addresses; the first is the common name. Loopback's names when left out. */
  readonly hosts?: readonly string[]
}

export interface ClientRequest extends IssueOptions {
  readonly tenant: string
  readonly user: string
  /** The client's own public key (PEM or key object): the private key stays where it was made. */
  readonly publicKey?: string | KeyObject
  /** The same as a PKCS#10 request (PEM). Its signature must verify; its subject and extensions are ignored. */
  readonly csr?: string
}

export interface PeerRequest extends IssueOptions {
  /** The node's name. */
  readonly name: string
  readonly hosts: readonly string[]
  /** The node's own public key (PEM or key object): a joining node's private key stays where it was made. */
  readonly publicKey?: string | KeyObject
}

/** A server's certificate, with its hosts as Subject Alternative Names. */
export async function issueServer(authority: Authority, request: ServerRequest = {}): Promise<Issued> {
  const hosts = request.hosts ?? loopbackHosts
  if (hosts.length === 0) throw new Error('A server certificate needs at least one host name or IP address.')
  return await issueLeaf(authority, profiles.server, request, `CN=${escapeName(hosts[0]!)}`, hosts.map(hostName))
}

/** A client's certificate; what it is worth stands in its URI, not in its subject. */
export async function issueClient(authority: Authority, request: ClientRequest): Promise<Issued> {
  const uri = clientUri(authority.trustDomain, request.tenant, request.user)
  const publicKey = request.csr !== undefined ? await keyOfRequest(request.csr) : request.publicKey
  const subject = `CN=${escapeName(request.user)}, OU=${escapeName(request.tenant)}`
  return await issueLeaf(authority, profiles.client, request, subject, [{ type: 'url', value: uri }], publicKey)
}

/** A cluster node's certificate, for its listeners and its calls. Use an authority that issues no client bundles. */
export async function issuePeer(authority: Authority, request: PeerRequest): Promise<Issued> {
  if (request.hosts.length === 0) throw new Error(`Node ${request.name} needs at least one host name or IP address.`)
  return await issueLeaf(
    authority,
    profiles.peer,
    request,
    `CN=${escapeName(request.name)}`,
    request.hosts.map(hostName),
    request.publicKey,
  )
}

async function issueLeaf(
  authority: Authority,
  profile: Profile,
  options: IssueOptions,
  subject: string,
  names: x509.JsonGeneralNames,
  publicKey?: string | KeyObject,
): Promise<Issued> {
  const pair = publicKey === undefined ? await makeKeyPair(options.key ?? 'EC-P256') : undefined
  const certified = pair?.publicKey ?? acceptPublicKey(publicKey!)
  const issuer = new x509.X509Certificate(authority.certificate)
  const certificate = await sign(await signerOf(authority.privateKey), {
    profile,
    subject,
    issuer: issuer.subjectName,
    issuerKey: authority.publicKey,
    publicKey: certified,
    names,
    days: options.days ?? profile.days,
    now: options.now ?? new Date(),
    development: authority.development,
    latest: issuer.notAfter,
  })
  return { certificate, privateKey: pair?.privateKey, authority: authority.certificate }
}

async function keyOfRequest(pem: string): Promise<string> {
  let request: x509.Pkcs10CertificateRequest
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
  } catch (cause) {
    throw new Error('The certificate request is not a PEM "CERTIFICATE REQUEST".', { cause })
  }
  const good = await request.verify().catch(() => false)
  if (!good)
    throw new Error(
      'The signature of the certificate request does not verify: its maker does not hold the private key, or the file was altered.',
    )
  return request.publicKey.toString('pem')
}

function hostName(host: string): x509.JsonGeneralName {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host }
}

/** A value in the text form of a distinguished name (RFC 4514); common names end at 64 characters (X.520). */
function escapeName(value: string): string {
  return value.slice(0, 64).replace(/[,+"\\<>;=#]/g, (c) => `\\${c}`)
}
