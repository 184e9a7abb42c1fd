import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin } from '../../src/admin/index.ts'
import { type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import { Client, type Credentials } from '../../src/client/index.ts'
import { clusterPaths, openEtcdLedger, readMembership } from '../../src/cluster/index.ts'
import { listTokens, type TokenOptions } from '../../src/partitions/index.ts'
import { Token } from '../../src/partitions/pkcs11/token.ts'
import { type Ledger, type LocalReplica, ReplicaWriter } from '../../src/store/index.ts'
import { pkcs11Shim, type Shim } from './pkcs11-shim.ts'
import { softHsm } from './softhsm.ts'

/** A token, for every process that names it. Its partition has its name. */
export interface ClusterToken extends TokenOptions {
  readonly serial: string
}

/** Three whole nodes with a SoftHSM that all of them reach, through a shim that can hold its calls back in all of them. */
export interface HsmCluster extends ScratchCluster {
  readonly shim: Shim
  node(index: number): ScratchClusterNode
  token(label: string): ClusterToken
  /** Defines a partition as `partition add` does, with its serial number, and a tenant in it, both of the token's name. */
  addTenant(label: string): Promise<Credentials>
  /** A client at one node alone, which takes its first answer; closed with the cluster. */
  client(index: number, credentials: Credentials, connections?: number): Client
  /** One that asks again where the node says that it cannot serve now, as on a busy machine. */
  patientClient(index: number, credentials: Credentials, connections?: number): Client
  /** What a further node would have of the cluster's ledger. */
  readonly further: { readonly ledger: Ledger; readonly replica: LocalReplica }
}

export interface HsmClusterOptions {
  /** Labels of the tokens, all made before a node starts: SoftHSM shows a process no others. */
  readonly tokens: readonly string[]
  /** By partition: the second node's own token for it, by its label. */
  readonly ofSecond: Readonly<Record<string, string>>
}

export async function startHsmCluster({ tokens: labels, ofSecond }: HsmClusterOptions): Promise<HsmCluster> {
  const hsm = softHsm()
  const closing: (() => unknown)[] = [() => hsm.remove()]
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one()
  }
  try {
    const places = new Map(labels.map((label) => [label, hsm.token(label)]))
    const serials = new Map(listTokens(hsm.module).map(({ label, serial }) => [label, serial]))
    const shim = pkcs11Shim(hsm.folder, hsm.module)
    closing.push(() => shim.close())
    const token = (label: string): ClusterToken => {
      const { pinFile = '' } = places.get(label) ?? {}
      return { name: label, module: shim.module, token: label, pinFile, serial: serials.get(label) ?? '' }
    }
    const partitions = Object.fromEntries(
      Object.entries(ofSecond).map(([name, label]) => {
        const { token: own, pinFile } = token(label)
        return [name, { token: own, pinFile }]
      }),
    )
    const cluster = await startScratchCluster({
      settings: { workers: 1, log: { level: 'error' } },
      prepare: async (data, index) => {
        if (index !== 1) return
        mkdirSync(data, { recursive: true, mode: 0o700 })
        writeFileSync(join(data, 'tresor.yaml'), JSON.stringify({ partitions }), { mode: 0o600 })
      },
    })
    closing.push(() => cluster.remove())
    const node = (index: number) => cluster.nodes[index] as ScratchClusterNode
    const clientAt = (index: number, credentials: Credentials, connectionsPerNode = 1, patience: number) => {
      const client = new Client({ endpoints: [node(index).endpoint], ...credentials, connectionsPerNode, failover: { patience } })
      closing.push(() => client.close())
      return client
    }
    const folder = join(node(0).data, 'cluster')
    const { endpoints = [] } = (await readMembership(folder)) ?? {}
    const writer = new ReplicaWriter(join(cluster.folder, 'further'))
    closing.push(() => writer.close())
    const ledger = openEtcdLedger({ endpoints, tls: clusterPaths(folder).tls, node: 'further', replica: writer })
    closing.push(() => ledger.close())
    return {
      ...cluster,
      shim,
      node,
      token,
      further: { ledger, replica: writer.replica },
      async addTenant(label) {
        const { name, ...place } = token(label)
        await callAdmin(node(0).data, 'partition.add', { partition: name, ...place })
        await callAdmin(node(0).data, 'tenant.add', { tenant: name, partition: name })
        return await cluster.enroll(name, 'app')
      },
      client: (index, credentials, connections) => clientAt(index, credentials, connections, 0),
      patientClient: (index, credentials, connections) => clientAt(index, credentials, connections, 60_000),
      remove: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The labels of all that a token keeps, as a process sees it that has just loaded the module. */
export async function tokenObjects(options: TokenOptions): Promise<readonly string[]> {
  const token = await Token.open(options)
  try {
    const objects = await token.find({ TOKEN: true })
    return (await Promise.all(objects.map((object) => token.attribute(object, 'LABEL')))).map((label) => label.toString('utf8')).sort()
  } finally {
    await token.close()
  }
}

/** Waits for what must come about on a busy machine too. */
export async function until<T>(what: string, look: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> {
  for (const end = performance.now() + 100_000; ; await sleep(20)) {
    const found = await look()
    if (found !== false && found !== undefined) return found
    if (performance.now() > end) throw new Error(`not in 100 seconds: ${what}`)
  }
}
