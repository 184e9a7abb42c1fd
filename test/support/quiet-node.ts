import { join } from 'node:path'
import { runNode, type ServedNode } from '../../src/cli/run-node.ts'
import { freePorts, writeSettings } from '../../src/cli/scratch-cluster.ts'
import { configFileName, loadConfig } from '../../src/config.ts'

/** Three options for `cluster init` and its like, with ports that were free a moment ago. */
export async function clusterOptions(name: string): Promise<Record<'name' | 'peer' | 'client' | 'join', string>> {
  const [peer, client, joinAt] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`) as [string, string, string]
  return { name, peer, client, join: joinAt }
}

/** Sets what a node needs to run in this process beside others. */
export async function settle(data: string): Promise<void> {
  const [kmip] = await freePorts(1)
  writeSettings(data, { workers: 0, listen: { kmip: [`127.0.0.1:${kmip}`] }, operator: { port: 0 }, log: { level: 'error' } })
}

/** Runs a node on a data folder in this process. */
export async function runHere(data: string): Promise<ServedNode> {
  return runNode(await loadConfig({ config: join(data, configFileName), data }), { insecure: false })
}
