import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { masks } from '../../spec/enumerations.ts'
import { type ScratchNode, startScratchNode } from '../../src/cli/scratch-node.ts'
import { Client, type Credentials, type Endpoint } from '../../src/client/index.ts'
import { createPkcs11Partition } from '../../src/partitions/index.ts'
import { pkcs11Shim, type Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'
import { type Cell, changeCells, frameOf, item, keyCells, success } from './cells.ts'
import type { CallsName, CallsResult, CallsTask } from './hsm-calls.ts'
import type { LoadResult } from './load.ts'
import { runLoad } from './processes.ts'

/** An operation at one number of connections: a software partition, a SoftHSM token, and the module's own calls in one thread; all of one round. */
export interface HsmRow {
  readonly operation: string
  readonly connections: number
  readonly software: Measured
  readonly token: Measured
  readonly module: CallsResult
}

/** A load's result with the CPU time that each request took, in microseconds: of the worker, and of the hsm process. */
export interface Measured extends LoadResult {
  readonly workerCpu: number
  readonly hsmCpu: number
}

/** A device that takes a millisecond more for each call; Encrypt is two calls. */
export interface SlowDevice {
  readonly sessions: number
  /** Encrypt at 64 connections, and at one, with nobody else. */
  readonly many: LoadResult
  readonly single: LoadResult
  /** The module's own two calls, one pair after the other. */
  readonly module: CallsResult
  /** A software tenant of the same server at four connections: by itself, and beside 64 of the device's tenant. */
  readonly softwareAlone: LoadResult
  readonly softwareBeside: LoadResult
}

export interface HsmReport {
  readonly rows: readonly HsmRow[]
  readonly slow: SlowDevice
  /** A held key without a queue: a partition's Encrypt in its own process, and the module's own. */
  readonly held: { readonly partition: CallsResult; readonly module: CallsResult }
}

export interface HsmBenchOptions {
  readonly connections: readonly number[]
  /** Milliseconds of each measurement, in all of its rounds. */
  readonly duration: number
  /** Operations whose name has this in it. */
  readonly only: string
  readonly onRow: (row: HsmRow) => void
}

/** What the module is asked for at least, for each cell. */
const floors: Readonly<Record<string, CallsName>> = {
  Create: 'create',
  'Encrypt 64 B': 'encrypt',
  'Decrypt 64 B': 'decrypt',
  Get: 'get',
  MAC: 'mac',
  Sign: 'sign',
}

/**
 * The operations on a SoftHSM token beside a software partition of the same node, with one worker, and beside the module's own calls. Then the
 * same token when each call takes a millisecond more. What is compared is measured in turns, in rounds that follow one another, and the round
 * that is shown is the one whose comparison is the middle one: what else the machine does must not decide.
 */
export async function benchHsm(options: HsmBenchOptions): Promise<HsmReport> {
  const hsm = softHsm()
  // Before the shim is loaded: a module of its own would be finalized under it.
  const tokens = { node: hsm.token('node'), calls: hsm.token('calls') }
  const shim = pkcs11Shim(hsm.folder, hsm.module)
  const node = await startScratchNode(1)
  const calls = await ModuleCalls.start(shim.module, tokens.calls)
  try {
    const { token, pinFile } = tokens.node
    await createPkcs11Partition({ name: 'token', module: shim.module, token, pinFile })
    await node.node.registry.addPartition({ kind: 'pkcs11', name: 'token', module: shim.module, token, pinFile })
    const tenants = { software: await node.addTenant('software'), token: await node.addTenant('token', 'token') }
    const bench = new HsmBench(node, tenants, calls, options)
    const rows = await bench.rows()
    return { rows, held: await bench.held(), slow: await bench.slow(shim) }
  } finally {
    calls.stop()
    await node.remove()
    shim.close()
    hsm.remove()
  }
}

type Tenants = Readonly<Record<'software' | 'token', Credentials>>

class HsmBench {
  readonly #node: ScratchNode
  readonly #tenants: Tenants
  readonly #calls: ModuleCalls
  readonly #options: HsmBenchOptions

  constructor(node: ScratchNode, tenants: Tenants, calls: ModuleCalls, options: HsmBenchOptions) {
    this.#node = node
    this.#tenants = tenants
    this.#calls = calls
    this.#options = options
  }

  async rows(): Promise<readonly HsmRow[]> {
    const { connections: counts, duration, only, onRow } = this.#options
    const cells = { software: await this.#cells('software'), token: await this.#cells('token') }
    const rows: HsmRow[] = []
    for (const [operation, floor] of Object.entries(floors).filter(([name]) => name.includes(only))) {
      const [software, token] = [cells.software.get(operation)!, cells.token.get(operation)!]
      // No process is measured while it still compiles what it runs.
      await this.#load('software', software, 16, duration)
      await this.#load('token', token, 16, duration)
      for (const connections of counts) {
        const measure = async () => ({
          module: await this.#calls.run(floor, this.#part / 2),
          software: await this.#load('software', software, connections),
          token: await this.#load('token', token, connections),
        })
        const row = { operation, connections, ...(await middle(measure, (round) => round.token.rate / round.software.rate)) }
        rows.push(row)
        onRow(row)
      }
    }
    return rows
  }

  /** A held key without a queue: call by call in turns, so that both meet the same disturbances. */
  held(): Promise<HsmReport['held']> {
    const measure = async () => {
      const [partition, module] = await this.#calls.inTurns(['partition encrypt', 'encrypt'], this.#options.duration)
      return { partition, module } as HsmReport['held']
    }
    return middle(measure, ({ partition, module }) => partition.p99 / module.p99)
  }

  async slow(shim: Shim): Promise<SlowDevice> {
    const software = (await this.#cells('software')).get('Encrypt 64 B') as Cell
    const token = (await this.#cells('token')).get('Encrypt 64 B') as Cell
    shim.delay(1000)
    try {
      // The partition finds out how long calls take now, and starts its threads.
      await this.#load('token', token, 64, this.#options.duration)
      const alone = await middle(
        async () => ({
          single: await this.#load('token', token, 1),
          module: await this.#calls.run('encrypt', this.#part),
          many: await this.#load('token', token, 64),
        }),
        ({ many, module }) => many.rate / module.rate,
      )
      const neighbours = await middle(
        async () => {
          const softwareAlone = await this.#load('software', software, 4)
          const beside = this.#load('token', token, 64, 3 * this.#part)
          await sleep(warmUp)
          const softwareBeside = await this.#load('software', software, 4)
          await beside
          return { softwareAlone, softwareBeside }
        },
        ({ softwareAlone, softwareBeside }) => softwareBeside.p50 / softwareAlone.p50,
      )
      return { sessions: defaultSessions, ...alone, ...neighbours }
    } finally {
      shim.delay(0)
    }
  }

  async #cells(tenant: keyof Tenants): Promise<ReadonlyMap<string, Cell>> {
    const credentials = this.#tenants[tenant]
    const cells = [
      ...changeCells(),
      ...(await keyCells(this.#node.endpoint, credentials)),
      ...(await authenticationCells(this.#node.endpoint, credentials)),
    ]
    return new Map(cells.map((cell) => [cell.name, cell]))
  }

  async #load(tenant: keyof Tenants, cell: Cell, connections: number, duration = this.#part): Promise<Measured> {
    const { ca, cert, key } = this.#tenants[tenant]
    const before = this.#cpu()
    const result = await runLoad({
      port: this.#node.endpoint.port,
      bundle: { authority: String(ca), certificate: String(cert), privateKey: String(key) },
      frames: cell.frames.map((frame) => Buffer.from(frame).toString('base64')),
      mark: Buffer.from(cell.mark).toString('base64'),
      connections,
      warmUp,
      duration,
    })
    if (result.failures > 0) throw new Error(`${cell.name}, ${tenant}: ${result.failures} of ${result.requests} answers were no success`)
    const after = this.#cpu()
    // Requests of the warm-up are not counted, and cost the same.
    const all = (result.requests * (warmUp + duration)) / duration
    const each = (name: string) => ((after[name] ?? 0) - (before[name] ?? 0)) / all
    return { ...result, workerCpu: each('worker-1'), hsmCpu: each('hsm') }
  }

  /** Milliseconds of one measurement in one round. */
  get #part(): number {
    return this.#options.duration / 2
  }

  /** CPU time of the node's processes since they began, in microseconds. */
  #cpu(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.#node.pids()).map(([name, pid]) => [name, cpuTime(pid)]))
  }
}

/** User and system time of a process in microseconds, from ticks of a hundredth of a second. */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** The module in a process of its own, asked line by line (hsm-calls.ts). */
class ModuleCalls {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess, answers: AsyncIterator<string>) {
    this.#child = child
    this.#answers = answers
  }

  static async start(module: string, token: { readonly token: string; readonly pinFile: string }): Promise<ModuleCalls> {
    await createPkcs11Partition({ name: token.token, module, ...token })
    const program = fileURLToPath(new URL('./hsm-calls.js', import.meta.url))
    const child = spawn(process.execPath, [program, module, token.token, token.pinFile], { stdio: ['pipe', 'pipe', 'inherit'] })
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const calls = new ModuleCalls(child, answers)
    await calls.#next()
    return calls
  }

  async run(name: CallsName, milliseconds: number): Promise<CallsResult> {
    const [result] = await this.inTurns([name], milliseconds)
    return result as CallsResult
  }

  async inTurns(calls: readonly CallsName[], milliseconds: number): Promise<readonly CallsResult[]> {
    const task: CallsTask = { calls, milliseconds }
    this.#child.stdin?.write(`${JSON.stringify(task)}\n`)
    return JSON.parse(await this.#next()) as CallsResult[]
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error('the process with the module ended before it answered')
    return value
  }
}

/** MAC by HMAC-SHA-256, and Sign by ECDSA on P-256. */
async function authenticationCells(endpoint: Endpoint, credentials: Credentials): Promise<Cell[]> {
  const client = new Client({ endpoints: [endpoint], ...credentials })
  try {
    const active = { name: 'ActivationDate', value: 1 } as const
    const mac = await client.call('Create', {
      objectType: 'SymmetricKey',
      attributes: [
        { name: 'CryptographicAlgorithm', value: 'HMAC_SHA256' },
        { name: 'CryptographicLength', value: 256 },
        { name: 'CryptographicUsageMask', value: masks.CryptographicUsageMask.MACGenerate.value },
        active,
      ],
    })
    const pair = await client.call('CreateKeyPair', {
      commonAttributes: [{ name: 'CryptographicAlgorithm', value: 'ECDSA' }, { name: 'CryptographicLength', value: 256 }, active],
      privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: masks.CryptographicUsageMask.Sign.value }],
      publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: masks.CryptographicUsageMask.Verify.value }],
    })
    const data = Buffer.alloc(64, 7)
    const cryptographicParameters = { digitalSignatureAlgorithm: 'ECDSAWithSHA256' } as const
    const uniqueIdentifier = pair.privateKeyUniqueIdentifier
    return [
      { name: 'MAC', frames: [frameOf('2.1', item('MAC', { uniqueIdentifier: mac.uniqueIdentifier, data }))], mark: success },
      { name: 'Sign', frames: [frameOf('2.1', item('Sign', { uniqueIdentifier, cryptographicParameters, data }))], mark: success },
    ]
  } finally {
    client.close()
  }
}

/** The round whose comparison is the middle one. */
async function middle<T>(measure: () => Promise<T>, compared: (round: T) => number): Promise<T> {
  const measured: T[] = []
  for (let round = 0; round < rounds; round++) measured.push(await measure())
  measured.sort((a, b) => compared(a) - compared(b))
  return measured[(rounds - 1) / 2] as T
}

/** Odd, so that there is a middle one. */
const rounds = 3
const warmUp = 400
/** What a partition has unless it is told. */
const defaultSessions = 8
