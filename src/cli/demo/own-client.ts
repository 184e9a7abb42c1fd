import { masks } from '../../../spec/enumerations.ts'
import { Client, type Credentials, KmipError } from '../../client/index.ts'
import { type DemoClient, Refused } from './demo-client.ts'

const { Encrypt, Decrypt } = masks.CryptographicUsageMask

/** Tresor's own client, for machines without PyKMIP. */
export function ownClient(credentials: Credentials): DemoClient {
  const clients = new Map<number, Client>()
  const at = (port: number): Client => {
    const known = clients.get(port) ?? new Client({ endpoints: [{ host: '127.0.0.1', port }], ...credentials, connectionsPerNode: 1 })
    clients.set(port, known)
    return known
  }
  return {
    name: "Tresor's own client, KMIP 2.1",
    create: (port) =>
      answered(async () => {
        const { uniqueIdentifier } = await at(port).call('Create', {
          objectType: 'SymmetricKey',
          attributes: [
            { name: 'CryptographicAlgorithm', value: 'AES' },
            { name: 'CryptographicLength', value: 256 },
            { name: 'CryptographicUsageMask', value: Encrypt.value | Decrypt.value },
          ],
        })
        return String(uniqueIdentifier)
      }),
    activate: (port, id) => answered(async () => void (await at(port).call('Activate', { uniqueIdentifier: id }))),
    get: (port, id) =>
      answered(async () => {
        const { symmetricKey } = await at(port).call('Get', { uniqueIdentifier: id, keyFormatType: 'Raw' })
        const value = symmetricKey?.keyBlock.keyValue
        if (value === undefined || !('keyMaterial' in value) || !(value.keyMaterial instanceof Uint8Array))
          throw new Error('Get answered no bytes')
        return value.keyMaterial
      }),
    encrypt: (port, id, data, iv) =>
      answered(async () => {
        const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const
        const sealed = await at(port).call('Encrypt', { uniqueIdentifier: id, cryptographicParameters, data, ivCounterNonce: iv })
        if (sealed.data === undefined) throw new Error('Encrypt answered no data')
        return sealed.data
      }),
    revoke: (port, id) =>
      answered(
        async () => void (await at(port).call('Revoke', { uniqueIdentifier: id, revocationReason: { code: 'CessationOfOperation' } })),
      ),
    destroy: (port, id) => answered(async () => void (await at(port).call('Destroy', { uniqueIdentifier: id }))),
    // Its pool notices by itself.
    leave: async () => undefined,
    close: () => {
      for (const client of clients.values()) client.close()
    },
  }
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof KmipError) throw new Refused(error.reason.replace(/(?<=[a-z])(?=[A-Z])/g, ' '), { cause: error })
    throw error
  }
}
