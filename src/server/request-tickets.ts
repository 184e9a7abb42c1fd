import { createHash, randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Tickets, TicketTerms } from '../operations/index.ts'
import type { Partition } from '../partitions/index.ts'
import type { LocalReplica, Revision, Space, UnitOfWork } from '../store/index.ts'
import { type Identity, narrowTo, passwordMark, type SettingsView } from '../tenants/index.ts'
import { lapsingPlaces } from './lapsing-place.ts'

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

/** Tickets whose seal this process has checked, by place and revision: a ticket that nothing counts costs its seal once. */
export class CheckedTickets {
  readonly #known = new Map<string, { readonly revision: Revision; readonly ticket: Ticket }>()

  get(space: Space, id: string, revision: Revision): Ticket | undefined {
    const known = this.#known.get(`${space} ${id}`)
    return known?.revision === revision ? known.ticket : undefined
  }

  set(space: Space, id: string, revision: Revision, ticket: Ticket): void {
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(`${space} ${id}`, { revision, ticket })
  }
}

const remembered = 10_000

export interface RequestTicketsParts {
  readonly tenant: string
  readonly space: Space
  readonly unit: UnitOfWork
  readonly replica: Pick<LocalReplica, 'count'>
  readonly partition: Pick<Partition, 'sealRecord' | 'checkRecord'>
  readonly checked: CheckedTickets
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
  /** Where the ticket lies that let this request in. */
  #admittedBy: string | undefined

  constructor(parts: RequestTicketsParts) {
    this.#parts = parts
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
    if (ticket.requests !== undefined) await this.#spend(id, { ...ticket, requests: ticket.requests - 1 })
    return who
  }

  /**
   * Takes a Batch Item off the Usage Limits of the ticket that let the request in.
   * @throws KmipError UsageLimitExceeded; nothing is taken then
   */
  async use(bytes: number): Promise<void> {
    const id = this.#admittedBy
    const stored = id === undefined ? undefined : this.#parts.unit.read('setting', id)
    if (id === undefined || stored === undefined) return
    const ticket = readEntry(stored.value).ticket
    if (ticket.usage === undefined) return
    const { unit, left } = ticket.usage
    const rest = BigInt(left) - (unit === 'Byte' ? BigInt(bytes) : 1n)
    if (rest < 0n) throw new KmipError('UsageLimitExceeded', `The ticket has ${left} of its Usage Limits left (${unit}): log in again.`)
    await this.#put(id, { ...ticket, usage: { unit, left: String(rest) } })
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
    await this.#put(placeOf(value, until), {
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
    const ticket = await this.#believed(id)
    if (ticket === undefined || ticket.fingerprint !== identity.certificate.fingerprint) throw invalid()
    return { id, ticket }
  }

  /** @throws Error when what lies there is not what the tenant's partition sealed */
  async #believed(id: string): Promise<Ticket | undefined> {
    const { unit, space, checked, partition } = this.#parts
    const stored = unit.read('setting', id)
    if (stored === undefined) return undefined
    const known = checked.get(space, id, stored.revision)
    if (known !== undefined) return known
    const { ticket, text, seal } = readEntry(stored.value)
    if (!(await partition.checkRecord(this.#sealed(id, text), seal)))
      throw new Error(`the stored ticket ${id} in ${space} does not bear its partition's seal`)
    // Revision 0 is this request's own.
    if (stored.revision > 0) checked.set(space, id, stored.revision, ticket)
    return ticket
  }

  async #spend(id: string, ticket: Ticket): Promise<void> {
    if (ticket.requests === 0 && ticket.usage === undefined) this.#parts.unit.remove('setting', id)
    else await this.#put(id, ticket)
  }

  async #put(id: string, ticket: Ticket): Promise<void> {
    const text = JSON.stringify(ticket)
    const seal = await this.#parts.partition.sealRecord(this.#sealed(id, text))
    this.#parts.unit.put('setting', id, Buffer.concat([Buffer.from(`${text}\0`), seal]))
  }

  #sealed(id: string, text: string): Uint8Array {
    return Buffer.from(JSON.stringify([this.#parts.tenant, id, text]))
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

function readEntry(value: Uint8Array): { readonly ticket: Ticket; readonly text: string; readonly seal: Uint8Array } {
  const end = value.indexOf(0)
  if (end < 0) throw new Error('a stored ticket is damaged')
  const text = Buffer.from(value.subarray(0, end)).toString('utf8')
  return { ticket: JSON.parse(text) as Ticket, text, seal: value.subarray(end + 1) }
}

function invalid(): KmipError {
  return new KmipError(
    'InvalidTicket',
    'The ticket lets nobody in: it was not given to this client, has ended, or is used up. Log in again.',
  )
}
