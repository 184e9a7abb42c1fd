import { execFileSync, spawnSync } from 'node:child_process'

/**
 * Cuts a node on loopback off from other nodes: its processes run under a group of their own, and what that group sends to the others'
 * ports, or from its own ones to them, is dropped. The ports for clients and operators stay open.
 */
export class LoopbackCut {
  readonly #table = `tresor_cut_${process.pid}`
  readonly group: number
  readonly #ports: readonly number[]

  /** @param ports the etcd ports of all nodes, to which the group sends nothing while it is cut off. @throws Error saying what is missing */
  constructor(group: number, ports: readonly number[]) {
    this.group = group
    this.#ports = ports
    for (const program of ['nft', 'setpriv'])
      if (spawnSync(program, ['--version'], { env }).status !== 0)
        throw new Error(`${program} is missing: apt-get install ${program === 'nft' ? 'nftables' : 'util-linux'}, and run as the superuser`)
  }

  /** Before a node's own command line, so that it runs in the group. */
  get under(): readonly string[] {
    return ['setpriv', '--regid', String(this.group), '--clear-groups']
  }

  cut(): void {
    const ports = `{ ${this.#ports.join(', ')} }`
    nft(`add table inet ${this.#table}`)
    nft(`add chain inet ${this.#table} out { type filter hook output priority 0; }`)
    for (const end of ['dport', 'sport']) nft(`add rule inet ${this.#table} out meta skgid ${this.group} tcp ${end} ${ports} drop`)
  }

  heal(): void {
    spawnSync('nft', ['delete', 'table', 'inet', this.#table], { env })
  }
}

function nft(command: string): void {
  execFileSync('nft', [command], { env })
}

/** A package of npm has a program `nft` too, which `npx` and `npm` put first. */
const env = { ...process.env, PATH: `/usr/sbin:/sbin:/usr/bin:${process.env.PATH}` }
