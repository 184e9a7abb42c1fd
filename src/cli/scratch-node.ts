import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueClient } from '../../certs/index.ts'
import type { Credentials, Endpoint } from '../client/index.ts'
import { type Config, loadConfig } from '../config.ts'
import { type RunningNode, startNode } from '../main.ts'
import { dataFolder, ownAuthority } from '../node-files.ts'
import { createKeyFile, createSoftwarePartition } from '../partitions/index.ts'
import { silentLog } from '../server/log.ts'

/** A node on loopback in a folder of its own that goes away with it: for conformance runs, demonstrations and benchmarks. */
export interface ScratchNode {
  readonly endpoint: Endpoint
  readonly data: string
  readonly node: RunningNode
  /** Process numbers of the node's processes, by name. */
  pids(): Readonly<Record<string, number>>
  /** A new tenant's first client; in the node's software partition unless another is named. */
  addTenant(name: string, partition?: string): Promise<Credentials>
  remove(): Promise<void>
}

const anyPort = { host: '127.0.0.1', port: 0 }

/** @param workers 0 for everything in this process */
export async function startScratchNode(workers = 0, change: (config: Config) => Config = (config) => config): Promise<ScratchNode> {
  const data = await mkdtemp(join(tmpdir(), 'tresor-scratch-'))
  const defaults = await loadConfig({ data })
  const config = change({
    ...defaults,
    workers,
    listen: { kmip: [anyPort], https: [] },
    operator: anyPort,
    log: { ...defaults.log, level: 'error' },
  })
  const folder = dataFolder(config)
  const authority = await ownAuthority(folder)
  const node = await startNode(config, { log: silentLog() })
  const partition = 'scratch'
  const { ring } = createSoftwarePartition({ name: partition, rootSecret: createKeyFile(folder.keyFile) })
  await node.registry.addPartition({ kind: 'software', name: partition, ring: Buffer.from(ring).toString('base64') })
  return {
    endpoint: { host: anyPort.host, port: node.processes.ports.kmip ?? 0 },
    data,
    node,
    pids: () => node.processes.pids(),
    addTenant: async (name, named = partition) => {
      await node.registry.addTenant(name, named, { tripleDes: true })
      await node.registry.enroll(name, 'client', 'full')
      const issued = await issueClient(authority, { tenant: name, user: 'client' })
      const key = issued.privateKey?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? ''
      return { ca: issued.authority, cert: issued.certificate, key }
    },
    remove: async () => {
      await node.stop(500)
      await rm(data, { recursive: true, force: true })
    },
  }
}
