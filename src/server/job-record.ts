import { createHash, randomBytes } from 'node:crypto'
import type { OperationName } from '../../spec/operations.ts'
import type { Replica, Space } from '../store/index.ts'
import { lapsingPlaces } from './lapsing-place.ts'

/** A request that is answered later, as it is kept under its tenant's seal. What it asks, and then its answer, lie beside it, wrapped. */
export interface JobRecord {
  readonly user: string
  readonly operation: OperationName
  /** Milliseconds since 1970. */
  readonly submitted: number
  readonly state: 'submitted' | 'done' | 'failed' | 'canceled'
  /** SHA-256 of what lies beside it, in Base64. */
  readonly content: string
  /** DER in Base64: who it was that asked is judged anew when it is carried out. */
  readonly certificate?: string
  /** Where the item before it in its batch lies, which is carried out first. */
  readonly after?: string
  /** Whether it is not carried out when that one failed. */
  readonly stops?: boolean
  /** Seconds since 1970: when its answer was first had. */
  readonly polled?: number
}

/** Seconds for which a request and its answer are kept: a day. */
export const keptFor = 24 * 60 * 60
/** Seconds for which an answer that was had can be had again, by a client that lost it. */
export const keptAfterPoll = 120

/** Where the parts of a job lie. */
export interface JobPlaces {
  readonly job: string
  readonly content: string
  /** In place of `job` once its answer was had. */
  readonly polled: string
}

const jobs = lapsingPlaces('job')
const contents = lapsingPlaces('job-content')
const polledJobs = lapsingPlaces('polled-job')

export const jobFolder = jobs.folder

/** Jobs of a day ago, and those whose answers were had a while ago. */
export function* jobPlacesLapsed(replica: Pick<Replica, 'list'>, space: Space, second: number): Iterable<string> {
  for (const places of [jobs, contents, polledJobs]) yield* places.lapsed(replica, space, second)
  for (const { id, stored } of replica.list(space, 'setting', polledJobs.folder)) {
    const text = Buffer.from(stored.value.subarray(0, Math.max(stored.value.indexOf(0), 0))).toString('utf8')
    // Not checked against its seal: all that comes of it is that it goes.
    const { polled = 0 } = JSON.parse(text) as Pick<JobRecord, 'polled'>
    if (polled + keptAfterPoll > second) continue
    yield contents.folder + id.slice(polledJobs.folder.length)
    yield id
  }
}

/** Bytes of an Asynchronous Correlation Value: the second until which it is kept, and random ones. */
const valueBytes = 24

/** A place has ten hexadecimal digits for it. */
const longestSecond = 2 ** 40 - 1

/** @param until seconds since 1970 */
export function newCorrelationValue(until: number): Uint8Array {
  const value = Buffer.alloc(valueBytes)
  value.writeBigUInt64BE(BigInt(until))
  randomBytes(valueBytes - 8).copy(value, 8)
  return value
}

/** Undefined for bytes that were never given as a value. */
export function placesOf(value: Uint8Array): (JobPlaces & { readonly until: number }) | undefined {
  if (value.length !== valueBytes) return undefined
  const bytes = Buffer.from(value)
  const until = Number(bytes.readBigUInt64BE())
  if (!Number.isSafeInteger(until) || until < 1 || until > longestSecond) return undefined
  const name = bytes.toString('base64url', 8)
  return { until, job: jobs.at(until, name), content: contents.at(until, name), polled: polledJobs.at(until, name) }
}

/** The value that names the job which lies here. */
export function valueOfJob(job: string): Uint8Array {
  const [, until = '', name = ''] = job.split('/')
  const value = Buffer.alloc(valueBytes)
  value.writeBigUInt64BE(BigInt(`0x${until}`))
  Buffer.from(name, 'base64url').copy(value, 8)
  return value
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
