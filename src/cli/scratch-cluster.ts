import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { callAdmin, type IssuedCertificate } from '../admin/index.ts'
import type { Credentials, Endpoint } from '../client/index.ts'
import { configFileName } from '../config.ts'
import { makeBundle, readBundle } from './bundle.ts'
import { CommandError } from './command.ts'
import { clusterInit, clusterJoin } from './commands/cluster.ts'
import { type Launch, NodeProcess } from './node-process.ts'
import { bundleFolder } from './place.ts'
import { runQuietly } from './quiet-run.ts'
import { whyTaken } from './run-node.ts'

/** Keys of tresor.yaml that each node of a scratch cluster gets beside its addresses. */
export type NodeSettings = Readonly<Record<string, unknown>>

export interface ScratchClusterNode {
  /** `node-1` and so on. */
  readonly name: string
  readonly data: string
  readonly endpoint: Endpoint
  readonly process: NodeProcess
}

/** A cluster on one machine, each node with processes, an etcd member and a data folder of its own, all in one folder that goes away with it. */
export interface ScratchCluster {
  readonly folder: string
  readonly nodes: readonly ScratchClusterNode[]
  /** A client of a tenant that exists; its bundle lies in `bundleFolder` of the first node's data. */
  enroll(tenant: string, user: string): Promise<Credentials>
  /** Kills every node and removes the folder. */
  remove(): Promise<void>
}

/** The address that a node listens at, and how its processes are started so that it is theirs. */
export interface NodePlace {
  readonly host: string
  readonly launch?: Launch
}

export interface ScratchClusterOptions {
  /** 3 unless said. */
  readonly size?: number
  /** Where it is made; a temporary folder unless said. */
  readonly folder?: string
  /** For every node's tresor.yaml. */
  readonly settings?: NodeSettings
  /** Where each node runs, by its index; all on loopback unless said. */
  readonly place?: (index: number) => NodePlace
  /** Called with each node's folder before it is made, to put there what a person would. */
  readonly prepare?: (data: string, index: number) => Promise<void>
  /** Told when a node serves. */
  readonly onNode?: (node: ScratchClusterNode) => void
}

/** Starts the nodes as a person would: cluster init and serve, then cluster join and serve for each further one. */
export async function startScratchCluster(options: ScratchClusterOptions = {}): Promise<ScratchCluster> {
  const {
    size = 3,
    settings = {},
    place = () => ({ host: loopbackHost }),
    prepare = async () => undefined,
    onNode = () => undefined,
  } = options
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'tresor-cluster-')))
  const nodes: ScratchClusterNode[] = []
  const remove = async () => {
    await Promise.all(nodes.map((node) => node.process.kill()))
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    let token = ''
    for (let index = 0; index < size; index++) {
      const name = `node-${index + 1}`
      const data = join(folder, name)
      await prepare(data, index)
      const { host, launch }: NodePlace = place(index)
      const [kmip = 0, peer, client, joinAt] = await freePorts(4)
      const addresses = { name, peer: `${host}:${peer}`, client: `${host}:${client}`, join: `${host}:${joinAt}` }
      if (index === 0) {
        const told = await runQuietly(clusterInit, data, [], addresses)
        token = String(told.find(({ event }) => event === 'cluster')?.token)
      } else {
        token = ((await callAdmin(join(folder, 'node-1'), 'cluster.invite', {})) as { readonly token: string }).token
        await runQuietly(clusterJoin, data, [token], addresses)
      }
      writeSettings(data, { listen: { kmip: [`${host}:${kmip}`] }, operator: { port: 0 }, ...settings })
      const node = { name, data, endpoint: { host, port: kmip }, process: new NodeProcess(data, launch) }
      nodes.push(node)
      await node.process.start()
      onNode(node)
    }
  } catch (error) {
    await remove()
    throw error
  }
  return { folder, nodes, remove, enroll: (tenant, user) => enrollAt(join(folder, 'node-1'), tenant, user) }
}

/** Makes a client of a tenant by the node that runs on a data folder, and its bundle there. */
export async function enrollAt(data: string, tenant: string, user: string): Promise<Credentials> {
  const bundle = bundleFolder(data, tenant, user)
  await makeBundle(bundle, async (publicKey) => {
    const { issued } = (await callAdmin(data, 'tenant.enroll', { tenant, user, publicKey })) as { readonly issued: IssuedCertificate }
    return issued
  })
  return readBundle(bundle)
}

/** Sets keys of the tresor.yaml in a data folder. */
export function writeSettings(data: string, settings: NodeSettings): void {
  const file = join(data, configFileName)
  const document = parseDocument(readFileSync(file, 'utf8'))
  for (const [key, value] of Object.entries(settings)) document.set(key, value)
  writeFileSync(file, document.toString(), { mode: 0o600 })
}

/**
 * Ports on loopback that were free a moment ago. Below those that systems give to outgoing connections, so that a node that was killed
 * finds its own free when it starts again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 * count) throw new CommandError('this machine has no free ports on 127.0.0.1 between 12000 and 32000')
    const port = randomInt(12_000, 32_000)
    if ((await whyTaken({ host: loopbackHost, port })) === undefined) found.add(port)
  }
  return [...found]
}

const loopbackHost = '127.0.0.1'
