import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callAdmin } from '../../src/admin/index.ts'
import { init } from '../../src/cli/commands/init.ts'
import { NodeProcess } from '../../src/cli/node-process.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { enrollAt, freePorts, type NodeSettings, writeSettings } from '../../src/cli/scratch-cluster.ts'
import type { Credentials, Endpoint } from '../../src/client/index.ts'

/** A whole node in processes of its own, as `tresor init` and `tresor serve` make it, with the tenant `demo`. */
export interface ServedNode {
  readonly data: string
  readonly endpoint: Endpoint
  readonly process: NodeProcess
  /** The client `app` of the tenant `demo`. */
  readonly credentials: Credentials
  /** Process identifiers by name: `node`, `worker-1` ... */
  pids(): Promise<Readonly<Record<string, number>>>
  /** Kills what runs and removes the folder. */
  remove(): Promise<void>
}

export async function startServedNode(settings: NodeSettings = {}): Promise<ServedNode> {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-served-'))
  const data = join(folder, 'data')
  const node = new NodeProcess(data)
  const remove = async () => {
    await node.kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  try {
    await runQuietly(init, data)
    const [port = 0] = await freePorts(1)
    writeSettings(data, { listen: { kmip: [`127.0.0.1:${port}`] }, operator: { port: 0 }, ...settings })
    await node.start()
    await callAdmin(data, 'tenant.add', { tenant: 'demo' })
    const credentials = await enrollAt(data, 'demo', 'app')
    return {
      data,
      endpoint: { host: '127.0.0.1', port },
      process: node,
      credentials,
      pids: async () => ((await callAdmin(data, 'node.status')) as { readonly processes: Readonly<Record<string, number>> }).processes,
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}
