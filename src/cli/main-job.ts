import { randomBytes } from 'node:crypto'
import { masks } from '../../spec/enumerations.ts'
import { type Client, KmipError } from '../client/index.ts'
import { CommandError } from './command.ts'

/** One step of the main job, done: what it showed and how long it took. */
export interface JobStep {
  /** `create`, `activate`, `encrypt`, `decrypt`, `compare`, `revoke`, `destroy`, `refused`. */
  readonly name: string
  /** The operation that was called, for people. */
  readonly operation: string
  readonly text: string
  readonly milliseconds: number
  readonly facts: Readonly<Record<string, unknown>>
}

const { Encrypt, Decrypt } = masks.CryptographicUsageMask

/**
 * What a tenant's application does with a key, over KMIP: make it, use it, destroy it, and be refused afterwards.
 * @throws CommandError or KmipError at the first step that is not as it must be
 */
export async function runMainJob(client: Client, show: (step: JobStep) => void): Promise<void> {
  const timed = async <T>(name: string, work: () => Promise<T>, told: (result: T) => { text: string; facts?: object }): Promise<T> => {
    const began = performance.now()
    const result = await work()
    const { text, facts } = told(result)
    show({
      name,
      operation: name === 'refused' ? 'encrypt' : name,
      text,
      milliseconds: Math.round((performance.now() - began) * 10) / 10,
      facts: { ...facts },
    })
    return result
  }
  // TLS and the first look at the tenant are not part of what a key costs.
  await client.call('Query', { queryFunctions: ['QueryOperations'] })
  const { uniqueIdentifier: id } = await timed(
    'create',
    () => client.call('Create', { objectType: 'SymmetricKey', attributes: aesKey }),
    ({ uniqueIdentifier }) => ({ text: `AES-256 key ${uniqueIdentifier}`, facts: { id: uniqueIdentifier } }),
  )
  await timed(
    'activate',
    () => client.call('Activate', { uniqueIdentifier: id }),
    () => ({ text: 'Pre-Active to Active' }),
  )
  const data = randomBytes(64)
  const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16 } as const
  const sealed = await timed(
    'encrypt',
    () => client.call('Encrypt', { uniqueIdentifier: id, cryptographicParameters: { ...cryptographicParameters, randomIv: true }, data }),
    () => ({ text: '64 bytes, AES-GCM', facts: { bytes: data.length } }),
  )
  const { data: opened } = await timed(
    'decrypt',
    () =>
      client.call('Decrypt', {
        uniqueIdentifier: id,
        cryptographicParameters,
        data: sealed.data,
        ivCounterNonce: sealed.ivCounterNonce,
        tag: sealed.tag,
      }),
    () => ({ text: '64 bytes, tag verified' }),
  )
  await timed(
    'compare',
    async () => {
      if (opened === undefined || !data.equals(opened)) throw new CommandError('what was decrypted is not what was encrypted')
    },
    () => ({ text: 'the same bytes' }),
  )
  await timed(
    'revoke',
    () => client.call('Revoke', { uniqueIdentifier: id, revocationReason: { code: 'CessationOfOperation' } }),
    () => ({ text: 'Active to Deactivated' }),
  )
  await timed(
    'destroy',
    () => client.call('Destroy', { uniqueIdentifier: id }),
    () => ({ text: 'its value is gone' }),
  )
  await timed(
    'refused',
    () =>
      refusalOf(
        client.call('Encrypt', { uniqueIdentifier: id, cryptographicParameters: { ...cryptographicParameters, randomIv: true }, data }),
      ),
    (reason) => ({ text: `refused, as it must be: ${reason}`, facts: { reason } }),
  )
}

const aesKey = [
  { name: 'CryptographicAlgorithm', value: 'AES' },
  { name: 'CryptographicLength', value: 256 },
  { name: 'CryptographicUsageMask', value: Encrypt.value | Decrypt.value },
] as const

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (error instanceof KmipError) return error.reason.replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    throw error
  }
  throw new CommandError('a destroyed key was used')
}
