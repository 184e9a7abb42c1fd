import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import { Client, type Credentials, type Endpoint } from '../../src/client/index.ts'
import { encodeRequest, type RequestItem } from '../../src/messages/index.ts'

/** One row of the table before it is measured: the messages that are sent, and how a good answer is known. */
export interface Cell {
  readonly name: string
  readonly frames: readonly Uint8Array[]
  readonly mark: Uint8Array
}

/** Result Status: Success, as it stands in an answer. */
export const success = Buffer.from('42007f05000000040000000000000000', 'hex')

const sizes = [
  ['64 B', 64],
  ['1 KiB', 1024],
  ['64 KiB', 65_536],
] as const

export const keyName = (index: number) => `bench-${index}`

export function aesKey(name?: string): RequestPayload<'Create'> {
  return {
    objectType: 'SymmetricKey',
    attributes: [
      { name: 'CryptographicAlgorithm', value: 'AES' },
      { name: 'CryptographicLength', value: 256 },
      { name: 'CryptographicUsageMask', value: 0x0c },
      { name: 'ActivationDate', value: 1 },
      ...(name === undefined ? [] : [{ name: 'Name' as const, value: { value: name, type: 'UninterpretedTextString' as const } }]),
    ],
  }
}

export function frameOf(version: Version, ...items: readonly RequestItem[]): Uint8Array {
  const numbered = items.length === 1 ? items : items.map((item, index) => ({ ...item, uniqueBatchItemId: Buffer.of(index + 1) }))
  const header = { version, asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const
  return encodeRequest({ header, items: numbered })
}

export const item = <O extends OperationName>(operation: O, payload: RequestPayload<O>) =>
  ({ operation, payload }) as unknown as RequestItem

/** Encrypt and Decrypt of each size, and Get, with one key. */
export async function keyCells(endpoint: Endpoint, credentials: Credentials, version: Version = '2.1'): Promise<Cell[]> {
  const client = new Client({ endpoints: [endpoint], ...credentials })
  try {
    const { uniqueIdentifier } = await client.call('Create', aesKey())
    const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16 } as const
    const cells: Cell[] = [{ name: 'Get', frames: [frameOf(version, item('Get', { uniqueIdentifier }))], mark: success }]
    for (const [label, size] of sizes) {
      const request = { uniqueIdentifier, cryptographicParameters, data: Buffer.alloc(size, 7), ivCounterNonce: Buffer.alloc(12, 1) }
      const { data, tag } = await client.call('Encrypt', request)
      cells.push({ name: `Encrypt ${label}`, frames: [frameOf(version, item('Encrypt', request))], mark: success })
      cells.push({ name: `Decrypt ${label}`, frames: [frameOf(version, item('Decrypt', { ...request, data, tag }))], mark: success })
    }
    return cells
  } finally {
    client.close()
  }
}

/** Durable changes. */
export function changeCells(version: Version = '2.1'): Cell[] {
  return [
    { name: 'Create', frames: [frameOf(version, item('Create', aesKey()))], mark: success },
    {
      name: 'Create + Destroy',
      // Destroy names no object: the ID Placeholder has the one just made. Without an Activation Date it is still Pre-Active.
      frames: [
        frameOf(
          version,
          item('Create', { ...aesKey(), attributes: aesKey().attributes.filter(({ name }) => name !== 'ActivationDate') }),
          item('Destroy', {}),
        ),
      ],
      mark: success,
    },
  ]
}

/** Locate by name, names drawn from all of the `count` keys. */
export function locateCell(count: number, version: Version = '2.1'): Cell {
  const step = 7919
  const frames = Array.from({ length: 512 }, (_, index) => {
    const value = { value: keyName((index * step) % count), type: 'UninterpretedTextString' as const }
    return frameOf(version, item('Locate', { attributes: [{ name: 'Name', value }] }))
  })
  return { name: `Locate among ${count >= 1e6 ? `${count / 1e6}M` : `${count / 1e3}k`}`, frames, mark: success }
}
