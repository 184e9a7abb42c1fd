import { generateKeyPair, randomBytes, X509Certificate } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { type ClusterMembership, clusterPaths, readMembership, writeClusterFolder } from './cluster-folder.ts'
import {
  type CertifyPeer,
  checkNode,
  type JoinAnswer,
  type Joiner,
  type JoinRequest,
  type NodeAddresses,
  nodeHosts,
  type SecretsAnswer,
  type SecretsRequest,
} from './join-listener.ts'
import { certificateFingerprint, decodeJoinToken, type JoinToken } from './join-token.ts'

/** Makes the first node of a new cluster: certifies its key with the cluster CA and writes its cluster folder. Starts nothing. */
export async function initCluster(
  folder: string,
  node: NodeAddresses,
  certify: CertifyPeer,
  clusterToken: string = newClusterToken(),
): Promise<ClusterMembership> {
  await refuseMember(folder)
  checkNode(node)
  const pair = await makeKeyPair()
  const issued = await certify({ name: node.name, hosts: nodeHosts(node), publicKey: pair.publicKey })
  const membership: ClusterMembership = {
    formatVersion: 1,
    node: node.name,
    clusterToken,
    peerUrl: node.peerUrl,
    clientUrl: node.clientUrl,
    state: 'new',
    begun: false,
    initialCluster: { [node.name]: node.peerUrl },
    endpoints: [node.clientUrl],
  }
  await writeClusterFolder(folder, { ...issued, privateKey: pair.privateKey }, membership)
  return membership
}

/** Keeps the etcd members of one cluster apart from those of all others. */
export function newClusterToken(): string {
  return randomBytes(16).toString('hex')
}

export interface JoinChoices {
  readonly secrets?: JoinSecretsTaker
  readonly now?: Date
}

/** What takes the cluster's secrets. Its node gets no place in the cluster before it has done so. */
export interface JoinSecretsTaker extends Omit<Joiner, 'name'> {
  /** @param packed as it was encrypted to the delivery key. @throws Error when this node cannot use them */
  take(packed: Uint8Array): Promise<void>
}

/**
 * Joins a cluster: fetches a peer certificate and a place in the cluster for a token, and writes the cluster folder. Starts nothing:
 * the node's etcd member, once started (`startClusterNode`), copies the data and gets its vote.
 * @throws Error saying what is wrong (token, endpoint, name) and what to do.
 */
export async function joinCluster(
  folder: string,
  token: string,
  node: NodeAddresses,
  choices: JoinChoices = {},
): Promise<ClusterMembership> {
  await refuseMember(folder)
  checkNode(node)
  const invitation = decodeJoinToken(token, choices.now ?? new Date())
  const authority = await fetchAuthority(invitation)
  const pair = await makeKeyPair()
  const request: JoinRequest = {
    ...node,
    hosts: nodeHosts(node),
    publicKey: pair.publicKey,
    secret: Buffer.from(invitation.secret).toString('base64url'),
  }
  if (choices.secrets !== undefined) await takeSecrets(invitation, authority, request, choices.secrets)
  const answer = await ask<JoinAnswer>(invitation, 'POST', '/join', { ca: authority }, JSON.stringify(request))
  const certificate = new X509Certificate(answer.certificate)
  if (!certificate.verify(new X509Certificate(authority).publicKey))
    throw new Error(`${invitation.endpoint} answered with a certificate that the cluster's CA did not sign`)
  const membership: ClusterMembership = {
    formatVersion: 1,
    node: node.name,
    clusterToken: answer.clusterToken,
    peerUrl: node.peerUrl,
    clientUrl: node.clientUrl,
    state: 'existing',
    initialCluster: answer.initialCluster,
    endpoints: [node.clientUrl, ...answer.endpoints.filter((endpoint) => endpoint !== node.clientUrl)],
  }
  await writeClusterFolder(folder, { certificate: answer.certificate, authority, privateKey: pair.privateKey }, membership)
  return membership
}

async function takeSecrets(
  invitation: JoinToken,
  authority: string,
  request: JoinRequest,
  { deliveryKey, rootFingerprint, take }: JoinSecretsTaker,
): Promise<void> {
  const wanted: SecretsRequest = { ...request, deliveryKey, ...(rootFingerprint !== undefined && { rootFingerprint }) }
  const { secrets } = await ask<SecretsAnswer>(invitation, 'POST', '/secrets', { ca: authority }, JSON.stringify(wanted))
  if (secrets !== undefined) await take(Buffer.from(secrets, 'base64'))
}

/** The cluster CA's certificate, fetched without trust and then compared with the token: the secret is only sent to who has a certificate of it. */
async function fetchAuthority(invitation: JoinToken): Promise<string> {
  const { authority } = await ask<{ authority: string }>(invitation, 'GET', '/ca', { rejectUnauthorized: false })
  if (!certificateFingerprint(authority).equals(invitation.fingerprint)) {
    throw new Error(
      `${invitation.endpoint} is not the cluster that the token is for: its CA has another fingerprint. Do not retry before you know who answers there`,
    )
  }
  return authority
}

function ask<T>(
  invitation: JoinToken,
  method: string,
  path: string,
  trust: { ca: string } | { rejectUnauthorized: false },
  body = '',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: Error) => reject(new Error(`${invitation.endpoint}: ${why}`, { cause }))
    const request = httpsRequest(`https://${invitation.endpoint}${path}`, {
      method,
      agent: false,
      minVersion: 'TLSv1.3',
      timeout: answerMilliseconds,
      ...trust,
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${answerMilliseconds} ms`)))
    request.on('error', (error) => fail(`${error.message}; is the node running, and is its join listener reachable from here?`, error))
    request.on('response', async (response) => {
      try {
        const parts: Buffer[] = []
        for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
        const answer = JSON.parse(Buffer.concat(parts).toString()) as T & { error?: string }
        if (response.statusCode === 200) resolve(answer)
        else fail(answer.error ?? `HTTP status ${response.statusCode}`)
      } catch (error) {
        fail(`the answer cannot be read: ${(error as Error).message}`, error as Error)
      }
    })
    request.end(body)
  })
}

async function refuseMember(folder: string): Promise<void> {
  const membership = await readMembership(folder)
  if (membership === undefined) return
  throw new Error(
    `${clusterPaths(folder).membership}: this node is ${membership.node} of a cluster already; use another data folder (--data DIR)`,
  )
}

async function makeKeyPair(): Promise<{ publicKey: string; privateKey: string }> {
  return await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

const answerMilliseconds = 60_000
