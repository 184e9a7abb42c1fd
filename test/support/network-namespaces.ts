import { execFileSync, spawnSync } from 'node:child_process'
import type { LinkRule, Network } from './network-faults.ts'

/**
 * Network namespaces on one bridge: one for the clients, which holds the bridge, and one for each node. Nothing of the machine's
 * own network is touched, and nothing leads out of them. `hub` runs the program that starts the nodes.
 */
export interface Namespaces {
  readonly prefix: string
  remove(): void
}

/** Undefined where it is allowed; else why not. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'they are the superuser’s to make'
  for (const [program, ...args] of [
    ['ip', '-V'],
    ['nft', '--version'],
  ] as const)
    if (spawnSync(program, args, { env }).status !== 0)
      return `${program} is missing (apt-get install ${program === 'ip' ? 'iproute2' : 'nftables'})`
  const name = `tresor-try-${process.pid}`
  const tried = spawnSync('ip', ['netns', 'add', name], { env, encoding: 'utf8' })
  if (tried.status !== 0) return tried.stderr.trim()
  const filter = spawnSync('ip', ['netns', 'exec', name, 'nft', 'add table inet tresor'], { env, encoding: 'utf8' })
  spawnSync('ip', ['netns', 'delete', name], { env })
  return filter.status === 0 ? undefined : filter.stderr.trim()
}

/** @throws Error with the words of `ip` */
export function makeNamespaces(size: number): Namespaces {
  const prefix = `tresor-${process.pid}`
  const hub = `${prefix}-hub`
  const names = [hub, ...Array.from({ length: size }, (_, index) => `${prefix}-${index}`)]
  const remove = () => {
    for (const name of names) spawnSync('ip', ['netns', 'delete', name], { env })
  }
  try {
    for (const name of names) ip('netns', 'add', name)
    inside(hub, 'link set lo up', 'link add bridge type bridge', `addr add ${hubAddress}/24 dev bridge`, 'link set bridge up')
    for (let index = 0; index < size; index++) {
      const name = `${prefix}-${index}`
      inside(hub, `link add node${index} type veth peer name line netns ${name}`, `link set node${index} master bridge up`)
      inside(name, 'link set lo up', `addr add ${nodeAddress(index)}/24 dev line`, 'link set line up')
    }
  } catch (error) {
    remove()
    throw error
  }
  return { prefix, remove }
}

/** The network as the program in the hub sees it. */
export class NamespaceNetwork implements Network {
  readonly kind = 'namespaces'
  readonly reachesClients = true
  readonly limits = ['late lines are narrow ones with a queue (tbf): this kernel may lack netem, so how late depends on what is sent']
  readonly #prefix: string
  readonly #size: number
  readonly #rules = new Set<LinkRule>()

  constructor(prefix: string, size: number) {
    this.#prefix = prefix
    this.#size = size
  }

  place(index: number) {
    return { host: nodeAddress(index), launch: { under: ['ip', 'netns', 'exec', this.#nameOf(index)], serve: ['--insecure-development'] } }
  }

  async impose(rules: readonly LinkRule[]): Promise<() => Promise<void>> {
    for (const rule of rules) this.#rules.add(rule)
    this.#apply()
    return async () => {
      for (const rule of rules) this.#rules.delete(rule)
      this.#apply()
    }
  }

  async close(): Promise<void> {
    this.#rules.clear()
    this.#apply()
  }

  #nameOf(end: number | 'clients'): string {
    return `${this.#prefix}-${end === 'clients' ? 'hub' : end}`
  }

  /** Each end drops what it is not to receive; each one that sends late has a narrow line. */
  #apply(): void {
    for (const end of ['clients', ...Array.from({ length: this.#size }, (_, index) => index)] as const) {
      const drops = [...this.#rules].filter(({ to, loss }) => to === end && loss !== undefined)
      const lines = drops.map(({ from, loss = 1 }) => {
        const some = loss < 1 ? `numgen random mod 1000 < ${Math.round(loss * 1000)} ` : ''
        return `ip saddr ${addressOf(from)} ${some}drop`
      })
      const chain = `chain arriving {\n${['type filter hook input priority 0', ...lines].join('\n')}\n}`
      const script = `table inet tresor {}\ndelete table inet tresor\ntable inet tresor {\n${chain}\n}\n`
      execFileSync('ip', ['netns', 'exec', this.#nameOf(end), 'nft', '-f', '-'], { env, input: script })
      if (end !== 'clients') this.#narrow(end)
    }
  }

  #narrow(index: number): void {
    const delay = Math.max(0, ...[...this.#rules].filter(({ from }) => from === index).map((rule) => rule.delay ?? 0))
    const at = ['-n', this.#nameOf(index), 'qdisc']
    if (delay === 0) spawnSync('tc', [...at, 'del', 'dev', 'line', 'root'], { env })
    else
      execFileSync('tc', [...at, 'replace', 'dev', 'line', 'root', 'tbf', ...`rate 400kbit burst 3000 latency ${delay}ms`.split(' ')], {
        env,
      })
  }
}

/** The system's own programs: a package of npm's, too, is called nft. */
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

const hubAddress = '10.213.7.1'
const nodeAddress = (index: number) => `10.213.7.${11 + index}`
const addressOf = (end: number | 'clients') => (end === 'clients' ? hubAddress : nodeAddress(end))

function inside(namespace: string, ...commands: string[]): void {
  for (const command of commands) ip('-n', namespace, ...command.split(' '))
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
}
