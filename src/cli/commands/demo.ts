import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin } from '../../admin/index.ts'
import { findEtcd } from '../../cluster/index.ts'
import { type Command, CommandError, type Invocation } from '../command.ts'
import { type DemoClient, Refused } from '../demo/demo-client.ts'
import { ownClient } from '../demo/own-client.ts'
import { findPyKmip, pykmipClient } from '../demo/pykmip-client.ts'
import { findSoftHsm, scratchTokens } from '../demo/soft-hsm.ts'
import { bundleFolder } from '../place.ts'
import { runQuietly } from '../quiet-run.ts'
import { type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../scratch-cluster.ts'
import { partitionAdd } from './partition.ts'

const token = 'tresor-demo'
const tenant = 'bank'

export const demo: Command = {
  name: 'demo',
  usage: '',
  summary: 'Show the main job on three nodes with a tenant in an HSM, in a scratch folder.',
  details: `What npm run demo runs. Three nodes on loopback form a cluster; a tenant's keys lie in a SoftHSM token; a third-party client (PyKMIP,
else Tresor's own) makes a key on one node and has it from another; a node is killed; the key is destroyed, and refused everywhere. Nothing of
it stays. Needs SoftHSM and etcd (apt-get install softhsm2 etcd-server). The exit code is 0 when every step was as it must be.`,
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const module = findSoftHsm()
    await findEtcd()
    const scratch = await mkdtemp(join(tmpdir(), 'tresor-demo-'))
    const steps = new Steps(invocation)
    let cluster: ScratchCluster | undefined
    let client: DemoClient | undefined
    try {
      cluster = await startCluster(steps, scratch)
      await makeTenant(steps, cluster, module, join(scratch, 'hsm', 'pin'))
      client = await makeClient(steps, cluster)
      invocation.output.line()
      await useKey(steps, cluster.nodes, client)
    } finally {
      client?.close()
      await cluster?.remove()
      await rm(scratch, { recursive: true, force: true })
      steps.close()
    }
    invocation.output.line()
    invocation.output.line('Every step was as it must be. The nodes are stopped, and their folders removed.')
    invocation.output.json({ event: 'done', good: true })
  },
}

async function startCluster(steps: Steps, scratch: string): Promise<ScratchCluster> {
  scratchTokens(join(scratch, 'hsm'))
  let began = performance.now()
  return await startScratchCluster({
    folder: join(scratch, 'nodes'),
    settings: { workers: 1, log: { level: 'warn' } },
    onNode: ({ name, endpoint }) => {
      steps.show(name, `127.0.0.1:${endpoint.port}, ledger etcd`, performance.now() - began, { port: endpoint.port })
      began = performance.now()
    },
  })
}

async function makeTenant(steps: Steps, { nodes }: ScratchCluster, module: string, pinFile: string): Promise<void> {
  const data = nodes[0]?.data ?? ''
  await steps.run('token', () => runQuietly(partitionAdd, data, [tenant], { module, token, 'pin-file': pinFile, init: true }), {
    text: `${token}, SoftHSM: key-encryption key made in it`,
  })
  await steps.run('tenant', () => callAdmin(data, 'tenant.add', { tenant, partition: tenant }), {
    text: `${tenant}, its keys in that token`,
  })
  await steps.run('partition', () => Promise.all(nodes.map((node) => untilOpen(node))), { text: 'open on all three nodes' })
}

/** The other nodes learn of a new partition from the ledger, and open it a moment later. */
async function untilOpen({ name, data }: ScratchClusterNode): Promise<void> {
  const deadline = performance.now() + openMilliseconds
  for (;;) {
    try {
      await callAdmin(data, 'partition.show', { partition: tenant })
      return
    } catch (error) {
      if (performance.now() > deadline)
        throw new CommandError(`${name} cannot open the token: ${(error as Error).message}`, { cause: error })
      await sleep(100)
    }
  }
}

const openMilliseconds = 20_000

async function makeClient(steps: Steps, cluster: ScratchCluster): Promise<DemoClient> {
  const credentials = await cluster.enroll(tenant, 'app')
  const python = findPyKmip()
  if (python === undefined) {
    const client = ownClient(credentials)
    steps.show('client', `${client.name}; no Python with PyKMIP is here (npm test installs it, TRESOR_PYTHON names one)`, undefined)
    return client
  }
  const client = await pykmipClient(python, bundleFolder(cluster.nodes[0]?.data ?? '', tenant, 'app'))
  steps.show('client', `${client.name}, a third party's`, undefined)
  return client
}

/** The main job, over three nodes of which one dies. */
async function useKey(steps: Steps, nodes: readonly ScratchClusterNode[], client: DemoClient): Promise<void> {
  const [one, two, three] = nodes.map(({ endpoint }) => endpoint.port) as [number, number, number]
  const id = await steps.run('create', () => client.create(one), { node: 1, text: (made) => `AES-256 key ${made}` })
  await steps.run('activate', () => client.activate(one, id), { node: 1, text: 'Pre-Active to Active' })
  const key = await steps.run('get', () => client.get(two, id), {
    node: 2,
    text: (bytes) => `${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}...`,
  })
  const data = randomBytes(64)
  const iv = randomBytes(16)
  const sealed = await steps.run('encrypt', () => client.encrypt(three, id, data, iv), { node: 3, text: '64 bytes in the token' })
  await steps.run('compare', async () => compare(key, data, iv, sealed), { text: 'node 3 used the key that node 2 gave' })
  await steps.run('killed', async () => await nodes[1]?.process.kill(), { node: 2, text: 'kill -9 of all its processes' })
  await steps.run('revoke', () => client.revoke(one, id), { node: 1, text: 'Active to Deactivated' })
  await steps.run('destroy', () => client.destroy(one, id), { node: 1, text: 'its value is gone' })
  await steps.run('encrypt', () => refusalOf(client.encrypt(three, id, data, iv)), { node: 3, text: refused })
  await steps.run('get', () => refusalOf(client.get(three, id)), { node: 3, text: refused })
  await steps.run('restart', () => nodes[1]?.process.start() ?? Promise.resolve(''), { node: 2, text: 'serves again' })
  await client.leave(two)
  await steps.run('encrypt', () => refusalOf(client.encrypt(two, id, data, iv)), { node: 2, text: refused })
}

const refused = (reason: string) => `refused, as it must be: ${reason}`

function compare(key: Uint8Array, data: Uint8Array, iv: Uint8Array, sealed: Uint8Array): void {
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  if (!Buffer.concat([cipher.update(data), cipher.final()]).equals(sealed))
    throw new CommandError('what node 3 encrypted is not what the key of node 2 encrypts')
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (error instanceof Refused) return error.message
    throw error
  }
  throw new CommandError('a destroyed key was used')
}

interface StepText<T> {
  readonly node?: number
  readonly text: string | ((result: T) => string)
}

/** Shows each step with its duration; between two of them a signal ends the demonstration, so that nothing of it stays. */
class Steps {
  readonly #output: Invocation['output']
  #interrupted = false
  readonly #interrupt = () => {
    this.#interrupted = true
  }

  constructor({ output }: Invocation) {
    this.#output = output
    process.on('SIGINT', this.#interrupt).on('SIGTERM', this.#interrupt)
  }

  async run<T>(name: string, work: () => Promise<T>, { node, text }: StepText<T>): Promise<T> {
    const began = performance.now()
    const result = await work()
    const shown = typeof text === 'string' ? text : text(result)
    this.show(name, node === undefined ? shown : `node ${node}  ${shown}`, performance.now() - began, node === undefined ? {} : { node })
    return result
  }

  show(name: string, text: string, milliseconds: number | undefined, facts: Readonly<Record<string, unknown>> = {}): void {
    if (this.#interrupted) throw new CommandError('interrupted; everything is removed')
    const duration = milliseconds === undefined ? {} : { milliseconds: Math.round(milliseconds * 10) / 10 }
    this.#output.step(name, milliseconds === undefined ? text : text.padEnd(textWidth) + durationText(milliseconds), {
      text,
      ...facts,
      ...duration,
    })
  }

  close(): void {
    process.off('SIGINT', this.#interrupt).off('SIGTERM', this.#interrupt)
  }
}

const textWidth = 62

function durationText(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(1).padStart(7)} ms` : `${(milliseconds / 1000).toFixed(1).padStart(7)} s`
}
