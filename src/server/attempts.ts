import { KmipError } from '../../spec/kmip-error.ts'
import { type OperationName, operations } from '../../spec/operations.ts'
import { isWithin, servedVersions, type Version, versions } from '../../spec/versions.ts'
import type { RequestHeader, RequestMessage } from '../messages/index.ts'
import { type Context, operationTable } from '../operations/index.ts'
import type { ObjectStore } from '../operations/object-store.ts'
import type { Partition } from '../partitions/index.ts'
import type { ChangeSet } from '../store/index.ts'
import { type Identity, type OpenPartitions, partitionOfNew, type Settings, type TenantContext, type TenantId } from '../tenants/index.ts'
import type { Claims } from './claims.ts'
import type { Attempt } from './dispatch.ts'
import type { AnswersKept } from './kept-answers.ts'
import type { ServerLimits } from './limits.ts'
import type { JobWork, RequestJobs, RequestJobsParts } from './request-jobs.ts'
import type { StreamRequests } from './request-streams.ts'
import type { RequestTickets, RequestTicketsParts } from './request-tickets.ts'
import { CheckedSettings } from './sealed-settings.ts'
import { residentRuleOf } from './tenant-residence.ts'

/** One request's objects, as the composition root joins them of store and partition. */
export type BeginUnit = (
  tenant: TenantContext,
  partition: Partition,
  milliseconds: number,
) => { readonly objects: ObjectStore; readonly records: RequestRecords }

/** A unit of work, as far as the store goes. */
interface RequestRecords {
  savepoint(): number
  rollback(savepoint: number): void
  changes(): Promise<ChangeSet | undefined> | undefined
  settled(outcome: 'committed' | 'conflict'): Promise<void> | undefined
  keptAt(milliseconds: number): AnswersKept
  tickets(of: TicketsOf): RequestTickets
  jobs(of: JobsOf): RequestJobs
}

type TicketsOf = Pick<RequestTicketsParts, 'checked' | 'limit' | 'now' | 'view' | 'identity' | 'provenBy'>

type JobsOf = Pick<RequestJobsParts, 'checked' | 'claims' | 'work' | 'limit' | 'now' | 'user'>

export interface AttemptsParts {
  readonly settings: Settings
  readonly partitions: OpenPartitions
  readonly beginUnit: BeginUnit
  readonly streams: StreamRequests
  readonly claims: Claims
  readonly limits: Pick<ServerLimits, 'ticketsPerTenant' | 'jobsPerTenant'>
  /** Whether other nodes serve the same tenants. */
  readonly inCluster: boolean
  readonly serverName: string
  readonly serverVersion: string
}

/** Begins the runs of this process's requests: what each of them reaches, in the tenant of who makes it. */
export class Attempts {
  readonly #parts: AttemptsParts
  readonly #reach: Reach
  readonly #facts: Readonly<Record<Version, VersionFacts>>
  readonly #checked = new CheckedSettings()
  #work: JobWork = noWork

  constructor(parts: AttemptsParts) {
    this.#parts = parts
    this.#reach = new Reach(parts)
    this.#facts = factsByVersion(parts)
  }

  /**
   * @param certificate the client's, DER
   * @throws KmipError when the tenant's partition cannot be used; InvalidTicket
   */
  begin(identity: Identity, message: RequestMessage, milliseconds: number, certificate: Uint8Array): Attempt | Promise<Attempt> {
    const reached = this.#reach.of(identity)
    const enter = (where: Reached) => this.#enter(where, { identity, message, milliseconds, certificate })
    return reached instanceof Promise ? reached.then(enter) : enter(reached)
  }

  /** The jobs of a tenant for the process itself, whoever asked for them. @throws KmipError as `begin` */
  async beginFor(tenant: TenantId, milliseconds: number): Promise<{ readonly jobs: RequestJobs } & Pick<RequestRecords, 'changes'>> {
    const reached = await this.#reach.of({ tenant })
    const { records } = this.#parts.beginUnit(reached.tenant, reached.partition, milliseconds)
    return { jobs: this.#jobs(records, '', milliseconds), changes: () => records.changes() }
  }

  /** What is made here to be answered later, and who carries it out. */
  workWith(work: JobWork): void {
    this.#work = work
  }

  #enter(reached: Reached, request: Request): Attempt | Promise<Attempt> {
    const { settings, beginUnit, limits } = this.#parts
    const { identity, message, milliseconds } = request
    const { header } = message
    const unit = beginUnit(reached.tenant, reached.partition, milliseconds)
    const ticket = ticketIn(header)
    const makeTickets = () =>
      unit.records.tickets({
        checked: this.#checked,
        limit: limits.ticketsPerTenant,
        now: Math.floor(milliseconds / 1000),
        view: settings.view(),
        identity,
        provenBy: header.credentials.length > (ticket === undefined ? 0 : 1) ? 'password' : 'certificate',
      })
    if (ticket === undefined) return this.#attempt({ ...reached, ...unit, ...request, makeTickets })
    const tickets = makeTickets()
    return tickets.admit(ticket).then((admitted) => {
      const attempt = this.#attempt({ ...reached, ...unit, ...request, makeTickets: () => tickets, identity: admitted })
      const start = unit.records.savepoint()
      const spent = async () => {
        unit.records.rollback(start)
        return await unit.records.changes()
      }
      return { ...attempt, identity: admitted, spend: tickets.isMetered ? (bytes) => tickets.use(bytes) : undefined, spent }
    })
  }

  #attempt({ policy, partition, objects, records, makeTickets, message, milliseconds, identity, certificate }: Entered): Attempt {
    const { streams } = this.#parts
    // Made for the few requests that need them.
    let tickets: RequestTickets | undefined
    let made: RequestJobs | undefined
    const jobs = () => (made ??= this.#jobs(records, identity.user, milliseconds))
    const { server, attributeInstances } = this.#facts[message.header.version]
    const run = streams.run(message, identity, partition)
    const now = Math.floor(milliseconds / 1000)
    const marks: { readonly records: number; readonly parts: number }[] = []
    return {
      context: {
        now,
        nowMilliseconds: milliseconds,
        objects,
        partition,
        streams: run,
        server,
        attributeInstances,
        policy,
        get tickets() {
          tickets ??= makeTickets()
          return tickets
        },
        get jobs() {
          return jobs()
        },
      },
      kept: records.keptAt(milliseconds),
      get jobs() {
        return jobs()
      },
      submit: (item, header) => jobs().submit(item, header, { certificate }),
      settled: (outcome) => records.settled(outcome),
      savepoint: () => marks.push({ records: records.savepoint(), parts: run.mark }) - 1,
      rollback: (to) => {
        const mark = marks[to]
        if (mark === undefined) return undefined
        records.rollback(mark.records)
        return run.rollback(mark.parts)
      },
      changes: () => {
        const lost = streams.finished(message, run)
        return lost === undefined ? records.changes() : lost.then(() => records.changes())
      },
    }
  }

  #jobs(records: RequestRecords, user: string, now: number): RequestJobs {
    const { claims, limits } = this.#parts
    return records.jobs({ checked: this.#checked, claims, work: this.#work, limit: limits.jobsPerTenant, now, user })
  }
}

/** A request, and who makes it. */
interface Request {
  readonly identity: Identity
  readonly message: RequestMessage
  readonly milliseconds: number
  readonly certificate: Uint8Array
}

/** The value of a request's ticket. @throws KmipError InvalidTicket for several: one request is let in by one. */
function ticketIn({ credentials }: RequestHeader): Uint8Array | undefined {
  if (credentials.length === 0) return undefined
  const tickets = credentials.filter(({ credentialType }) => credentialType === 'Ticket')
  if (tickets.length > 1) throw new KmipError('InvalidTicket', 'The request has several tickets; send one.')
  return (tickets[0]?.credentialValue as { readonly ticket: { readonly ticketValue: Uint8Array } } | undefined)?.ticket.ticketValue
}

interface Entered extends Request, Reached, ReturnType<BeginUnit> {
  readonly makeTickets: () => RequestTickets
}

/** What a tenant's requests need, its partition open. */
interface Reached {
  readonly tenant: TenantContext
  readonly partition: Partition
  readonly policy: Context['policy']
}

/** What tenants' requests reach, kept as long as no setting changes. */
class Reach {
  readonly #settings: Settings
  readonly #partitions: OpenPartitions
  readonly #inCluster: boolean
  #generation = -1
  readonly #kept = new Map<TenantId, Reached>()

  constructor({ settings, partitions, inCluster }: AttemptsParts) {
    this.#settings = settings
    this.#partitions = partitions
    this.#inCluster = inCluster
  }

  /** @throws KmipError when the tenant was removed or its partition cannot be opened */
  of(identity: Pick<Identity, 'tenant'>): Reached | Promise<Reached> {
    const { generation } = this.#settings.view()
    if (generation !== this.#generation) {
      this.#kept.clear()
      this.#generation = generation
    }
    return this.#kept.get(identity.tenant) ?? this.#open(identity, generation)
  }

  async #open(identity: Pick<Identity, 'tenant'>, generation: number): Promise<Reached> {
    const tenant = this.#partitions.contextOf(identity)
    const { defaultSensitive: sensitive, defaultExtractable: extractable, tripleDes = false } = tenant.tenant.policy
    const defined = this.#settings.view().partitions.get(partitionOfNew(tenant.tenant))?.value
    const resident = residentRuleOf(tenant.tenant, defined, this.#inCluster ? 'in a cluster' : 'alone')
    const policy = { sensitive, extractable, tripleDes, resident }
    const reached = { tenant, partition: await tenant.partition(), policy }
    if (generation === this.#generation) this.#kept.set(identity.tenant, reached)
    return reached
  }
}

const noWork: JobWork = { settle: async () => undefined, hurry: async () => undefined, isRunning: () => false }

type VersionFacts = Pick<Context, 'server' | 'attributeInstances'>

/** What handlers are told of the server and the protocol, by the client's version. */
function factsByVersion({ serverName, serverVersion }: AttemptsParts): Readonly<Record<Version, VersionFacts>> {
  const all = Object.keys(operations) as OperationName[]
  const facts = (version: Version): VersionFacts => ({
    attributeInstances: isWithin(version, '1.0', '1.4') ? 'by-index' : 'by-value',
    server: {
      versions: servedVersions,
      operations: all.filter((name) => {
        const row: { readonly since: Version; readonly until?: Version } = operations[name]
        return operationTable[name] !== undefined && isWithin(version, row.since, row.until)
      }),
      vendorIdentification: `Tresor ${serverVersion}`,
      serverName,
      serverVersion,
      serverSerialNumber: '',
      profiles: [],
    },
  })
  return Object.fromEntries(versions.map((version) => [version, facts(version)])) as Record<Version, VersionFacts>
}
