import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { isIP } from 'node:net'
import { createInterface } from 'node:readline'
import type { TransactionLimits } from './change-transaction.ts'
import { EtcdClient, type TlsFiles } from './etcd-client.ts'
import { hostOf } from './etcd-endpoint.ts'
import { defaultQuota } from './quota.ts'
import type { Log } from './timing.ts'

export interface MemberOptions {
  /** The etcd program: `findEtcd`. */
  readonly binary: string
  /** The member's name, the node's own. */
  readonly name: string
  /** Made when absent (mode 0700). */
  readonly dataDir: string
  /** `https://HOST:PORT` that the other members reach, and that clients (the nodes) reach. */
  readonly peerUrl: string
  readonly clientUrl: string
  /** Every member's name and peer URL, this one's included. */
  readonly initialCluster: Readonly<Record<string, string>>
  /** `new`: a cluster that starts now; `existing`: one that has added this member. Only read when the data folder is empty. */
  readonly state: 'new' | 'existing'
  /** Keeps members of different clusters apart. */
  readonly clusterToken: string
  /** One certificate for serving, calling and peers: with server and client authentication. */
  readonly tls: TlsFiles
  /** A list of revoked certificates (DER) that must be there; none unless said. */
  readonly revoked?: string
  readonly log?: Log
  /** Milliseconds. */
  readonly heartbeat?: number
  readonly election?: number
  /** Bytes after which etcd takes no more writes; `defaultQuota` unless said. */
  readonly quota?: number
  /** Forgets all other members, and goes on with the data that it has. For the copy of a member whose cluster is lost. */
  readonly forceNewCluster?: boolean
}

/** The limits of a member that Tresor supervises. */
export const memberLimits: TransactionLimits = { operations: 2048, bytes: 1024 * 1024, sets: 64 }

export interface Member {
  readonly clientUrl: string
  /** Undefined while etcd is down. */
  readonly pid: number | undefined
  /** Its last warning or error. */
  readonly lastWords: string
  /** Undefined while the member takes part; else what is wrong with it. */
  problem(): Promise<string | undefined>
  /** Shows the node's renewed certificate from now on, when it asks the member. */
  renew(): void
  /** Ends etcd and waits until it is gone. */
  stop(): Promise<void>
}

/**
 * Starts an etcd member as a child process and keeps it running: a member that dies is started again, at first at once, then with growing
 * pauses. Resolves when the process is started; a member may take part only later (`problem`). It ends with this process, even one killed.
 */
export async function startMember(options: MemberOptions): Promise<Member> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const member = new SupervisedMember(options)
  member.start()
  return member
}

class SupervisedMember implements Member {
  readonly clientUrl: string
  readonly #options: MemberOptions
  readonly #log: Log
  readonly #client: EtcdClient
  #child: ChildProcess | undefined
  #guard: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #stopping = false
  #pause = firstPauseMilliseconds
  #again: NodeJS.Timeout | undefined
  #lastWords = ''

  constructor(options: MemberOptions) {
    this.#options = options
    this.clientUrl = options.clientUrl
    this.#log = options.log ?? (() => {})
    this.#client = new EtcdClient({ endpoints: [options.clientUrl], tls: options.tls })
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get lastWords(): string {
    return this.#lastWords
  }

  start(): void {
    const started = performance.now()
    const child = spawn(this.#options.binary, argumentsOf(this.#options), { stdio: ['ignore', 'pipe', 'pipe'], env: environment() })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const { level, text } = readLogLine(line)
        if (level !== 'info') this.#lastWords = text
        // A member that is being stopped complains of every connection it loses.
        this.#log(this.#stopping ? 'info' : level, `etcd: ${text}`)
      })
    }
    if (child.pid !== undefined) this.#guard = guard(child.pid)
    this.#exited = new Promise((resolve) => {
      const gone = (how: string) => {
        if (this.#child !== child) return resolve()
        this.#child = undefined
        this.#guard?.kill('SIGKILL')
        resolve()
        if (!this.#stopping) this.#startAgain(how, performance.now() - started)
      }
      child.once('exit', (code, signal) => gone(signal === null ? `ended with code ${code}` : `was killed by ${signal}`))
      child.once('error', (error) => gone(`did not start: ${error.message}`))
    })
  }

  /** The node's certificate was renewed. etcd reads it itself. */
  renew(): void {
    this.#client.renew()
  }

  async problem(): Promise<string | undefined> {
    if (this.#child === undefined) return `etcd is not running${this.#lastWords === '' ? '' : ` (its last words: ${this.#lastWords})`}`
    try {
      const status = await this.#client.status({ deadline: statusMilliseconds })
      if (status.errors.length > 0) return `etcd reports: ${status.errors.join(', ')}`
      if (status.leader === '0') return 'the etcd member sees no leader'
      if (status.isLearner) return 'the etcd member is still a learner'
      return undefined
    } catch (error) {
      return `the etcd member does not answer: ${(error as Error).message}`
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#again)
    this.#client.close()
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), termMilliseconds)
    await this.#exited
    clearTimeout(patience)
  }

  #startAgain(how: string, lived: number): void {
    if (lived > steadyMilliseconds) this.#pause = firstPauseMilliseconds
    this.#log('error', `etcd ${how} after ${Math.round(lived)} ms; it is started again in ${this.#pause} ms`)
    this.#again = setTimeout(() => this.start(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, longestPauseMilliseconds)
  }
}

/** Flags that etcd 3.4, 3.5 and 3.6 all know. */
function argumentsOf(options: MemberOptions): string[] {
  const { tls } = options
  const flags: Readonly<Record<string, string | number>> = {
    name: options.name,
    'data-dir': options.dataDir,
    'listen-peer-urls': listenUrl(options.peerUrl),
    'initial-advertise-peer-urls': options.peerUrl,
    'listen-client-urls': listenUrl(options.clientUrl),
    'advertise-client-urls': options.clientUrl,
    'initial-cluster': Object.entries(options.initialCluster)
      .map(([name, url]) => `${name}=${url}`)
      .join(','),
    'initial-cluster-state': options.state,
    'initial-cluster-token': options.clusterToken,
    'cert-file': tls.certificate,
    'key-file': tls.privateKey,
    'trusted-ca-file': tls.ca,
    'client-cert-auth': 'true',
    'peer-cert-file': tls.certificate,
    'peer-key-file': tls.privateKey,
    'peer-trusted-ca-file': tls.ca,
    'peer-client-cert-auth': 'true',
    ...(options.revoked !== undefined && { 'client-crl-file': options.revoked, 'peer-crl-file': options.revoked }),
    'heartbeat-interval': options.heartbeat ?? defaultHeartbeat,
    'election-timeout': options.election ?? defaultElection,
    // A member that comes back from a pause must not depose a leader that the others still see.
    'pre-vote': 'true',
    // The replica and the snapshot need only the newest values; a node that was away for longer copies a snapshot.
    'auto-compaction-mode': 'periodic',
    'auto-compaction-retention': '5m',
    'quota-backend-bytes': options.quota ?? defaultQuota,
    'max-txn-ops': memberLimits.operations,
    ...(options.forceNewCluster === true && { 'force-new-cluster': 'true' }),
    logger: 'zap',
    'log-outputs': 'stderr',
    // Little: a reader of this pipe that stalls would stall etcd's reads (etcd #22214).
    'log-level': 'warn',
  }
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
}

/** etcd listens on addresses only: a name, which may be a load balancer's or a container's, means all of this machine's. */
function listenUrl(url: string): string {
  const host = hostOf(url)
  return isIP(host) === 0 && host !== 'localhost' ? `https://0.0.0.0:${new URL(url).port}` : url
}

/** etcd reads its flags from ETCD_* too, and refuses to start when both are given. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')))
}

/**
 * Ends etcd when this process ends in whatever way: a shell that waits for the end of its standard input, which closes with this process.
 * An etcd without its node would hold the ports and the data folder when the node starts again.
 */
function guard(pid: number): ChildProcess {
  const child = spawn('/bin/sh', ['-c', `read -r _; kill -TERM ${pid}; sleep 3; kill -KILL ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  return child
}

function readLogLine(line: string): { level: 'info' | 'warn' | 'error'; text: string } {
  try {
    const { level, msg, error } = JSON.parse(line) as { level?: string; msg?: string; error?: string }
    const text = error === undefined ? (msg ?? line) : `${msg}: ${error}`
    return { level: level === 'warn' ? 'warn' : level === 'info' || level === 'debug' ? 'info' : 'error', text }
  } catch {
    return { level: 'info', text: line }
  }
}

/** Twice as fast as etcd's own defaults: the next write after a leader's death comes within a second. */
const defaultHeartbeat = 50
const defaultElection = 500

const firstPauseMilliseconds = 100
const longestPauseMilliseconds = 5000
/** A member that lived so long starts again at once when it dies. */
const steadyMilliseconds = 10_000
const statusMilliseconds = 1000
const termMilliseconds = 8000
