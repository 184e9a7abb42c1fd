import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The program of the process, compiled. */
const program = fileURLToPath(new URL('./node-program.js', import.meta.url))

/** What is different about a node's processes; nothing unless said. */
export interface Launch {
  /** A program and its arguments, before the node's own command line, that becomes it: `ip netns exec NAME`. */
  readonly under?: readonly string[]
  /** Further arguments of `serve`. */
  readonly serve?: readonly string[]
  /** Added to the environment. */
  readonly environment?: Readonly<Record<string, string>>
}

/** How a node in a process of its own ended before it served. */
const noWords = 'without a word'

/**
 * A node on a data folder, in processes of its own: what `tresor serve` starts, as a group of processes that can be killed, paused and
 * started again as one. For demonstrations and tests; the group ends when this process does.
 */
export class NodeProcess {
  readonly data: string
  readonly #launch: Launch
  #child: ChildProcess | undefined
  #words: string[] = []

  constructor(data: string, launch: Launch = {}) {
    this.data = data
    this.#launch = launch
  }

  /** The first of its processes, which is also the number of their group; undefined while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** What the node's processes wrote to standard error, the newest lines last. */
  get words(): readonly string[] {
    return this.#words
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Resolves with HOST:PORT of KMIP when the node serves. @throws Error with its last words when it ends before that, or does not serve in a minute and a half: it is killed then. */
  async start(): Promise<string> {
    this.#words = []
    const { under, serve = [], environment = {} } = this.#launch
    const child = fork(program, ['--data', this.data, '--json', 'serve', ...serve], {
      detached: true,
      env: { ...process.env, ...environment },
      ...(under === undefined ? {} : { execPath: under[0] as string, execArgv: [...under.slice(1), process.execPath] }),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    if (child.stdout === null || child.stderr === null) throw new Error('a child process without its output')
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#words = [...this.#words.slice(1 - linesKept), line]
    })
    const lines = createInterface({ input: child.stdout })
    const ready = new Promise<string>((resolve) =>
      lines.on('line', (line) => {
        const { event, kmip } = JSON.parse(line) as { readonly event?: string; readonly kmip?: string }
        if (event === 'ready' && kmip !== undefined) resolve(kmip)
      }),
    )
    let isLate = false
    const ended = once(child, 'close').then((): never => {
      const how = isLate ? `did not serve within ${longestStart / 1000} seconds` : 'ended'
      throw new Error(`the node on ${this.data} ${how}: ${this.#words.join('\n') || noWords}`)
    })
    const late = setTimeout(() => {
      isLate = true
      if (this.#child === child) this.#signal('SIGKILL')
    }, longestStart)
    return await Promise.race([ready, ended]).finally(() => clearTimeout(late))
  }

  /** SIGKILL to all of its processes at once. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM: requests in progress are answered first. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  /** SIGSTOP to all of its processes: it answers nothing, and no connection ends. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const gone = once(child, 'exit')
    this.#signal(signal)
    await gone
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid !== undefined) process.kill(-pid, signal)
  }
}

const linesKept = 50
/** Milliseconds: far above what a node takes that waits for a majority on a busy machine. */
const longestStart = 90_000
