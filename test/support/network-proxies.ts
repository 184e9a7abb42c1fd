import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { findEtcd } from '../../src/cluster/index.ts'
import type { LinkRule, Network } from './network-faults.ts'
import { ProxiedDirection } from './proxied-direction.ts'

/**
 * Nodes on loopback whose etcd members are reached through relays of this process, by other members and by nodes. Each node is given an `etcd` that
 * listens at an address of its own, 127.77.0.x, so that a relay can stand where the others look for it; who connects is known by the
 * socket's owner.
 */
export class ProxyNetwork implements Network {
  readonly kind = 'proxies'
  readonly reachesClients = false
  readonly limits = [
    'lines are TCP relays: what is lost arrives late, when the line is good again, as if it had been sent anew',
    'the lines between nodes and clients are always good',
  ]
  readonly #folder: string
  readonly #servers = new Map<string, Server>()
  readonly #directions = new Set<ProxiedDirection>()
  readonly #rules = new Set<LinkRule>()
  /** Processes of nodes that were seen, so that not all of the machine's are looked at for every connection. */
  readonly #nodesByPid = new Map<string, number>()
  readonly #look: NodeJS.Timeout

  private constructor(folder: string) {
    this.#folder = folder
    this.#look = setInterval(() => this.#openNew(), lookEvery).unref()
  }

  static async open(): Promise<ProxyNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'tresor-proxies-'))
    const program = join(folder, 'etcd')
    const [etcd = ''] = [(await findEtcd()).path].map((path) => absolute(path))
    writeFileSync(program, movedEtcd(etcd))
    chmodSync(program, 0o700)
    return new ProxyNetwork(folder)
  }

  place(index: number) {
    const environment = {
      PATH: `${this.#folder}${delimiter}${process.env.PATH}`,
      [folderVariable]: this.#folder,
      TRESOR_PROXIES_NODE: String(index),
      TRESOR_PROXIES_HOST: hostOf(index),
    }
    return { host: '127.0.0.1', launch: { environment } }
  }

  async impose(rules: readonly LinkRule[]): Promise<() => Promise<void>> {
    for (const rule of rules) this.#rules.add(rule)
    this.#refresh()
    return async () => {
      for (const rule of rules) this.#rules.delete(rule)
      this.#refresh()
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#look)
    for (const direction of this.#directions) direction.end()
    for (const server of this.#servers.values()) server.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #refresh(): void {
    for (const direction of this.#directions) direction.refresh()
  }

  /** An etcd that starts leaves a file that tells its node and its port. */
  #openNew(): void {
    if (!existsSync(this.#folder)) return
    for (const name of readdirSync(this.#folder)) {
      const [, node, port] = /^(\d+)-(\d+)$/.exec(name) ?? []
      if (node === undefined || this.#servers.has(name)) continue
      const server = createServer((socket) => this.#relay(socket, Number(node), Number(port)))
      server.listen(Number(port), '127.0.0.1')
      this.#servers.set(name, server)
    }
  }

  #relay(caller: Socket, node: number, port: number): void {
    const from = nodeOfSocket(this.#folder, this.#nodesByPid, caller.remotePort ?? 0, port)
    const target = connect(port, hostOf(node))
    const directions = [
      new ProxiedDirection(caller, target, () => this.#quality(from, node)),
      new ProxiedDirection(target, caller, () => this.#quality(node, from)),
    ]
    for (const direction of directions) {
      this.#directions.add(direction)
      direction.onEnd = () => this.#directions.delete(direction)
    }
  }

  #quality(from: number | undefined, to: number | undefined) {
    const rules = [...this.#rules].filter((rule) => rule.from === from && rule.to === to)
    return { loss: Math.max(0, ...rules.map(({ loss = 0 }) => loss)), delay: Math.max(0, ...rules.map(({ delay = 0 }) => delay)) }
  }
}

const hostOf = (node: number) => `127.77.0.${11 + node}`
const lookEvery = 10
const folderVariable = 'TRESOR_PROXIES'

function absolute(program: string): string {
  if (program.startsWith('/')) return program
  const found = (process.env.PATH ?? '').split(delimiter).find((folder) => existsSync(join(folder, program)))
  return join(found ?? '/usr/bin', program)
}

/** An etcd that listens elsewhere than it is told, and says where it was told to. */
const movedEtcd = (program: string) => `#!/bin/sh
for argument; do
  shift
  case $argument in
    --listen-peer-urls=https://127.0.0.1:* | --listen-client-urls=https://127.0.0.1:*)
      port=\${argument##*:}
      : > "$TRESOR_PROXIES/$TRESOR_PROXIES_NODE-$port"
      argument="\${argument%%=*}=https://$TRESOR_PROXIES_HOST:$port"
      ;;
  esac
  set -- "$@" "$argument"
done
exec ${program} "$@"
`

/** The node whose process has the socket with this port of its own; undefined for another program's, or one that has ended. */
function nodeOfSocket(folder: string, nodesByPid: Map<string, number>, localPort: number, remotePort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(([, local = '', remote = '']) => local.endsWith(`:${hex(localPort)}`) && remote.endsWith(`:${hex(remotePort)}`))
  const inode = line?.[9]
  if (inode === undefined) return undefined
  const isOwner = (pid: string) => openFilesOf(pid).includes(`socket:[${inode}]`)
  const owner = [...nodesByPid.keys()].find(isOwner) ?? newPids(folder, nodesByPid).find(isOwner)
  return owner === undefined ? undefined : nodesByPid.get(owner)
}

/** Processes of nodes that are not known yet; from now on they are. */
function newPids(folder: string, nodesByPid: Map<string, number>): string[] {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !nodesByPid.has(name))
  return found.filter((pid) => {
    const environment = environmentOf(pid)
    if (!environment.includes(`${folderVariable}=${folder}`)) return false
    nodesByPid.set(pid, Number(environment.find((entry) => entry.startsWith('TRESOR_PROXIES_NODE='))?.split('=')[1]))
    return true
  })
}

/** What its file descriptors are; those that are closed meanwhile are left out. */
function openFilesOf(pid: string): readonly string[] {
  const folder = `/proc/${pid}/fd`
  const names = attempt(() => readdirSync(folder)) ?? []
  return names.flatMap((name) => attempt(() => readlinkSync(join(folder, name))) ?? [])
}

function environmentOf(pid: string): readonly string[] {
  return attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')) ?? []
}

/** Undefined when the process, or the file of it, has gone. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
