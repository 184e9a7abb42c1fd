import type { TLSSocket } from 'node:tls'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestMessage } from '../messages/index.ts'
import { Secret } from '../objects/index.ts'
import { operationTable } from '../operations/index.ts'
import type { ChangeSet, CommitOutcome, Ledger } from '../store/index.ts'
import { authenticate, type Credential, type Identities, type Identity, type Passwords, type Settings } from '../tenants/index.ts'
import type { TtlvError } from '../ttlv/index.ts'
import type { Attempt, Bound, Caller, DispatchDoors } from './dispatch.ts'
import type { TreeService } from './http-connection.ts'
import type { ServerLimits } from './limits.ts'
import type { Service } from './listener.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { RecentBarriers } from './recent-barriers.ts'
import { Responder } from './responder.ts'

/** A connection's holder: who its certificate makes it, as of one generation of the settings. */
export interface Peer extends Caller {
  identity: Identity
  generation: number
  /** DER. */
  readonly certificate: Buffer
}

export interface ServiceParts {
  readonly ledger: Ledger
  readonly settings: Settings
  readonly identities: Identities
  readonly passwords: Passwords
  readonly limits: ServerLimits
  readonly log: Log
  readonly metrics: Metrics
  readonly begin: (identity: Identity, message: RequestMessage, milliseconds: number, certificate: Uint8Array) => Attempt | Promise<Attempt>
  readonly dropped?: DispatchDoors<Peer>['dropped']
  readonly submitted?: DispatchDoors<Peer>['submitted']
  readonly now: () => number
}

/** KMIP for both listeners: who may come in, and the answers. */
export class KmipService implements Service<Peer>, TreeService<Peer> {
  readonly #parts: ServiceParts
  readonly #responder: Responder<Peer>
  readonly #barriers: RecentBarriers

  constructor(parts: ServiceParts) {
    this.#parts = parts
    this.#barriers = new RecentBarriers(parts.ledger)
    const doors: Omit<DispatchDoors<Peer>, 'size'> = {
      log: parts.log,
      metrics: parts.metrics,
      entry: <O extends OperationName>(operation: O) => operationTable[operation],
      barrier: (peer, bound) => this.#barrier(peer, bound),
      commit: (changes, peer) => this.#commit(changes, peer),
      begin: (identity, message, milliseconds, peer) => parts.begin(identity, message, milliseconds, peer.certificate),
      ...(parts.dropped === undefined ? {} : { dropped: parts.dropped }),
      ...(parts.submitted === undefined ? {} : { submitted: parts.submitted }),
      identify: (peer, message) => this.#identify(peer, message),
      now: parts.now,
    }
    this.#responder = new Responder(doors, parts.limits)
  }

  identify(socket: TLSSocket): { readonly peer: Peer; readonly tenant: string } | { readonly refused: string } {
    const certificate = socket.getPeerX509Certificate()?.raw
    if (certificate === undefined) return { refused: 'the client showed no certificate' }
    try {
      const { generation } = this.#parts.settings.view()
      const identity = this.#parts.identities.identify(certificate)
      return { peer: { identity, generation, certificate }, tenant: identity.tenant }
    } catch (error) {
      if (error instanceof KmipError) return { refused: error.message }
      throw error
    }
  }

  async current(): Promise<void> {
    await this.#parts.ledger.barrier()
  }

  same(before: Peer, after: Peer): boolean {
    return before.identity.tenant === after.identity.tenant && before.identity.user === after.identity.user
  }

  respond(frame: Buffer, peer: Peer): Promise<Uint8Array> {
    return this.#responder.respond(frame, peer)
  }

  refuse(error: TtlvError, bytes: Buffer): Uint8Array {
    return this.#responder.refuse(error, bytes)
  }

  respondTree(...[request, peer]: Parameters<TreeService<Peer>['respondTree']>): ReturnType<TreeService<Peer>['respondTree']> {
    return this.#responder.respondTree(request, peer)
  }

  refuseTree(error: TtlvError): ReturnType<TreeService<Peer>['refuseTree']> {
    return this.#responder.refuseTree(error)
  }

  #barrier({ identity }: Peer, bound: Bound): Promise<void> {
    const freshness = this.#freshness(identity)
    return freshness > 0 && bound === 'usual' ? this.#barriers.pass(identity.tenant, freshness) : this.#parts.ledger.barrier()
  }

  async #commit(changes: ChangeSet, { identity }: Peer): Promise<CommitOutcome> {
    try {
      return await this.#parts.ledger.commit(changes)
    } finally {
      if (this.#freshness(identity) > 0) this.#barriers.changed(identity.tenant)
    }
  }

  #freshness({ tenant }: Identity): number {
    return this.#parts.settings.view().tenants.get(tenant)?.value.policy.freshness ?? 0
  }

  /** The settings may have moved on since the connection was identified: a removed tenant or user, a withdrawn permission. */
  #identify(peer: Peer, message: RequestMessage): Identity | Promise<Identity> {
    const { settings, identities, passwords } = this.#parts
    const view = settings.view()
    if (view.generation !== peer.generation) {
      peer.identity = identities.identify(peer.certificate)
      peer.generation = view.generation
    }
    if (message.header.credentials.length === 0) return peer.identity
    return authenticate(peer.identity, message.header.credentials.map(credentialOf), view, passwords)
  }
}

function credentialOf({ credentialType, credentialValue }: RequestMessage['header']['credentials'][number]): Credential {
  if (credentialType !== 'UsernameAndPassword') return { kind: credentialType }
  const { username, password } = credentialValue as { readonly username: string; readonly password?: string | undefined }
  return { kind: credentialType, username, ...(password === undefined ? {} : { password: new Secret(Buffer.from(password)) }) }
}
