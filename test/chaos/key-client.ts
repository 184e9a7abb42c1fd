import type { AttributeInstance, StructureValue } from '../../spec/values.ts'
import { type Client, ConnectionLost, KmipError } from '../../src/client/index.ts'
import type { Event } from '../support/history.ts'
import { newKey } from '../support/key-lives.ts'
import { done, type KeyInput, type KeyState, keyModel, mayChange } from './key-model.ts'

/** A key under load, as its clients know it. */
export interface KnownKey {
  /** That of its tenant, milliseconds. */
  readonly freshness: number
  /** The name it is made with; no other key of a run has it. */
  readonly name: string
  /** Uses that it is allowed; undefined for any number. */
  readonly uses: number | undefined
  /** Undefined until a Create or a Locate told it. */
  id: string | undefined
  /** What its first use answered: the same plain text must always give the same, at every node. */
  ciphertext: Uint8Array | undefined
}

/** Asks one node, or any where that is undefined, and tells how it ended, whatever happens. */
export async function ask(client: Client, node: number | undefined, key: KnownKey, input: KeyInput): Promise<Event<KeyInput>> {
  const invoked = performance.now()
  const ended = (outcome: Event<KeyInput>['outcome'], answer?: string, words?: string): Event<KeyInput> => ({
    key: key.name,
    input,
    node,
    invoked,
    completed: performance.now(),
    outcome,
    freshness: key.freshness,
    answer,
    words,
  })
  try {
    return ended('answered', await answerTo(client, key, input.do))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (error instanceof KmipError && error.reason !== 'GeneralFailure') return ended('answered', error.reason, error.message)
    return ended(isWithoutEffect(error, key, input) ? 'nothing' : 'unknown', undefined, error.message)
  }
}

/** What tells nothing of the key and leaves nothing behind. That the server says so of a change is put to the test with the rest. */
function isWithoutEffect(error: Error, key: KnownKey, input: KeyInput): boolean {
  if (!mayChange(input, key.uses !== undefined)) return true
  if (error instanceof ConnectionLost) return !error.sent
  return error instanceof KmipError && /^(Nothing was changed|This node cannot serve now|This node is shutting down)/.test(error.message)
}

async function answerTo(client: Client, key: KnownKey, what: KeyInput['do']): Promise<string> {
  const uniqueIdentifier = key.id ?? ''
  switch (what) {
    case 'Create':
    case 'CreateLimited': {
      const { uniqueIdentifier: made } = await client.call('Create', template(key))
      key.id ??= made as string
      return done
    }
    case 'Activate':
    case 'Destroy':
      await client.call(what, { uniqueIdentifier })
      return done
    case 'Revoke':
      await client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'CessationOfOperation' } })
      return done
    case 'Encrypt': {
      const { data } = await client.call('Encrypt', { uniqueIdentifier, data: plaintext, cryptographicParameters: ecb })
      key.ciphertext ??= data
      return Buffer.compare(data as Uint8Array, key.ciphertext as Uint8Array) === 0 ? done : 'another cipher text than before'
    }
    case 'Decrypt': {
      const { data } = await client.call('Decrypt', { uniqueIdentifier, data: key.ciphertext, cryptographicParameters: ecb })
      return Buffer.compare(data as Uint8Array, plaintext) === 0 ? done : 'a wrong plain text'
    }
    case 'Get':
      await client.call('Get', { uniqueIdentifier })
      return done
    case 'GetAttributes':
      return seenIn((await client.call('GetAttributes', { uniqueIdentifier, references: [] })).attributes)
    case 'Locate': {
      const { uniqueIdentifiers } = await client.call('Locate', { attributes: [nameOf(key)] })
      const [first, ...more] = uniqueIdentifiers as readonly string[]
      if (first === undefined) return 'none'
      key.id ??= first
      return more.length === 0 && first === key.id ? 'found' : `other keys: ${uniqueIdentifiers.join(', ')}`
    }
  }
}

const plaintext = Buffer.from('sixteen bytes it')
const ecb = { blockCipherMode: 'ECB', paddingMethod: 'None' } as const

function template({ name, uses }: KnownKey) {
  const key = newKey(name)
  if (uses === undefined) return key
  const limits: readonly AttributeInstance[] = [
    { name: 'UsageLimits', value: { total: BigInt(uses), unit: 'Object' } },
    { name: 'ActivationDate', value: longAgo },
  ]
  return { ...key, attributes: [...key.attributes, ...limits] }
}

/** Seconds; before any clock of the run. */
const longAgo = 1_500_000_000

function nameOf({ name }: KnownKey): AttributeInstance {
  return { name: 'Name', value: { value: name, type: 'UninterpretedTextString' } }
}

function seenIn(attributes: readonly AttributeInstance[]): string {
  const find = (name: AttributeInstance['name']) => attributes.find((attribute) => attribute.name === name)?.value
  const limits = find('UsageLimits') as StructureValue<'UsageLimits'> | undefined
  const left = limits === undefined ? undefined : Number(limits.count ?? limits.total)
  return keyModel.text({ state: find('State') as KeyState, left })
}
