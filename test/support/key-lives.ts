import { masks } from '../../spec/enumerations.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { type Client, ConnectionLost, KmipError, OutcomeUnknown } from '../../src/client/index.ts'

/** What a key goes through, one request a step. `createActive` is three operations in one message: all of it or nothing. */
export type Step = 'create' | 'createActive' | 'describe' | 'activate' | 'revoke' | 'destroy'

const paths: readonly (readonly Step[])[] = [
  ['create', 'describe', 'activate', 'revoke', 'destroy'],
  ['create', 'activate', 'describe', 'revoke', 'destroy'],
  ['create', 'describe', 'destroy'],
  ['createActive', 'revoke', 'destroy'],
]

/** A key as its clients know it: `done` steps of its path were answered; with `doubt` the next one was asked, and no answer came. */
export interface KeyLife {
  readonly name: string
  readonly path: readonly Step[]
  /** It is left alone after so many steps. */
  readonly length: number
  id: string | undefined
  done: number
  doubt: boolean
}

/** What can be seen of a key from outside. */
interface Facts {
  readonly state: string
  readonly described: boolean
  readonly activated: boolean
  readonly deactivated: boolean
  readonly destroyed: boolean
}

/** Makes the keys of a load: each a random part of a random path. */
export function newLife(name: string): KeyLife {
  const path = paths[Math.floor(Math.random() * paths.length)] as readonly Step[]
  return { name, path, length: 1 + Math.floor(Math.random() * path.length), id: undefined, done: 0, doubt: false }
}

/**
 * Takes keys through their steps with one client, until `isOver` or until an answer fails to come.
 * @throws KmipError when the server refuses what it has no reason to refuse.
 */
export async function live(client: Client, lives: Iterable<KeyLife>, isOver: () => boolean): Promise<void> {
  for (const life of lives) {
    while (life.done < life.length && !life.doubt) {
      if (isOver()) return
      await takeStep(client, life)
    }
  }
}

/** One step: it is done, or in doubt, or nothing was sent. */
async function takeStep(client: Client, life: KeyLife): Promise<void> {
  const step = life.path[life.done] as Step
  try {
    await carryOut(client, life, step)
    life.done++
  } catch (error) {
    if (error instanceof OutcomeUnknown || isUnsettled(error)) life.doubt = true
    else if (!(error instanceof ConnectionLost)) throw new Error(`${life.name}: ${step}: ${(error as Error).message}`, { cause: error })
    else throw error
  }
}

/** A node that is losing its ledger says so; whether the change was made may then be open. */
function isUnsettled(error: unknown): boolean {
  return error instanceof KmipError && error.reason === 'GeneralFailure'
}

async function carryOut(client: Client, life: KeyLife, step: Step): Promise<void> {
  const id = life.id ?? ''
  switch (step) {
    case 'create': {
      const { uniqueIdentifier } = await client.call('Create', newKey(life.name))
      life.id = uniqueIdentifier as string
      return
    }
    case 'createActive': {
      const answers = await client.batch(
        [
          { operation: 'Create', payload: newKey(life.name) },
          { operation: 'AddAttribute', payload: { newAttribute: description } },
          { operation: 'Activate', payload: {} },
        ],
        { onError: 'Undo' },
      )
      const [created] = answers
      for (const answer of answers) if (answer.status === 'OperationFailed') throw answer.error
      if (created?.status === 'Success') life.id = (created.payload as { readonly uniqueIdentifier: string }).uniqueIdentifier
      return
    }
    case 'describe':
      await client.call('AddAttribute', { uniqueIdentifier: id, newAttribute: description })
      return
    case 'activate':
      await client.call('Activate', { uniqueIdentifier: id })
      return
    case 'revoke':
      await client.call('Revoke', { uniqueIdentifier: id, revocationReason: { code: 'CessationOfOperation' } })
      return
    case 'destroy':
      await client.call('Destroy', { uniqueIdentifier: id })
  }
}

const description: AttributeInstance = { name: 'Description', value: 'changed' }
const { Encrypt, Decrypt } = masks.CryptographicUsageMask

export function newKey(name: string) {
  return {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'Name', value: { value: name, type: 'UninterpretedTextString' } },
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 256 },
      { name: 'CryptographicUsageMask', value: Encrypt.value | Decrypt.value },
    ],
  } as const
}

/** What must be seen of a key after so many steps of its path. */
function factsAfter(path: readonly Step[], done: number): Facts {
  const steps = new Set(path.slice(0, done))
  const active = steps.has('createActive')
  const activated = active || steps.has('activate')
  const destroyed = steps.has('destroy')
  const deactivated = steps.has('revoke')
  return {
    state: destroyed ? 'Destroyed' : deactivated ? 'Deactivated' : activated ? 'Active' : 'PreActive',
    described: active || steps.has('describe'),
    activated,
    deactivated,
    destroyed,
  }
}

function factsOf(attributes: readonly AttributeInstance[]): Facts {
  const value = (name: AttributeInstance['name']) => attributes.find((attribute) => attribute.name === name)?.value
  return {
    state: String(value('State')),
    described: value('Description') !== undefined,
    activated: value('ActivationDate') !== undefined,
    deactivated: value('DeactivationDate') !== undefined && value('RevocationReason') !== undefined,
    destroyed: value('DestroyDate') !== undefined,
  }
}

/**
 * Looks at every key and settles what was in doubt: each is where its last answer said, or one whole step further.
 * @returns one sentence for each thing that is not as it must be
 */
export async function settle(clients: readonly Client[], lives: readonly KeyLife[]): Promise<readonly string[]> {
  const problems: string[] = []
  await eachOf(clients, lives, async (client, life) => {
    if (life.id === undefined) {
      const { uniqueIdentifiers, locatedItems } = await client.call('Locate', {
        attributes: [{ name: 'Name', value: { value: life.name, type: 'UninterpretedTextString' } }],
      })
      if (locatedItems !== uniqueIdentifiers.length || (locatedItems ?? 0) > (life.doubt ? 1 : 0))
        problems.push(`${life.name}: ${locatedItems} objects have its name`)
      const [id] = uniqueIdentifiers
      if (typeof id !== 'string') {
        life.doubt = false
        return
      }
      life.id = id
    }
    const seen = await client.call('GetAttributes', { uniqueIdentifier: life.id, references: [] }).catch((error: Error) => error)
    if (seen instanceof Error) return void problems.push(`${life.name}: ${life.done} steps were answered, and it is gone: ${seen.message}`)
    const facts = JSON.stringify(factsOf(seen.attributes))
    const possible = life.doubt ? [life.done, life.done + 1] : [life.done]
    const found = possible.find((done) => done > 0 && JSON.stringify(factsAfter(life.path, done)) === facts)
    if (found === undefined)
      return void problems.push(`${life.name}: ${possible.join(' or ')} steps of ${life.path.join(', ')} were made, but it shows ${facts}`)
    life.done = found
    life.doubt = false
    const problem = await useProblem(client, life)
    if (problem !== undefined) problems.push(problem)
  })
  const counts = await Promise.all(clients.map((client) => countProblems(client, lives)))
  return [...problems, ...counts.flat()]
}

/** An Active key encrypts, every other one refuses; a destroyed key has no value to give. */
async function useProblem(client: Client, life: KeyLife): Promise<string | undefined> {
  const { state } = factsAfter(life.path, life.done)
  const uniqueIdentifier = life.id ?? ''
  const refusal = await refusalOf(
    client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } }),
  )
  if ((refusal === undefined) !== (state === 'Active')) return `${life.name}: ${state}, and Encrypt answered ${refusal ?? 'a ciphertext'}`
  if (state !== 'Destroyed') return undefined
  const got = await refusalOf(client.call('Get', { uniqueIdentifier }))
  return got === undefined ? `${life.name}: destroyed, and Get answered its value` : undefined
}

/** The Result Reason of a refused request. */
export async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    if (error instanceof KmipError) return error.reason
    throw error
  }
}

/** What Locate counts in each state agrees with the keys themselves. */
async function countProblems(client: Client, lives: readonly KeyLife[]): Promise<readonly string[]> {
  const { OnLineStorage, DestroyedStorage } = masks.StorageStatusMask
  const storageStatusMask = OnLineStorage.value | DestroyedStorage.value
  const states = lives.filter(({ done }) => done > 0).map(({ path, done }) => factsAfter(path, done).state)
  const problems: string[] = []
  const count = async (what: string, attributes: readonly AttributeInstance[], expected: number) => {
    const { locatedItems, uniqueIdentifiers } = await client.call('Locate', { attributes, storageStatusMask })
    if (locatedItems !== expected || uniqueIdentifiers.length !== expected)
      problems.push(`${what}: Locate counts ${locatedItems} and lists ${uniqueIdentifiers.length}, there are ${expected}`)
  }
  await count('all', [], states.length)
  for (const state of ['PreActive', 'Active', 'Deactivated', 'Destroyed'] as const)
    await count(state, [{ name: 'State', value: state }], states.filter((one) => one === state).length)
  return problems
}

/** A living key's name is taken, whoever asks. @returns one sentence for each that is not. */
export async function nameProblems(clients: readonly Client[], lives: readonly KeyLife[]): Promise<readonly string[]> {
  const problems: string[] = []
  const living = lives.filter(({ path, done }) => done > 0 && factsAfter(path, done).state !== 'Destroyed')
  await eachOf(clients, living, async (client, { name }) => {
    const refusal = await refusalOf(client.call('Create', newKey(name)))
    if (refusal !== 'NonUniqueNameAttribute') problems.push(`${name}: a second key of this name was answered ${refusal ?? 'with success'}`)
  })
  return problems
}

/** Each client takes the next one that none has taken. */
async function eachOf<T>(clients: readonly Client[], all: readonly T[], work: (client: Client, one: T) => Promise<void>): Promise<void> {
  const rest = all.values()
  await Promise.all(
    clients.map(async (client) => {
      for (const one of rest) await work(client, one)
    }),
  )
}
