import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestHeader, RequestItem, RequestMessage, ResponseItem, ResponseMessage } from '../../src/messages/index.ts'
import type { Context, OperationEntry } from '../../src/operations/index.ts'
import { type Attempt, type DispatchDoors, dispatch } from '../../src/server/dispatch.ts'
import { silentLog } from '../../src/server/log.ts'
import { Metrics } from '../../src/server/metrics.ts'
import type { ChangeSet, CommitOutcome } from '../../src/store/index.ts'
import type { Identity } from '../../src/tenants/index.ts'

const nameOf = ({ user, idempotencyKey }: { readonly user: string; readonly idempotencyKey: Uint8Array }) =>
  `${user} ${Buffer.from(idempotencyKey).toString('hex')}`

/** A store of names, with operations that need nothing of KMIP's rules: Create adds one, Destroy removes it, Get answers, Activate fails. */
class Fake {
  readonly stored = new Set<string>()
  readonly outcomes: CommitOutcome['outcome'][] = []
  readonly bounds: string[] = []
  readonly kept = new Map<string, readonly string[]>()
  commits = 0
  made = 0
  staged: string[][] = []
  permissions = new Set(['create', 'read', 'lifecycle', 'destroy', 'register', 'locate', 'use', 'attributes'])
  canBeLater = true
  submitted: string[] = []
  thrown: unknown = new KmipError('WrongKeyLifecycleState', 'as it must')

  get barriers(): number {
    return this.bounds.length
  }

  doors(): DispatchDoors {
    const metrics = new Metrics('test')
    return {
      log: silentLog(),
      metrics,
      entry: (operation) => (this.#table as Partial<Record<OperationName, unknown>>)[operation] as never,
      barrier: async (_caller, bound) => {
        this.bounds.push(bound)
      },
      commit: async (changes) => {
        this.commits++
        const outcome = this.outcomes.shift() ?? 'committed'
        if (outcome === 'committed') for (const { place } of changes.writes) this.stored.add(place.id)
        return { outcome, revision: 1, why: 'the ledger was cut off', place: changes.writes[0]?.place } as CommitOutcome
      },
      begin: () => {
        const staged: string[] = []
        this.staged.push(staged)
        return {
          context: { objects: staged } as unknown as Context,
          jobs: {
            get made() {
              return staged.filter((each) => each.endsWith(' later'))
            },
          } as unknown as Attempt['jobs'],
          submit: async ({ operation }) => {
            if (!this.canBeLater) return undefined
            staged.push(`${operation} later`)
            return Buffer.from(operation)
          },
          kept: {
            find: async (repeated) => this.kept.get(nameOf(repeated)),
            keep: async (repeated, made) => void this.kept.set(nameOf(repeated), made),
          },
          savepoint: () => staged.length,
          rollback: (to) => void staged.splice(to),
          changes: async () => (staged.length === 0 ? undefined : changesOf(staged)),
        }
      },
      identify: () => identity(this.permissions),
      submitted: (names) => void this.submitted.push(...names),
      size: (response) =>
        100 + response.items.reduce((sum, item) => sum + 50 + ('payload' in item ? JSON.stringify(item.payload).length : 0), 0),
      now: () => 1_700_000_000_123,
    }
  }

  readonly #table = {
    Create: row('create', false, async (context) => {
      const id = `k${++this.made}`
      ;(context.objects as unknown as string[]).push(id)
      return { objectType: 'SymmetricKey', uniqueIdentifier: id }
    }),
    Get: row('read', true, async (_context, payload) => {
      if (typeof payload.uniqueIdentifier !== 'string') throw new KmipError('InvalidMessage', 'no identifier')
      return { objectType: 'SymmetricKey', uniqueIdentifier: payload.uniqueIdentifier }
    }),
    Activate: row('lifecycle', true, async () => {
      throw this.thrown
    }),
    Locate: row(
      'locate',
      false,
      async () => ({ uniqueIdentifiers: ['a', 'b'] }),
      () => null,
    ),
    CreateKeyPair: row(
      'create',
      false,
      async () => ({ privateKeyUniqueIdentifier: 'priv', publicKeyUniqueIdentifier: 'pub' }),
      () => 'priv',
    ),
    Query: row('none', false, async () => ({ operations: [] })),
  }
}

type Loose = { readonly uniqueIdentifier?: unknown }

function row(
  permission: string,
  needsObject: boolean,
  handler: (context: Context, payload: Loose) => Promise<object>,
  placeholder: (response: object) => string | null | undefined = (response) =>
    permission === 'create' ? (response as { uniqueIdentifier: string }).uniqueIdentifier : undefined,
): OperationEntry<'Create'> {
  const later = { create: 'possible', locate: 'preferred' }[permission]
  return { permission, needsObject, handler, placeholder, later } as unknown as OperationEntry<'Create'>
}

function changesOf(ids: readonly string[]): ChangeSet {
  const writes = ids.map((id) => ({ place: { space: 't/demo', kind: 'object', id }, value: new Uint8Array(1) }))
  return { nonce: new Uint8Array(16), guards: [], writes } as unknown as ChangeSet
}

function identity(permissions: ReadonlySet<string> = new Set()): Identity {
  return { tenant: 'demo', user: 'app', permissions } as unknown as Identity
}

function request(items: readonly (readonly [OperationName, object?])[], header: Partial<RequestHeader> = {}): RequestMessage {
  return {
    header: { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop', ...header },
    items: items.map(
      ([operation, payload = {}], index) => ({ operation, payload, uniqueBatchItemId: Buffer.of(index) }) as unknown as RequestItem,
    ),
  }
}

function shown(response: ResponseMessage): string[] {
  return response.items.map((item: ResponseItem) =>
    'payload' in item
      ? `${item.operation} ${item.status} ${(item.payload as Loose).uniqueIdentifier ?? ''}`.trim()
      : `${item.operation} ${item.status === 'OperationFailed' ? item.error.reason : item.status}`,
  )
}

async function run(fake: Fake, message: RequestMessage): Promise<ResponseMessage> {
  return dispatch(message, { identity: identity() }, fake.doors())
}

const idPlaceholder = { uniqueIdentifier: { placeholder: 'IDPlaceholder' } }

for (const [name, option, items, answers, kept] of [
  ['all succeed', 'Stop', [['Create'], ['Create']], ['Create Success k1', 'Create Success k2'], ['k1', 'k2']],
  [
    'Stop ends at the failing item and keeps what was before it',
    'Stop',
    [['Create'], ['Activate'], ['Create']],
    ['Create Success k1', 'Activate WrongKeyLifecycleState'],
    ['k1'],
  ],
  [
    'Continue answers all',
    'Continue',
    [['Create'], ['Activate'], ['Create']],
    ['Create Success k1', 'Activate WrongKeyLifecycleState', 'Create Success k2'],
    ['k1', 'k2'],
  ],
  [
    'Undo keeps nothing and shows what was undone',
    'Undo',
    [['Create'], ['Create'], ['Activate'], ['Create']],
    ['Create OperationUndone k1', 'Create OperationUndone k2', 'Activate WrongKeyLifecycleState'],
    [],
  ],
  ['Undo without a failure is a commit', 'Undo', [['Create'], ['Get']], ['Create Success k1', 'Get Success k1'], ['k1']],
  ['the ID Placeholder stands in for what is left out', 'Stop', [['Create'], ['Get']], ['Create Success k1', 'Get Success k1'], ['k1']],
  ['the ID Placeholder by name', 'Stop', [['Create'], ['Get', idPlaceholder]], ['Create Success k1', 'Get Success k1'], ['k1']],
  [
    'a new identifier replaces the ID Placeholder',
    'Stop',
    [['Create'], ['Create'], ['Get']],
    ['Create Success k1', 'Create Success k2', 'Get Success k2'],
    ['k1', 'k2'],
  ],
  [
    'a Locate that finds several empties it',
    'Stop',
    [['Create'], ['Locate'], ['Get']],
    ['Create Success k1', 'Locate Success', 'Get InvalidMessage'],
    ['k1'],
  ],
  ['a key pair leaves its private key', 'Stop', [['CreateKeyPair'], ['Get']], ['CreateKeyPair Success', 'Get Success priv'], []],
  [
    'a key pair by its public key',
    'Stop',
    [['CreateKeyPair'], ['Get', { uniqueIdentifier: { placeholder: 'CreateKeyPairPublicKey' } }]],
    ['CreateKeyPair Success', 'Get Success pub'],
    [],
  ],
  [
    'the first identifier of the response',
    'Stop',
    [['Create'], ['Create'], ['Get', { uniqueIdentifier: { position: 0 } }]],
    ['Create Success k1', 'Create Success k2', 'Get Success k1'],
    ['k1', 'k2'],
  ],
  [
    'counted backwards',
    'Stop',
    [['Create'], ['Create'], ['Get', { uniqueIdentifier: { position: -2 } }]],
    ['Create Success k1', 'Create Success k2', 'Get Success k1'],
    ['k1', 'k2'],
  ],
  [
    'a position that no answer has',
    'Stop',
    [['Create'], ['Get', { uniqueIdentifier: { position: 7 } }]],
    ['Create Success k1', 'Get InvalidMessage'],
    ['k1'],
  ],
  ['a placeholder alone', 'Stop', [['Get', idPlaceholder]], ['Get InvalidMessage'], []],
] as const) {
  test(`batch: ${name}`, async (t) => {
    const fake = new Fake()
    const response = await run(fake, request(items, { batchErrorContinuation: option }))
    t.deepEqual(shown(response), [...answers])
    t.deepEqual([...fake.stored], [...kept])
    for (const [index, item] of response.items.entries()) t.deepEqual(item.uniqueBatchItemId, Buffer.of(index))
  })
}

test('a request that changes nothing commits nothing; one that asks only what the server is has no barrier', async (t) => {
  const fake = new Fake()
  await run(fake, request([['Get', { uniqueIdentifier: 'x' }]]))
  t.deepEqual([fake.barriers, fake.commits], [1, 0])
  await run(fake, request([['Query']]))
  t.deepEqual([fake.barriers, fake.commits], [1, 0])
  // A password that was just set counts at once.
  const credentials = [{ credentialType: 'UsernameAndPassword', credentialValue: { username: 'app' } }] as const
  await run(fake, request([['Query']], { credentials }))
  t.is(fake.barriers, 2)
})

test('a conflict runs the request again from its barrier', async (t) => {
  const fake = new Fake()
  fake.outcomes.push('conflict', 'conflict')
  const response = await run(fake, request([['Create'], ['Get']]))
  t.deepEqual(shown(response), ['Create Success k3', 'Get Success k3'])
  t.deepEqual([fake.bounds, fake.commits, [...fake.stored]], [['usual', 'strict', 'strict'], 3, ['k3']])
})

test('conflicts without end are answered, and nothing is changed', async (t) => {
  const fake = new Fake()
  fake.outcomes.push(...new Array<'conflict'>(50).fill('conflict'))
  const response = await run(fake, request([['Create']]))
  t.deepEqual(shown(response), ['Create GeneralFailure'])
  t.is(fake.stored.size, 0)
  t.true(fake.commits < 50)
})

test('what the request relied on has passed: it runs again from its barrier, a few times, and is answered then', async (t) => {
  const fake = new Fake()
  fake.thrown = new KmipError('CryptographicFailure', 'the epoch is over', { retry: 'newer-view' })
  const response = await run(fake, request([['Create'], ['Activate']], { batchErrorContinuation: 'Continue' }))
  t.deepEqual(shown(response), ['Create Success k4', 'Activate CryptographicFailure'])
  t.deepEqual([fake.bounds, fake.commits, [...fake.stored]], [['usual', 'strict', 'strict', 'strict'], 1, ['k4']])
})

test('an unknown outcome is said, and the request is not run again', async (t) => {
  const fake = new Fake()
  fake.outcomes.push('unknown')
  const response = await run(fake, request([['Create'], ['Activate']], { batchErrorContinuation: 'Continue' }))
  t.deepEqual(shown(response), ['Create GeneralFailure', 'Activate WrongKeyLifecycleState'])
  const [first] = response.items
  t.true(first?.status === 'OperationFailed' && first.error.message.includes('Outcome unknown'))
  t.is(fake.commits, 1)
})

for (const [name, limit, items, answers, kept] of [
  ['an item beyond the limit fails and leaves nothing', 160, [['Create']], ['Create ResponseTooLarge'], []],
  ['a limit that fits', 1000, [['Create']], ['Create Success k1'], ['k1']],
  [
    'the item that goes beyond it fails, not those before',
    240,
    [['Create'], ['Create']],
    ['Create Success k1', 'Create ResponseTooLarge'],
    ['k1'],
  ],
] as const) {
  test(`Maximum Response Size: ${name}`, async (t) => {
    const fake = new Fake()
    const response = await run(fake, request(items, { maximumResponseSize: limit }))
    t.deepEqual(shown(response), [...answers])
    t.deepEqual([...fake.stored], [...kept])
  })
}

test('what is not a KmipError reaches the wire as General Failure with a Server Correlation Value, and no detail', async (t) => {
  const fake = new Fake()
  fake.thrown = new TypeError('secret detail')
  const response = await run(fake, request([['Activate']]))
  t.deepEqual(shown(response), ['Activate GeneralFailure'])
  t.regex(String(response.serverCorrelationValue), /^[0-9a-f]{16}$/)
  const [item] = response.items
  t.false(item?.status === 'OperationFailed' && item.error.message.includes('secret detail'))
})

test('without the permission of its row an operation is refused', async (t) => {
  const fake = new Fake()
  fake.permissions.delete('create')
  t.deepEqual(shown(await run(fake, request([['Create']]))), ['Create PermissionDenied'])
  t.is(fake.made, 0)
})

for (const [name, doors, reason] of [
  ['a barrier that cannot be had', { barrier: () => Promise.reject(new KmipError('GeneralFailure', 'no majority')) }, 'GeneralFailure'],
  [
    'credentials that do not hold',
    { identify: () => Promise.reject(new KmipError('AuthenticationNotSuccessful', 'wrong')) },
    'AuthenticationNotSuccessful',
  ],
] as const) {
  test(`refuses the whole request: ${name}`, async (t) => {
    const fake = new Fake()
    const refused = { ...fake.doors(), ...doors }
    t.deepEqual(shown(await dispatch(request([['Create'], ['Create']]), { identity: identity() }, refused)), [`Create ${reason}`])
    const all = await dispatch(request([['Create'], ['Create']], { batchErrorContinuation: 'Continue' }), { identity: identity() }, refused)
    t.deepEqual(shown(all), [`Create ${reason}`, `Create ${reason}`])
    t.is(fake.stored.size, 0)
  })
}

test('an item that could not be read fails alone, its operation echoed', async (t) => {
  const fake = new Fake()
  const message = request([['Create']], { batchErrorContinuation: 'Continue' })
  const unreadable = { operationValue: 0x99, uniqueBatchItemId: Buffer.of(9), error: new KmipError('OperationNotSupported', 'unknown') }
  const response = await run(fake, { ...message, items: [unreadable, ...message.items] })
  const [first, second] = response.items
  t.true(first?.status === 'OperationFailed' && first.operationValue === 0x99)
  t.is(second?.status, 'Success')
})

for (const [name, header, items, expected] of [
  ['Mandatory', { asynchronousIndicator: 'Mandatory' }, [['Create'], ['Create']], ['Create OperationPending', 'Create OperationPending']],
  [
    'Mandatory, for what is answered at once',
    { asynchronousIndicator: 'Mandatory' },
    [['Get', { uniqueIdentifier: 'k' }]],
    ['Get FeatureNotSupported'],
  ],
  [
    'Mandatory, for an operation in parts',
    { asynchronousIndicator: 'Mandatory' },
    [['Create', { initIndicator: true }]],
    ['Create FeatureNotSupported'],
  ],
  [
    'Mandatory and Undo',
    { asynchronousIndicator: 'Mandatory', batchErrorContinuation: 'Undo' },
    [['Create'], ['Create']],
    ['Create FeatureNotSupported'],
  ],
  [
    'Mandatory, of a batch that refers to what is not answered',
    { asynchronousIndicator: 'Mandatory', batchErrorContinuation: 'Continue' },
    [['Create'], ['Create', idPlaceholder]],
    ['Create OperationPending', 'Create InvalidMessage'],
  ],
  ['Optional', { asynchronousIndicator: 'Optional' }, [['Create']], ['Create Success k1']],
  ['Optional, for what may take long', { asynchronousIndicator: 'Optional' }, [['Locate']], ['Locate OperationPending']],
  ['Optional, for several', { asynchronousIndicator: 'Optional' }, [['Locate'], ['Locate']], ['Locate Success', 'Locate Success']],
  ['Optional in 1.x', { asynchronousIndicator: 'Optional', version: '1.2' }, [['Create']], ['Create OperationPending']],
  ['Optional in 1.x, for what is answered at once', { asynchronousIndicator: 'Optional', version: '1.2' }, [['Query']], ['Query Success']],
  ['Prohibited', {}, [['Locate']], ['Locate Success']],
] as const)
  test(`Asynchronous Indicator: ${name}`, async (t) => {
    const fake = new Fake()
    t.deepEqual(shown(await run(fake, request(items as never, header))), expected)
    t.is(fake.submitted.length, expected.filter((each) => each.endsWith('Pending')).length)
  })

test('what cannot be kept to be answered later is answered at once where the client leaves it open', async (t) => {
  const fake = new Fake()
  fake.canBeLater = false
  t.deepEqual(shown(await run(fake, request([['Locate']], { asynchronousIndicator: 'Optional' }))), ['Locate Success'])
})
