import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { clusterPaths } from './cluster-folder.ts'
import type { EtcdClient } from './etcd-client.ts'
import { hostOf } from './etcd-endpoint.ts'
import { redeem } from './invitations.ts'
import type { Keys } from './keys.ts'
import { addLearner } from './membership.ts'
import { noteCertificate } from './revocations.ts'
import type { Log } from './timing.ts'

/** Certifies a node's own public key (PEM) with the cluster's CA. */
export type CertifyPeer = (request: {
  readonly name: string
  readonly hosts: readonly string[]
  readonly publicKey: string
}) => Promise<{ readonly certificate: string; readonly authority: string }>

/** What a new node must hold beside its certificate: the root of software partitions, authorities. */
export interface JoinSecretsGiver {
  /** Encrypted to the joiner's delivery key; never stored here. */
  pack(joiner: Joiner): Promise<Uint8Array>
  /** Why it may not join, although it has an invitation. */
  refuse(joiner: Joiner): Promise<string | undefined>
}

/** A node that wants to join, as far as its secrets are concerned. */
export interface Joiner {
  readonly name: string
  /** Public; the private half stays with the node. */
  readonly deliveryKey: string
  /** Of the root secret that it has already. */
  readonly rootFingerprint?: string
}

export interface JoinListenerOptions {
  /** The node's cluster folder: its certificate, and the invitations. */
  readonly folder: string
  readonly clusterToken: string
  readonly client: EtcdClient
  readonly keys: Keys
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  readonly certify: CertifyPeer
  readonly secrets?: JoinSecretsGiver
  readonly log?: Log
}

export interface NodeAddresses {
  readonly name: string
  /** `https://HOST:PORT` where the node's etcd member listens for the other members, and for the nodes. */
  readonly peerUrl: string
  readonly clientUrl: string
  /** Further names and addresses that others reach this node by (its join listener's): for its certificate. */
  readonly hosts?: readonly string[]
}

/** What a joining node sends. */
export interface JoinRequest extends NodeAddresses {
  readonly secret: string
  readonly publicKey: string
}

/** What it sends first, where it wants the cluster's secrets. */
export interface SecretsRequest extends JoinRequest, Joiner {}

export interface SecretsAnswer {
  /** base64; encrypted to the delivery key. */
  readonly secrets: string | undefined
}

/** What it is answered. */
export interface JoinAnswer {
  readonly certificate: string
  readonly authority: string
  readonly clusterToken: string
  readonly initialCluster: Readonly<Record<string, string>>
  /** Client URLs of the members there are. */
  readonly endpoints: readonly string[]
}

export interface JoinListener {
  readonly address: AddressInfo
  /** The node's certificate was renewed. */
  renew(): void
  close(): Promise<void>
}

/**
 * Lets invited nodes in: over TLS with this node's peer certificate, `GET /ca` tells the cluster CA's certificate, whose fingerprint stands
 * in the token; `POST /secrets` gives what a node must hold, encrypted to its delivery key; and `POST /join` takes an invitation's secret for a peer certificate and a place in the cluster.
 */
export async function startJoinListener(options: JoinListenerOptions): Promise<JoinListener> {
  const { tls } = clusterPaths(options.folder)
  const authority = readFileSync(tls.ca, 'utf8')
  const context = () => ({ cert: readFileSync(tls.certificate), key: readFileSync(tls.privateKey), minVersion: 'TLSv1.3' }) as const
  const server = createServer(context())
  server.requestTimeout = requestMilliseconds
  server.headersTimeout = requestMilliseconds
  server.maxConnections = connectionLimit
  // One after the other: etcd takes one new member at a time, and an invitation must not be used up twice.
  let last: Promise<unknown> = Promise.resolve()
  server.on('request', (request, response) => {
    if (request.method === 'GET' && request.url === '/ca') return answer(response, 200, { authority })
    const serve = request.method === 'POST' ? posts[request.url ?? ''] : undefined
    if (serve === undefined) return answer(response, 404, { error: 'only GET /ca, POST /secrets and POST /join are served here' })
    readBody(request).then(
      (body) => {
        last = last.then(() => answerPost(options, serve, body, response))
      },
      (error: Error) => answer(response, 400, { error: error.message }),
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve))
  const renew = () => server.setSecureContext(context())
  return { address: server.address() as AddressInfo, renew, close: () => closeServer(server) }
}

type Post = (options: JoinListenerOptions, body: string) => Promise<object>

/** A request that is refused, and not for a fault of this node. */
class Refusal extends Error {}

async function answerPost(options: JoinListenerOptions, serve: Post, body: string, response: ServerResponse): Promise<void> {
  try {
    answer(response, 200, await serve(options, body))
  } catch (error) {
    const { message } = error as Error
    options.log?.('warn', `a node could not join: ${message}`)
    answer(response, error instanceof Refusal ? 403 : 409, { error: message })
  }
}

/** The cluster's secrets, before the node takes a place in it: one that cannot use them would leave it empty. */
const giveSecrets: Post = async (options, body) => {
  const request = readRequest(body)
  const joiner = readJoiner(request)
  const unlike = await options.secrets?.refuse(joiner)
  if (unlike !== undefined) throw new Refusal(`node ${joiner.name} is not let in: ${unlike}`)
  await useInvitation(options, request)
  const secrets = await options.secrets?.pack(joiner)
  return { secrets: secrets && Buffer.from(secrets).toString('base64') } satisfies SecretsAnswer
}

const admit: Post = async (options, body) => {
  const request = readRequest(body)
  await useInvitation(options, request)
  const { name, peerUrl, publicKey } = request
  const { certificate, authority } = await options.certify({ name, hosts: nodeHosts(request), publicKey })
  const initialCluster = await addLearner(options.client, name, peerUrl)
  await noteCertificate(options.client, options.keys, name, certificate)
  options.log?.('info', `node ${name} at ${peerUrl} was let in`)
  const { endpoints } = options.client
  return { certificate, authority, clusterToken: options.clusterToken, initialCluster, endpoints } satisfies JoinAnswer
}

const posts: Readonly<Record<string, Post>> = { '/secrets': giveSecrets, '/join': admit }

async function useInvitation({ folder }: JoinListenerOptions, { name, publicKey, secret }: JoinRequest): Promise<void> {
  const refused = await redeem(folder, Buffer.from(secret, 'base64url'), `${name}\n${publicKey}`, new Date())
  if (refused !== undefined) throw new Refusal(`${refused}; make a new token: tresor cluster invite`)
}

function readJoiner(request: Partial<SecretsRequest> & JoinRequest): Joiner {
  const { name, deliveryKey, rootFingerprint } = request
  const isName = (value: unknown) => typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)
  if (!isName(deliveryKey)) throw new Error('the request has no deliveryKey')
  if (rootFingerprint !== undefined && !isName(rootFingerprint)) throw new Error("the request's rootFingerprint is none")
  return { name, deliveryKey: deliveryKey!, ...(rootFingerprint !== undefined && { rootFingerprint }) }
}

function readRequest(body: string): JoinRequest {
  let request: Partial<JoinRequest>
  try {
    request = JSON.parse(body) as Partial<JoinRequest>
  } catch {
    throw new Error('the request is no JSON')
  }
  for (const field of ['secret', 'name', 'publicKey', 'peerUrl', 'clientUrl'] as const) {
    if (typeof request?.[field] !== 'string' || request[field] === '') throw new Error(`the request lacks ${field}`)
  }
  const { hosts } = request
  if (hosts !== undefined && !(Array.isArray(hosts) && hosts.length <= hostLimit && hosts.every((host) => typeof host === 'string'))) {
    throw new Error(`hosts must be a list of at most ${hostLimit} names`)
  }
  checkNode(request as JoinRequest)
  return request as JoinRequest
}

export function checkNode(node: NodeAddresses): void {
  checkNodeName(node.name)
  checkNodeUrl('peerUrl', node.peerUrl)
  checkNodeUrl('clientUrl', node.clientUrl)
}

/** Every name and address that a node's certificate must hold. */
export function nodeHosts(node: NodeAddresses): readonly string[] {
  return [...new Set([hostOf(node.peerUrl), hostOf(node.clientUrl), ...(node.hosts ?? [])])]
}

/** A node's name goes into etcd's `--initial-cluster`, certificates and file names. */
function checkNodeName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new Error(
      `node name ${JSON.stringify(name)}: use letters, digits, dots, hyphens and underscores, at most 63, beginning with a letter or digit`,
    )
  }
}

function checkNodeUrl(what: string, url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.protocol !== 'https:' || parsed.port === '' || parsed.pathname !== '/') {
    throw new Error(`${what} ${JSON.stringify(url)}: must be https://HOST:PORT`)
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > bodyLimit) throw new Error(`the request is longer than ${bodyLimit} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body))
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

const requestMilliseconds = 10_000
const connectionLimit = 20
const hostLimit = 20
const bodyLimit = 16 * 1024
