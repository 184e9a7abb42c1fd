import { createHash, randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Tickets, TicketTerms } from '../operations/index.ts'
import type { LocalReplica } from '../store/index.ts'
import { type Identity, narrowTo, passwordMark, type SettingsView } from '../tenants/index.ts'
import { lapsingPlaces } from './lapsing-place.ts'
import { SealedSettings, type SealedSettingsParts } from './sealed-settings.ts'

/** Bytes of the secret in a ticket. */
const secretBytes = 32
/** Before it stand eight that say when the ticket ends: so its place follows from its value, and the oldest places stand first. */
const valueBytes = 8 + secretBytes
/** Seconds that a ticket holds at most, and when nothing is said: 24 hours. */
export const longestLease = 24 * 60 * 60

/** Where a tenant's tickets lie. */
export const ticketPlaces = lapsingPlaces('ticket')

/** What is kept of a ticket: not its value. */
interface Ticket {
  readonly user: string
  /** Of the client certificate that it was given to. */
  readonly fingerprint: string
  /** What its user's password was then, if there was one. */
  readonly password: string | undefined
  /** Seconds since 1970. */
  readonly until: number
  /** Requests that it is still good for. */
  readonly requests?: number
  readonly usage?: { readonly unit: 'Byte' | 'Object'; readonly left: string }
}

export interface RequestTicketsParts extends SealedSettingsParts {
  readonly replica: Pick<LocalReplica, 'count'>
  /** Tickets that the tenant may have. */
  readonly limit: number
  /** Seconds since 1970. */
  readonly now: number
  readonly view: SettingsView
  /** As the certificate and the password say, where there is one. */
  readonly identity: Identity
  readonly provenBy: 'certificate' | 'password'
}

/**
 * The tickets of one request. They lie in the tenant's space as settings, by the second at which they end: a hash of the value, whose it is
 * and what is left of it, under a seal of the tenant's partition. So a ticket is one on every node, and is relied on by what it lets in.
 */
export class RequestTickets implements Tickets {
  readonly #parts: RequestTicketsParts
  readonly #kept: SealedSettings<Ticket>
  /** Where the ticket lies that let this request in. */
  #admittedBy: string | undefined
  #isMetered = false

  constructor(parts: RequestTicketsParts) {
    this.#parts = parts
    this.#kept = new SealedSettings(parts)
  }

  /**
   * Who makes the request, proven by a ticket, which loses one of its requests with it.
   * @throws KmipError InvalidTicket, the same for each ticket that lets nobody in
   */
  async admit(value: Uint8Array): Promise<Identity> {
    const { id, ticket } = await this.#find(value)
    const { identity, provenBy, view } = this.#parts
    const isSame = ticket.user === identity.user
    // Who comes with a password as well must be the same by both.
    const who = isSame ? identity : provenBy === 'password' ? undefined : narrowTo(identity, ticket.user, view)
    const isSpent = ticket.requests !== undefined && ticket.requests < 1
    if (who === undefined || isSpent || ticket.password !== passwordMark(view, identity.tenant, ticket.user)) throw invalid()
    this.#admittedBy = id
    this.#isMetered = ticket.usage !== undefined
    if (ticket.requests !== undefined) await this.#spend(id, { ...ticket, requests: ticket.requests - 1 })
    return who
  }

  /** Whether the ticket that let the request in has Usage Limits. */
  get isMetered(): boolean {
    return this.#isMetered
  }

  /**
   * Takes a Batch Item off the Usage Limits of the ticket that let the request in.
   * @throws KmipError UsageLimitExceeded; nothing is taken then
   */
  async use(bytes: number): Promise<void> {
    const id = this.#admittedBy
    const ticket = id === undefined ? undefined : await this.#kept.read(id)
    if (id === undefined || ticket?.usage === undefined) return
    const { unit, left } = ticket.usage
    const rest = BigInt(left) - (unit === 'Byte' ? BigInt(bytes) : 1n)
    if (rest < 0n) throw new KmipError('UsageLimitExceeded', `The ticket has ${left} of its Usage Limits left (${unit}): log in again.`)
    await this.#kept.put(id, { ...ticket, usage: { unit, left: String(rest) } })
  }

  async issue({ lease, requestCount, usageLimits }: TicketTerms): Promise<Uint8Array> {
    const { identity, view, now, replica, space, limit } = this.#parts
    if (this.#admittedBy !== undefined)
      throw new KmipError(
        'PermissionDenied',
        'A ticket does not ask for another: log in with the client certificate, and the password if there is one.',
      )
    const until = endOf(lease, now)
    if (requestCount !== undefined && requestCount < 1)
      throw new KmipError('InvalidField', `Request Count is ${requestCount}; give 1 or more.`)
    if (usageLimits !== undefined && usageLimits.total < 1n)
      throw new KmipError('InvalidField', `Usage Limits Total is ${usageLimits.total}; give 1 or more.`)
    if (replica.count(space, 'setting', ticketPlaces.folder, limit) >= limit)
      throw new KmipError('ServerLimitExceeded', `The tenant has ${limit} tickets: log out with some, or let them end by shorter leases.`)
    const value = newValue(until)
    const password = passwordMark(view, identity.tenant, identity.user)
    await this.#kept.put(placeOf(value, until), {
      user: identity.user,
      fingerprint: identity.certificate.fingerprint,
      password,
      until,
      ...(requestCount === undefined ? {} : { requests: requestCount }),
      ...(usageLimits === undefined ? {} : { usage: { unit: usageLimits.unit, left: String(usageLimits.total) } }),
    })
    return value
  }

  async end(value: Uint8Array): Promise<void> {
    const { id } = await this.#find(value)
    this.#parts.unit.remove('setting', id)
  }

  async #find(value: Uint8Array): Promise<{ readonly id: string; readonly ticket: Ticket }> {
    const { now, identity } = this.#parts
    const until = value.length === valueBytes ? Number(Buffer.from(value).readBigUInt64BE()) : 0
    if (until <= now || !Number.isSafeInteger(until)) throw invalid()
    const id = placeOf(value, until)
    const ticket = await this.#kept.read(id)
    if (ticket === undefined || ticket.fingerprint !== identity.certificate.fingerprint) throw invalid()
    return { id, ticket }
  }

  async #spend(id: string, ticket: Ticket): Promise<void> {
    if (ticket.requests === 0 && ticket.usage === undefined) this.#parts.unit.remove('setting', id)
    else await this.#kept.put(id, ticket)
  }
}

/** @throws KmipError InvalidField */
function endOf(lease: TicketTerms['lease'], now: number): number {
  // An interval of 0 asks for no bound of its own, as with the lease of an object (KMIP 2.1 §6.1.36).
  if (lease === undefined || ('seconds' in lease && lease.seconds === 0)) return now + longestLease
  const until = 'until' in lease ? lease.until : now + lease.seconds
  if (until <= now) throw new KmipError('InvalidField', 'Lease Time is in the past; give a later one, or an interval in seconds.')
  if (until > now + longestLease)
    throw new KmipError('InvalidField', `Lease Time ends in ${until - now} seconds; a ticket holds ${longestLease} seconds at most.`)
  return until
}

function newValue(until: number): Uint8Array {
  const value = Buffer.alloc(valueBytes)
  value.writeBigUInt64BE(BigInt(until))
  randomBytes(secretBytes).copy(value, valueBytes - secretBytes)
  return value
}

function placeOf(value: Uint8Array, until: number): string {
  return ticketPlaces.at(until, createHash('sha256').update(value).digest('base64url'))
}

function invalid(): KmipError {
  return new KmipError(
    'InvalidTicket',
    'The ticket lets nobody in: it was not given to this client, has ended, or is used up. Log in again.',
  )
}
