import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import {
  encodeRequest,
  encodeResponse,
  parseRequest,
  parseResponse,
  type RequestHeader,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
} from '../messages/index.ts'
import type { Jobs } from '../operations/index.ts'
import type { Partition } from '../partitions/index.ts'
import type { LocalReplica, Write } from '../store/index.ts'
import type { Claims } from './claims.ts'
import { digestOf, type JobPlaces, type JobRecord, jobFolder, keptFor, newCorrelationValue, placesOf, valueOfJob } from './job-record.ts'
import { SealedSettings, type SealedSettingsParts } from './sealed-settings.ts'
import { openBytes, wrapBytes } from './wrapped-bytes.ts'

/** The work of this process on jobs. `name` is the job's among those of all tenants. */
export interface JobWork {
  /** Resolves when the job is not to be carried out any more, or after a while. */
  settle(name: string): Promise<void>
  /** Carries it out now, whoever has claimed it. */
  hurry(name: string): Promise<void>
  isRunning(name: string): boolean
}

export interface RequestJobsParts extends SealedSettingsParts {
  readonly replica: Pick<LocalReplica, 'count' | 'list' | 'read'>
  readonly partition: SealedSettingsParts['partition'] & Pick<Partition, 'importKey' | 'reveal'>
  readonly claims: Pick<Claims, 'claiming' | 'ending'>
  readonly work: JobWork
  /** Jobs that the tenant may have, but for those whose answers were had. */
  readonly limit: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly user: string
}

/** The claim on a job: its name among those of all tenants. */
export function jobName(tenant: string, job: string): string {
  return `${jobFolder}${tenant}/${job.slice(jobFolder.length)}`
}

/** @returns the tenant, and where the job lies in its space */
export function jobOfName(name: string): { readonly tenant: string; readonly job: string } {
  const [, tenant = '', ...rest] = name.split('/')
  return { tenant, job: jobFolder + rest.join('/') }
}

/**
 * The jobs of one request. A job lies in the tenant's space: a record under the partition's seal, and beside it, wrapped by the partition, what
 * is asked and then what was answered. The answer is written by the commit that carries the job out, which relies on the record being as it
 * was: so it is carried out once, however many processes try, and an outcome that was lost is found there.
 */
export class RequestJobs implements Jobs {
  readonly #parts: RequestJobsParts
  readonly #kept: SealedSettings<JobRecord>
  /** Those that this request makes, and those that it ends. */
  readonly #made: string[] = []
  readonly #ended: string[] = []
  readonly #epochs = new Set<number>()

  constructor(parts: RequestJobsParts) {
    this.#parts = parts
    this.#kept = new SealedSettings(parts)
  }

  /**
   * Stages an item to be carried out later. Undefined when it cannot be kept and the client leaves it open.
   * @throws KmipError ServerLimitExceeded when the client insists
   */
  async submit(
    item: RequestItem,
    header: RequestHeader,
    { certificate }: { readonly certificate: Uint8Array },
  ): Promise<Uint8Array | undefined> {
    const { replica, space, limit, now, user, unit } = this.#parts
    const { version, batchErrorContinuation } = header
    const message: RequestMessage = { header: { ...quiet, version }, items: [{ ...item, uniqueBatchItemId: undefined } as RequestItem] }
    const asked = encodeRequest(message)
    const isFull = replica.count(space, 'setting', jobFolder, limit) + this.#made.length >= limit
    if (isFull || asked.length > largestContent) {
      if (header.asynchronousIndicator === 'Optional') return undefined
      const why = isFull
        ? `the tenant has ${limit} such requests: poll or cancel some`
        : `it has ${asked.length} bytes, and ${largestContent} can be kept`
      throw new KmipError('ServerLimitExceeded', `The request cannot be answered later: ${why}.`)
    }
    const value = newCorrelationValue(Math.floor(now / 1000) + keptFor)
    const places = placesOf(value) as JobPlaces
    const after = this.#made.findLast((each) => unit.hasStaged('setting', each))
    await this.#put(places.job, places.content, asked, {
      user,
      operation: item.operation,
      submitted: now,
      state: 'submitted',
      certificate: Buffer.from(certificate).toString('base64'),
      ...(after === undefined ? {} : { after, stops: batchErrorContinuation !== 'Continue' }),
    })
    this.#made.push(places.job)
    return value
  }

  async poll(value: Uint8Array): Promise<ResponseItem> {
    const { tenant, user, unit, now, work } = this.#parts
    const places = placesOf(value)
    if (places === undefined) throw unknown()
    const seen = await this.#peek(places.job)
    if (seen?.user === user && seen.state === 'submitted') await work.settle(jobName(tenant, places.job))
    const job = await this.#kept.read(places.job)
    const record = job ?? (await this.#kept.read(places.polled))
    if (record === undefined || record.user !== user) throw unknown()
    const { operation } = record
    if (record.state === 'submitted') return { operation, status: 'OperationPending', asynchronousCorrelationValue: value }
    const answered = await this.#content(places.content, record).catch((error: unknown) => this.#lost(record, error))
    const [answer] = parseResponse(answered).items
    if (answer === undefined) throw new Error(`the answer kept at ${places.content} holds no item`)
    if (job !== undefined) {
      unit.remove('setting', places.job)
      await this.#kept.put(places.polled, { ...record, polled: Math.floor(now / 1000) })
    }
    return answer
  }

  async cancel(value: Uint8Array): Promise<EnumerationValue<'CancellationResult'>> {
    const { user, now } = this.#parts
    const places = placesOf(value)
    if (places === undefined) throw unknown()
    if (places.until <= now / 1000) return 'Unavailable'
    const record = (await this.#kept.read(places.job)) ?? (await this.#kept.read(places.polled))
    if (record === undefined || record.user !== user) throw unknown()
    if (record.state !== 'submitted') return cancellations[record.state]
    const error = new KmipError('OperationCanceledByRequester', 'The request was canceled before it was carried out.')
    await this.finish(places.job, record, 'canceled', { operation: record.operation, status: 'OperationFailed', error }, '2.1')
    return 'Canceled'
  }

  async process(value: Uint8Array): Promise<void> {
    const { tenant, user, work } = this.#parts
    const places = placesOf(value)
    const seen = places && ((await this.#peek(places.job)) ?? (await this.#peek(places.polled)))
    if (places === undefined || seen?.user !== user) throw unknown()
    if (seen.state !== 'submitted') throw new KmipError('DuplicateProcessRequest', 'The request was carried out already: poll its answer.')
    await work.hurry(jobName(tenant, places.job))
  }

  async list({ values, operations }: Parameters<Jobs['list']>[0]): Promise<readonly StructureValue<'AsynchronousRequest'>[]> {
    const { replica, space, tenant, user, work } = this.#parts
    const wanted = values && new Set(values.map((value) => placesOf(value)?.job))
    const found: StructureValue<'AsynchronousRequest'>[] = []
    for (const { id, stored } of replica.list(space, 'setting', jobFolder)) {
      if (wanted !== undefined && !wanted.has(id)) continue
      const record = await this.#kept.believe(id, stored.value, stored.revision)
      if (record.user !== user || operations?.includes(record.operation) === false) continue
      found.push({
        asynchronousCorrelationValue: valueOfJob(id),
        operation: record.operation,
        submissionDate: BigInt(record.submitted) * 1000n,
        processingStage: record.state !== 'submitted' ? 'Completed' : work.isRunning(jobName(tenant, id)) ? 'InProcess' : 'Submitted',
      })
    }
    return found.sort((a, b) => Number(a.submissionDate - b.submissionDate))
  }

  /** The job that lies here, and what it asks; relied on. Undefined when it is not to be carried out any more. */
  async load(job: string): Promise<{ readonly record: JobRecord; readonly message: RequestMessage } | undefined> {
    const record = await this.#kept.read(job)
    if (record?.state !== 'submitted') return undefined
    return { record, message: parseRequest(await this.#content(contentOf(job), record)) }
  }

  /** How a job that lies here, or lay here until its answer was had, came out; undefined for one that is gone. */
  async stateOf(job: string): Promise<JobRecord['state'] | undefined> {
    const { polled } = placesOf(valueOfJob(job)) as JobPlaces
    return ((await this.#peek(job)) ?? (await this.#peek(polled)))?.state
  }

  /** Stages the answer of a job. @throws KmipError ResponseTooLarge for one that cannot be kept */
  async finish(
    job: string,
    record: JobRecord,
    state: 'done' | 'failed' | 'canceled',
    answer: ResponseItem,
    version: Version,
  ): Promise<void> {
    const timeStamp = Math.floor(this.#parts.now / 1000)
    const answered = encodeResponse({ version, timeStamp, items: [{ ...answer, uniqueBatchItemId: undefined }] })
    if (answered.length > largestContent)
      throw new KmipError(
        'ResponseTooLarge',
        `The answer has ${answered.length} bytes, and ${largestContent} can be kept: ask for it at once.`,
      )
    const { certificate: _, after: __, stops: ___, ...kept } = record
    await this.#put(job, contentOf(job), answered, { ...kept, state })
    this.#ended.push(job)
  }

  /** What goes into the request's commit in the space of claims. */
  writes(): readonly Write[] {
    const { unit, claims, tenant } = this.#parts
    const staged = (job: string) => unit.hasStaged('setting', job)
    const names = (jobs: readonly string[]) => jobs.filter(staged).map((job) => jobName(tenant, job))
    return [...names(this.#made).map((name) => claims.claiming(name)), ...names(this.#ended).map((name) => claims.ending(name))]
  }

  /** The names of those that the request made. */
  get made(): readonly string[] {
    const { unit, tenant } = this.#parts
    return this.#made.filter((job) => unit.hasStaged('setting', job)).map((job) => jobName(tenant, job))
  }

  /** The epochs under which it wrapped something. */
  get epochs(): ReadonlySet<number> {
    return this.#epochs
  }

  /** Not told as the operation's own failure: a client that repeats what succeeded would do it twice. */
  #lost({ operation, state }: JobRecord, error: unknown): never {
    if (!(error instanceof KmipError) || error.reason !== 'CryptographicFailure') throw error
    const came = state === 'done' ? 'succeeded' : 'failed'
    const message = `${operation} ${came}, but its answer went with an earlier epoch of the partition: look at what it was about.`
    throw new KmipError('GeneralFailure', message, { cause: error })
  }

  /** A look that the request does not rely on. */
  async #peek(id: string): Promise<JobRecord | undefined> {
    const { replica, space } = this.#parts
    const stored = replica.read({ space, kind: 'setting', id })
    return stored === undefined ? undefined : await this.#kept.believe(id, stored.value, stored.revision)
  }

  async #put(job: string, content: string, bytes: Uint8Array, record: Omit<JobRecord, 'content'>): Promise<void> {
    const { value, epoch } = await wrapBytes(this.#parts.partition, bytes)
    this.#epochs.add(epoch)
    this.#parts.unit.put('setting', content, value)
    await this.#kept.put(job, { ...record, content: digestOf(value) })
  }

  /** @throws Error when it is not what the record says */
  async #content(id: string, record: JobRecord): Promise<Uint8Array> {
    const stored = this.#parts.unit.read('setting', id)
    if (stored === undefined || digestOf(stored.value) !== record.content) throw new Error(`what lies at ${id} is not what its record says`)
    return await openBytes(this.#parts.partition, `${id}/${record.content}`, stored.value)
  }
}

/** Where what is asked, and then answered, lies. */
export function contentOf(job: string): string {
  return (placesOf(valueOfJob(job)) as JobPlaces).content
}

const cancellations = { done: 'Completed', failed: 'Failed', canceled: 'Canceled' } as const

const quiet = { asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const

/** Bytes of a request, or of an answer, that are kept: a commit of both fits into one transaction of etcd. */
export const largestContent = 256 * 1024

function unknown(): KmipError {
  return new KmipError('InvalidAsynchronousCorrelationValue', 'There is no request of this user with this Asynchronous Correlation Value.')
}
