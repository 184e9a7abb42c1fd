import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, ConnectionLost, KmipError, OutcomeUnknown } from '../../src/client/index.ts'
import { newKey } from './key-lives.ts'

export interface LimitedUse {
  readonly unit: 'Object' | 'Byte'
  readonly total: number
  /** Bytes that one use encrypts. */
  readonly size: number
}

export interface UsesSeen {
  /** Uses that were answered with a ciphertext. */
  readonly made: number
  /** Uses without an answer, or with the answer that the outcome is unknown: each may have been counted. */
  readonly inDoubt: number
}

/** An active key with Usage Limits. */
export async function limitedKey(client: Client, { unit, total }: LimitedUse): Promise<string> {
  const key = newKey(randomUUID())
  const attributes = [
    ...key.attributes,
    { name: 'ActivationDate', value: Math.floor(Date.now() / 1000) - 60 } as const,
    { name: 'UsageLimits', value: { total: BigInt(total), unit } } as const,
  ]
  return (await client.call('Create', { ...key, attributes })).uniqueIdentifier as string
}

/** All clients use the key as fast as they can, until each is told that it is used up. */
export async function useUp(clients: readonly Client[], uniqueIdentifier: string, { size }: LimitedUse): Promise<UsesSeen> {
  let made = 0
  let inDoubt = 0
  const data = Buffer.alloc(size)
  await Promise.all(
    clients.map(async (client) => {
      while (true) {
        try {
          await client.call('Encrypt', { uniqueIdentifier, data, cryptographicParameters: { blockCipherMode: 'ECB' } })
          made++
        } catch (error) {
          if (error instanceof KmipError && error.reason === 'PermissionDenied') return
          // A lost Encrypt is no unknown outcome to the client, which may repeat it; it may have been counted all the same.
          const isLost = error instanceof ConnectionLost || error instanceof OutcomeUnknown
          const isDoubt = isLost || (error instanceof KmipError && /^Outcome unknown/.test(error.message))
          if (isDoubt) inDoubt++
          else if (!(error instanceof KmipError)) throw error
          if (isLost) return
          await sleep(Math.random() * 20)
        }
      }
    }),
  )
  return { made, inDoubt }
}
