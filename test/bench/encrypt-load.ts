import { encodeRequest, parseResponse, type RequestItem } from '../../src/messages/index.ts'
import { readBundle } from '../support/node.ts'
import { RawClient } from '../support/tls-client.ts'
import { load } from './load.ts'

/**
 * Encrypt of 64 bytes against a running port: `node encrypt-load.js PORT BUNDLE_FOLDER CONNECTIONS MILLISECONDS [echo]`. Prints one JSON line.
 * With `echo` the same frames go to a port that answers anything.
 */
const [, , port = '0', folder = '', connections = '16', milliseconds = '4000', echo] = process.argv

/** Result Status: Success. */
const successMark = Buffer.from('42007f050000000400000000', 'hex')

const header = { version: '1.4', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const
const frame = (operation: string, payload: object) => encodeRequest({ header, items: [{ operation, payload } as unknown as RequestItem] })

const bundle = await readBundle(folder)
const uniqueIdentifier = echo === undefined ? await makeKey() : '00000000-0000-0000-0000-000000000000'
const cryptographicParameters = { blockCipherMode: 'GCM', cryptographicAlgorithm: 'AES', tagLength: 16 }
const request = frame('Encrypt', {
  uniqueIdentifier,
  cryptographicParameters,
  data: Buffer.alloc(64, 1),
  ivCounterNonce: Buffer.alloc(12, 2),
})
const result = await load(Number(port), bundle, {
  connections: Number(connections),
  warmUp: 1500,
  duration: Number(milliseconds),
  next: () => request,
  accept: (answer) => echo !== undefined || answer.includes(successMark),
})
console.log(JSON.stringify({ bytes: request.length, ...result }))

async function makeKey(): Promise<string> {
  const client = await RawClient.open(Number(port), bundle)
  const attributes = [
    { name: 'CryptographicAlgorithm', value: 'AES' },
    { name: 'CryptographicLength', value: 256 },
    { name: 'CryptographicUsageMask', value: 0x0c },
  ]
  const [made] = parseResponse(await client.request(frame('Create', { objectType: 'SymmetricKey', attributes }))).items
  if (made === undefined || !('payload' in made)) throw new Error(`Create: ${JSON.stringify(made)}`)
  const { uniqueIdentifier: id } = made.payload as unknown as { readonly uniqueIdentifier: string }
  await client.request(frame('Activate', { uniqueIdentifier: id }))
  client.close()
  return id
}
