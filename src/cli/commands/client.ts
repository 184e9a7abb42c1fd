import { resolve } from 'node:path'
import { masks } from '../../../spec/enumerations.ts'
import { callAdmin, NodeNotRunning, type NodeStatus } from '../../admin/index.ts'
import type { Endpoint } from '../../client/index.ts'
import { type Command, flagOption, type Invocation, textOption, UsageError } from '../command.ts'
import { addressOption, addressText, bundleFolder, configOf, shownPath } from '../place.ts'

const { Encrypt, Decrypt } = masks.CryptographicUsageMask

export const clientCreate: Command = {
  name: 'client create',
  usage: '--name NAME [--bundle DIR] [--server HOST:PORT] [--pre-active]',
  summary: 'Make an AES-256 key over KMIP, as a client with its bundle.',
  details: `Everything that a client can do with a key is KMIP; this command shows the first step with Tresor's own client. Programs in other
languages use the same bundle: PyKMIP, libkmip, Go and Java clients take ca.pem, cert.pem and key.pem, or client.p12.`,
  arity: [0, 0],
  options: {
    name: { type: 'string', value: 'NAME', help: "the key's Name, unique in its tenant" },
    bundle: { type: 'string', value: 'DIR', help: "the client's bundle; clients/demo/app in the data folder unless said" },
    server: { type: 'string', value: 'HOST:PORT', help: 'where to connect; the node of the data folder unless said' },
    'pre-active': { type: 'boolean', help: 'leave it Pre-Active, to be activated by Activate' },
  },
  async run(invocation) {
    const { output } = invocation
    const name = textOption(invocation, 'name')
    if (name === undefined) throw new UsageError('--name NAME is missing\nusage: tresor client create --name NAME')
    const { Client } = await import('../../client/index.ts')
    const { readBundle } = await import('../bundle.ts')
    const bundle = textOption(invocation, 'bundle')
    const folder = bundle === undefined ? bundleFolder((await configOf(invocation)).data, 'demo', 'app') : resolve(bundle)
    const endpoint = await endpointOf(invocation)
    const client = new Client({ endpoints: [endpoint], ...readBundle(folder), connectionsPerNode: 1 })
    try {
      const active = flagOption(invocation, 'pre-active') ? [] : [{ name: 'ActivationDate', value: Math.floor(Date.now() / 1000) } as const]
      const { uniqueIdentifier } = await client.call('Create', {
        objectType: 'SymmetricKey',
        attributes: [
          { name: 'Name', value: { value: name, type: 'UninterpretedTextString' } },
          { name: 'CryptographicAlgorithm', value: 'AES' },
          { name: 'CryptographicLength', value: 256 },
          { name: 'CryptographicUsageMask', value: Encrypt.value | Decrypt.value },
          ...active,
        ],
      })
      const facts = { id: uniqueIdentifier, name, server: addressText(endpoint), bundle: folder }
      output.step('created', `AES-256 key ${uniqueIdentifier}, named ${name}  (as ${shownPath(folder)} at ${facts.server})`, facts)
    } finally {
      client.close()
    }
  },
}

/** `--server`, else where the running node listens, else what the configuration says. */
async function endpointOf(invocation: Invocation): Promise<Endpoint> {
  const given = addressOption(invocation, 'server')
  if (given !== undefined) return given
  const { data, listen } = await configOf(invocation)
  try {
    const { kmip } = (await callAdmin(data, 'node.status')) as NodeStatus
    const [, host = '127.0.0.1', port] = /^\[?(.*?)\]?:(\d+)$/.exec(kmip[0] ?? '') ?? []
    return { host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port: Number(port) }
  } catch (error) {
    if (!(error instanceof NodeNotRunning)) throw error
    return listen.kmip[0] ?? { host: '127.0.0.1', port: 5696 }
  }
}
