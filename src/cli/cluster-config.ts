import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { parseDocument } from 'yaml'
import type { NodeAddresses } from '../cluster/index.ts'
import type { HostPort } from '../config.ts'
import { type Invocation, type OptionHelp, textOption } from './command.ts'
import { addressOption, addressText } from './place.ts'

/** The addresses of one node of a cluster, as `cluster init` and `cluster join` take them. */
export interface ClusterAddresses {
  readonly name: string
  readonly peer: HostPort
  readonly client: HostPort
  readonly join: HostPort
}

export const addressOptions: Readonly<Record<string, OptionHelp>> = {
  name: { type: 'string', value: 'N', help: "the node's name, unique in the cluster; the host's name unless said" },
  peer: { type: 'string', value: 'HOST:PORT', help: 'where its etcd member talks to the others; 127.0.0.1:2380 unless said' },
  client: { type: 'string', value: 'HOST:PORT', help: 'where its etcd member serves the nodes; 127.0.0.1:2379 unless said' },
  join: { type: 'string', value: 'HOST:PORT', help: 'where it lets new nodes in; 127.0.0.1:2378 unless said' },
}

export function clusterAddresses(invocation: Invocation): ClusterAddresses {
  const address = (name: 'peer' | 'client' | 'join', port: number) => addressOption(invocation, name) ?? { host: '127.0.0.1', port }
  return {
    name: textOption(invocation, 'name') ?? hostname().split('.')[0] ?? 'node',
    peer: address('peer', 2380),
    client: address('client', 2379),
    join: address('join', 2378),
  }
}

export function nodeAddresses({ name, peer, client, join }: ClusterAddresses): NodeAddresses {
  return { name, peerUrl: `https://${addressText(peer)}`, clientUrl: `https://${addressText(client)}`, hosts: [join.host] }
}

/** Puts the node's addresses into its configuration file; what else stands there stays, comments included. */
export function writeClusterConfig(file: string, { peer, client, join }: ClusterAddresses): void {
  const document = parseDocument(readFileSync(file, 'utf8'))
  for (const [key, address] of Object.entries({ peer, client, join })) document.setIn(['cluster', key], addressText(address))
  writeFileSync(file, document.toString({ flowCollectionPadding: false }), { mode: 0o600 })
}
