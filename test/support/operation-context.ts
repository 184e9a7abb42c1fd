import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { RequestMessage } from '../../src/messages/index.ts'
import { type ManagedObject, Secret } from '../../src/objects/index.ts'
import { type Context, operationTable } from '../../src/operations/index.ts'
import { ObjectStore } from '../../src/operations/object-store.ts'
import { createSoftwarePartition, openSoftwarePartition, type Partition } from '../../src/partitions/index.ts'
import { defaultServerLimits } from '../../src/server/limits.ts'
import { ObjectCache } from '../../src/server/object-cache.ts'
import { Records } from '../../src/server/object-records.ts'
import { ProcessStreams } from '../../src/server/process-streams.ts'
import { StreamRequests } from '../../src/server/request-streams.ts'
import {
  type EmbeddedLedger,
  type Guard,
  type LocalReplica,
  newestFormat,
  openEmbeddedLedger,
  type Space,
  systemSpace,
} from '../../src/store/index.ts'
import { groundPartition } from './operation-test.ts'

export interface OperationBench {
  readonly context: Pick<Context, 'now' | 'partition' | 'policy'>
  /** The objects as they are committed. */
  readonly objects: { get(uniqueIdentifier: string): ManagedObject | undefined; readonly size: number }
  /** Runs one operation as a request of its own and commits it, at the time of the bench or another (seconds since 1970). */
  run<O extends OperationName>(operation: O, request: RequestPayload<O>, now?: number): Promise<ResponsePayload<O>>
  /** Begins a request of several items, to be committed, rolled back or dropped. */
  begin(now?: number): BenchRequest
  readonly space: Space
}

export interface BenchRequest {
  readonly context: Context
  readonly records: Records
  run<O extends OperationName>(operation: O, request: RequestPayload<O>): Promise<ResponsePayload<O>>
  commit(): Promise<void>
}

interface Options {
  /** Seconds since 1970; 1,700,000,000 unless told. */
  readonly now?: number
  readonly policy?: Context['policy']
  readonly partition?: Partition
  /** As clients of 2.x have it unless told. */
  readonly attributeInstances?: Context['attributeInstances']
}

/** A tenant of its own over a software partition, or the partition that this process's suite stands on, and the embedded ledger: handlers run for real, commit and all. */
export function operationContext(options: Options = {}): OperationBench {
  const { ledger, replica } = testLedger()
  const cache = new ObjectCache()
  const attributeInstances = options.attributeInstances ?? 'by-value'
  const partition = options.partition ?? groundPartition() ?? softwarePartition()
  const policy = options.policy ?? { sensitive: false, extractable: true, tripleDes: true }
  const tenant = randomUUID()
  const space = `t/${tenant}` as Space
  const start = options.now ?? 1_700_000_000
  const guard: Guard = { place: { space: systemSpace, kind: 'setting', id: tenant }, revision: 0 }
  const streams = new StreamRequests(
    new ProcessStreams({ node: randomBytes(8), process: 0, socketOf: undefined, limits: defaultServerLimits, now: Date.now }),
  )
  const openRecords = () =>
    new Records({ tenant, space, guard, wrapping: { guard, epoch: undefined }, partition, replica, cache, format: newestFormat })
  // Requests of one second follow each other by the millisecond, as on a clock.
  let milliseconds = 0

  function begin(now = start): BenchRequest {
    replica.renew()
    const records = openRecords()
    const nowMilliseconds = now * 1000 + (milliseconds++ % 1000)
    const objects = new ObjectStore(records, nowMilliseconds)
    const run = streams.run({} as RequestMessage, { tenant, user: 'tester' }, partition)
    const context: Context = {
      now,
      nowMilliseconds,
      objects,
      partition,
      streams: run,
      tickets: none,
      jobs: noJobs,
      policy,
      server,
      attributeInstances,
    }
    return {
      context,
      records,
      run: (operation, request) => operationTable[operation].handler(context, request),
      async commit() {
        const changes = await records.changes()
        const outcome = changes === undefined ? undefined : await ledger.commit(changes)
        if (outcome !== undefined && outcome.outcome !== 'committed') throw new Error(`not committed: ${outcome.outcome}`)
        replica.renew()
      },
    }
  }

  return {
    context: { now: start, partition, policy },
    space,
    objects: {
      get: (id) => openRecords().peek(id),
      get size() {
        return replica.find(space, [], { offset: 0, limit: 0 }).total
      },
    },
    begin,
    async run(operation, payload, now) {
      const request = begin(now)
      const answer = await request.run(operation, payload)
      await request.commit()
      return answer
    },
  }
}

/** Who makes these requests has shown no certificate that a ticket could be bound to. */
const none: Context['tickets'] = {
  issue: () => Promise.reject(new Error('no tickets here')),
  end: () => Promise.reject(new Error('no tickets here')),
}

const noJobs: Context['jobs'] = {
  poll: () => Promise.reject(new Error('no jobs here')),
  cancel: () => Promise.reject(new Error('no jobs here')),
  process: () => Promise.reject(new Error('no jobs here')),
  list: async () => [],
}

const server: Context['server'] = {
  versions: ['2.1', '1.4', '1.0'],
  operations: Object.keys(operationTable) as OperationName[],
  vendorIdentification: 'Tresor',
  serverName: 'test',
  serverVersion: '0.0.0',
  serverSerialNumber: '0',
  profiles: [],
}

export function softwarePartition(): Partition {
  const rootSecret = new Secret(randomBytes(32))
  return openSoftwarePartition({ name: 'test', rootSecret, ring: createSoftwarePartition({ name: 'test', rootSecret }).ring })
}

let opened: { readonly ledger: EmbeddedLedger; readonly replica: LocalReplica } | undefined

/** One ledger for all benches of a test process, in a folder that goes with it. */
export function testLedger(): { readonly ledger: EmbeddedLedger; readonly replica: LocalReplica } {
  if (opened === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'tresor-operations-'))
    opened = openEmbeddedLedger({ directory })
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  }
  return opened
}
