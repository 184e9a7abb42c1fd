import { fork } from 'node:child_process'
import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { type HsmPartition, HsmProcess } from './hsm-process.ts'
import type { Log, LogLevel } from './log.ts'
import { type MetricsSnapshot, renderMetrics } from './metrics.ts'
import { listenOperator, type OperatorPort } from './operator.ts'
import type { ChildService, PartitionProblems } from './process-messages.ts'
import { SupervisedProcess } from './supervised-process.ts'

export interface ProcessesOptions {
  readonly log: Log
  /** 0: clients are served in this process, by `local`. */
  readonly workers: number
  readonly local: () => Promise<ChildService>
  /** The program of the children; it is given its role, `worker` or `hsm`, as its argument. */
  readonly entry: string
  /** What each child is told at its start. */
  readonly setup: object
  /** What workers are told besides, and the hsm process is not. */
  readonly workerSetup?: object
  /** The partitions in HSMs, as the hsm process takes them; with none there is no such process. Not used without workers. */
  readonly hsm: readonly HsmPartition[]
  readonly operator: { readonly host: string; readonly port: number } | undefined
  /** The numbers of this process where it serves no clients itself. */
  readonly own: () => Promise<MetricsSnapshot>
  /** Sentences about what keeps the node from serving. */
  readonly problems: () => readonly string[]
  /** Sentences about what is wrong although the node serves. */
  readonly notices: () => readonly string[]
}

/** The node's processes, running. */
export interface Processes {
  /** Ports of the client listeners, by name: `kmip`, `https`, and with a number from the second address on. */
  readonly ports: Readonly<Record<string, number>>
  readonly operatorPort: number | undefined
  /** Process identifiers of what runs now, by name. */
  pids(): Readonly<Record<string, number>>
  /** Certificates, authorities and revocation lists are read again, by all. */
  reload(): Promise<void>
  setLogLevel(level: LogLevel): void
  /** The partitions in HSMs from now on: starts the hsm process when it becomes needed. */
  setHsm(partitions: readonly HsmPartition[]): Promise<void>
  /** Starts the hsm process anew: a module that is loaded may not see a token that was made since. Its calls in progress fail. */
  restartHsm(): Promise<void>
  /** Prometheus' text form of all processes. */
  metrics(): Promise<string>
  /** Lets requests in progress end, for at most so many milliseconds. */
  stop(milliseconds: number): Promise<void>
}

/** Starts what serves clients: this process itself, or a worker for each core beside an HSM process. @throws when the first start fails. */
export async function startProcesses(options: ProcessesOptions): Promise<Processes> {
  const { log, workers } = options
  const hsm = new HsmProcess((setup) => child(options, 'hsm', 'hsm', setup))
  await hsm.set(workers === 0 ? [] : options.hsm)
  const stopping: ((milliseconds: number) => Promise<void>)[] = []
  try {
    const tickets = new TicketKeys()
    const service = workers === 0 ? alone(await options.local()) : await startWorkers(options, tickets)
    stopping.push((milliseconds) => service.stop(milliseconds))
    tickets.give((keys) => service.setTicketKeys(keys))
    let operator: OperatorPort | undefined
    const page = async () => {
      const hsmSnapshot = await hsm.process?.metrics()
      return renderMetrics([...(await service.snapshots()), ...(hsmSnapshot === undefined ? [] : [hsmSnapshot])])
    }
    if (options.operator !== undefined) {
      const { host, port } = options.operator
      operator = await listenOperator(
        host,
        port,
        {
          health: () => undefined,
          readiness: async () => ({
            blocking: [...service.missing(), ...options.problems()],
            notices: options.notices(),
            // What the hsm process says of its partitions is nearer to the cause than what a worker heard from it.
            partitions: { ...(await service.partitionProblems()), ...(await hsm.problems()) },
          }),
          metrics: page,
        },
        log,
      )
    }
    return {
      ports: service.ports,
      operatorPort: operator?.port,
      pids: () => ({ node: process.pid, ...service.pids(), ...(hsm.process?.pid === undefined ? {} : { hsm: hsm.process.pid }) }),
      reload: () => service.reload(),
      setLogLevel: (level) => {
        log.setLevel(level)
        service.setLogLevel(level)
        hsm.process?.send({ type: 'logLevel', level })
      },
      setHsm: (partitions) => (workers === 0 ? Promise.resolve() : hsm.set(partitions)),
      restartHsm: () => hsm.restart(),
      metrics: page,
      stop: async (milliseconds) => {
        tickets.end()
        await service.stop(milliseconds)
        await operator?.close()
        await hsm.stop()
      },
    }
  } catch (error) {
    await Promise.all(stopping.map((stop) => stop(0)))
    await hsm.stop(0)
    throw error
  }
}

/** What serves clients, in one process or several. */
interface Group extends Omit<ChildService, 'snapshot' | 'problems'> {
  partitionProblems(): Promise<PartitionProblems>
  snapshots(): Promise<readonly MetricsSnapshot[]>
  pids(): Readonly<Record<string, number>>
  /** Sentences about processes that are down. */
  missing(): readonly string[]
}

function alone(service: ChildService): Group {
  return {
    ports: service.ports,
    snapshots: async () => [await service.snapshot()],
    setTicketKeys: (keys) => service.setTicketKeys(keys),
    reload: () => service.reload(),
    setLogLevel: (level) => service.setLogLevel(level),
    stop: (milliseconds) => service.stop(milliseconds),
    pids: () => ({}),
    missing: () => [],
    partitionProblems: async () => service.problems(),
  }
}

async function startWorkers(options: ProcessesOptions, tickets: TicketKeys): Promise<Group> {
  const names = Array.from({ length: options.workers }, (_, index) => `worker-${index + 1}`)
  const all = names.map((name) => ({
    name,
    process: child(options, 'worker', name, () => ({ ...options.workerSetup, ticketKeys: tickets.current })),
  }))
  const results = await Promise.allSettled(all.map((worker) => worker.process.start()))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(all.map((worker) => worker.process.stop(0)))
    throw failed.reason
  }
  const tell = (message: Parameters<SupervisedProcess['send']>[0]) => {
    for (const worker of all) worker.process.send(message)
  }
  return {
    ports: all[0]?.process.ports ?? {},
    snapshots: async () => {
      const asked = await Promise.all([options.own(), ...all.map((worker) => worker.process.metrics())])
      return asked.flatMap((snapshot) => (snapshot === undefined ? [] : [snapshot]))
    },
    setTicketKeys: (keys) => tell({ type: 'ticketKeys', keys: keys.toString('base64') }),
    reload: async () => tell({ type: 'reload' }),
    setLogLevel: (level) => tell({ type: 'logLevel', level }),
    stop: async (milliseconds) => {
      await Promise.all(all.map((worker) => worker.process.stop(milliseconds)))
    },
    partitionProblems: async () => Object.assign({}, ...(await Promise.all(all.map((worker) => worker.process.problems())))),
    pids: () => Object.fromEntries(all.flatMap((worker) => (worker.process.pid === undefined ? [] : [[worker.name, worker.process.pid]]))),
    missing: () => {
      const down = all.filter((worker) => worker.process.ports === undefined)
      return down.length === all.length ? ['no worker process serves'] : []
    },
  }
}

function child(options: ProcessesOptions, role: 'worker' | 'hsm', name: string, more: () => object = () => ({})): SupervisedProcess {
  const spawn = () => {
    if (role === 'hsm') return fork(options.entry, [role], { execArgv: [] })
    // Workers share their ports through node:cluster; its settings belong to the fork that follows.
    cluster.setupPrimary({ exec: options.entry, args: [role], execArgv: [] })
    return cluster.fork().process
  }
  return new SupervisedProcess({ name, log: options.log, spawn, setup: () => ({ ...options.setup, name, ...more() }) })
}

/** The keys of session tickets: new ones every hour, so that a stolen one opens little. */
class TicketKeys {
  #keys = randomBytes(ticketKeyBytes)
  #timer: NodeJS.Timeout | undefined

  /** Base64. */
  get current(): string {
    return this.#keys.toString('base64')
  }

  give(to: (keys: Buffer) => void): void {
    to(this.#keys)
    this.#timer = setInterval(() => {
      this.#keys = randomBytes(ticketKeyBytes)
      to(this.#keys)
    }, ticketKeyLife)
    this.#timer.unref()
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

/** What `tls.Server.setTicketKeys` takes. */
const ticketKeyBytes = 48
/** Milliseconds. */
const ticketKeyLife = 3600_000
