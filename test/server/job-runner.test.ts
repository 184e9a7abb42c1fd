import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestMessage, ResponseItem } from '../../src/messages/index.ts'
import { Claims } from '../../src/server/claims.ts'
import type { Attempt, DispatchDoors } from '../../src/server/dispatch.ts'
import type { JobRecord } from '../../src/server/job-record.ts'
import { JobRunner, type JobRunnerParts } from '../../src/server/job-runner.ts'
import { silentLog } from '../../src/server/log.ts'
import { Metrics } from '../../src/server/metrics.ts'
import { jobName } from '../../src/server/request-jobs.ts'
import { type CommitOutcome, workSpace } from '../../src/store/index.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

type Outcome = CommitOutcome['outcome'] | 'unknown but applied'

/** Jobs in memory, whose commits come out as told; carrying one out counts. */
class Fake {
  readonly records = new Map<string, JobRecord>()
  readonly answers = new Map<string, string>()
  readonly outcomes: Outcome[] = []
  readonly down: unknown[] = []
  carriedOut = 0
  handler = async (): Promise<object> => ({ objectType: 'SymmetricKey', uniqueIdentifier: 'made' })
  readonly #memory = memoryLedger()
  readonly claims = new Claims({ ledger: this.#memory.ledger, replica: this.#memory.replica, space: workSpace })
  readonly runner: JobRunner

  constructor() {
    this.runner = new JobRunner(this.#parts())
  }

  async add(job: string, more: Partial<JobRecord> = {}): Promise<string> {
    this.records.set(job, { user: 'app', operation: 'Create', submitted: 0, state: 'submitted', content: '', certificate: '', ...more })
    const name = jobName('demo', job)
    await this.#memory.ledger.commit({ nonce: new Uint8Array(16), guards: [], writes: [this.claims.claiming(name)] })
    return name
  }

  /** The claims of another process. */
  another(): Claims {
    return new Claims({ ledger: this.#memory.ledger, replica: this.#memory.replica, space: workSpace })
  }

  get claimed(): readonly string[] {
    return this.claims.names('')
  }

  #parts(): JobRunnerParts {
    const identity = { tenant: 'demo', user: 'app', permissions: new Set(['create']) }
    return {
      ledger: {
        barrier: async () => {
          if (this.down.length > 0) throw this.down.shift()
        },
        commit: async (changes) => {
          const outcome = this.outcomes.shift() ?? 'committed'
          const staged = changes as unknown as { apply(): void }
          if (outcome === 'committed' || outcome === 'unknown but applied') staged.apply()
          return { outcome: outcome === 'unknown but applied' ? 'unknown' : outcome, revision: 1, why: 'lost' } as CommitOutcome
        },
      },
      settings: { view: () => ({ users: new Map() }) as never },
      identities: { identify: () => identity as never },
      attempts: {
        begin: () => this.#attempt() as never,
        beginFor: async () => this.#attempt() as never,
      },
      claims: this.claims,
      doors: { log: silentLog(), metrics: new Metrics('test'), entry: this.#entry as DispatchDoors['entry'], now: () => 0 },
    }
  }

  readonly #entry = () => ({
    permission: 'create',
    needsObject: false,
    handler: async () => {
      this.carriedOut++
      return await this.handler()
    },
  })

  #attempt(): Partial<Attempt> {
    const staged: (() => void)[] = []
    const message = {
      header: { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' },
      items: [{ operation: 'Create', payload: { objectType: 'SymmetricKey', attributes: [] } }],
    } as unknown as RequestMessage
    const jobs = {
      load: async (job: string) => {
        const record = this.records.get(job)
        return record?.state === 'submitted' ? { record, message } : undefined
      },
      stateOf: async (job: string) => this.records.get(job)?.state,
      finish: async (job: string, record: JobRecord, state: JobRecord['state'], answer: ResponseItem) => {
        staged.push(() => {
          this.records.set(job, { ...record, state })
          this.answers.set(job, answer.status === 'OperationFailed' ? answer.error.reason : answer.status)
        })
      },
      made: [],
    }
    return {
      context: {} as never,
      jobs: jobs as never,
      savepoint: () => 0,
      rollback: () => undefined,
      changes: async () =>
        ({ apply: () => staged.forEach((each) => void each()), nonce: new Uint8Array(16), guards: [], writes: [] }) as never,
    }
  }
}

const job = 'job/0000000001/one'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

for (const [name, outcomes, carriedOut] of [
  ['at once', [], 1],
  ['after a conflict', ['conflict'], 2],
  ['though the answer of its commit was lost: it is there', ['unknown but applied'], 1],
  ['when its commit was lost for good: it is done again', ['unknown'], 2],
] as const satisfies readonly (readonly [string, readonly Outcome[], number])[])
  test(`a job is carried out ${name}, and its claim ends`, async (t) => {
    const fake = new Fake()
    fake.outcomes.push(...outcomes)
    const claim = await fake.add(job)
    t.deepEqual(fake.claimed, [claim])
    await fake.runner.hurry(claim)
    t.is(fake.carriedOut, carriedOut)
    t.is(fake.answers.get(job), 'Success')
    t.deepEqual(fake.claimed, [])
  })

test('a ledger that does not answer has it wait, not fail', async (t) => {
  const fake = new Fake()
  fake.down.push(new KmipError('GeneralFailure', 'no majority', { retry: 'another-node' }), new Error('gone'))
  const claim = await fake.add(job)
  await fake.runner.hurry(claim)
  t.is(fake.answers.get(job), 'Success')
})

for (const [name, thrown, reason] of [
  ['as its operation does', new KmipError('ObjectNotFound', 'none'), 'ObjectNotFound'],
  ['for an internal reason', new TypeError('a fault'), 'GeneralFailure'],
] as const)
  test(`a job fails ${name}, once`, async (t) => {
    const fake = new Fake()
    fake.handler = async () => {
      throw thrown
    }
    await fake.runner.hurry(await fake.add(job))
    t.is(fake.answers.get(job), reason)
    t.is(fake.carriedOut, 1)
    t.is(fake.records.get(job)?.state, 'failed')
    t.deepEqual(fake.claimed, [])
  })

test('one that another process carried out, or that was canceled, is left as it is', async (t) => {
  const fake = new Fake()
  const claim = await fake.add(job, { state: 'canceled' })
  await fake.runner.hurry(claim)
  t.is(fake.carriedOut, 0)
  t.deepEqual(fake.claimed, [])
})

test('one that comes after another waits for it, and is not carried out when its batch was to stop', async (t) => {
  const fake = new Fake()
  const [second, third] = ['job/0000000001/two', 'job/0000000001/three']
  const first = await fake.add(job)
  const names = [await fake.add(second, { after: job, stops: true }), await fake.add(third, { after: second, stops: true })]
  fake.handler = async () => {
    throw new KmipError('ObjectNotFound', 'none')
  }
  const later = names.map((name) => fake.runner.hurry(name))
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.is(fake.carriedOut, 0)
  await fake.runner.hurry(first)
  await Promise.all(later)
  t.is(fake.carriedOut, 1)
  t.deepEqual(
    [job, second, third].map((each) => fake.answers.get(each)),
    ['ObjectNotFound', 'OperationCanceledByRequester', 'OperationCanceledByRequester'],
  )
})

test('jobs begin by themselves; what has not begun when a process stops is free for others at once', async (t) => {
  const fake = new Fake()
  fake.runner.take([await fake.add(job)])
  await until(() => fake.answers.has(job))
  const left = await fake.add('job/0000000001/left')
  fake.runner.take([left])
  await fake.runner.stop(100)
  t.is(fake.carriedOut, 1)
  t.true(await fake.another().take(left))
})
