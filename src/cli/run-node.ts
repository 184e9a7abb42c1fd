import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { type AdminServer, callAdmin, type NodeStatus } from '../admin/index.ts'
import type { Config, HostPort } from '../config.ts'
import { type RunningNode, startNode } from '../main.ts'
import { dataFolder } from '../node-files.ts'
import { administer } from './administer.ts'
import { askPassphrase } from './ask-passphrase.ts'
import { CommandError } from './command.ts'
import { checkCertificate, checkExposure } from './exposure.ts'
import { addressText, shownPath } from './place.ts'

/** A node with its admin API, until it is told to end. */
export interface ServedNode {
  readonly node: RunningNode
  /** HOST:PORT of the KMIP ports, with the numbers that were had. */
  readonly kmip: readonly string[]
  /** Resolves when SIGTERM or SIGINT came and everything is closed. */
  readonly ended: Promise<void>
  /** Ends it as a signal would. */
  stop(): Promise<void>
}

/** Starts a node and its admin API. @throws CommandError and Error that say what is in the way */
export async function runNode(config: Config, choices: { readonly insecure: boolean }): Promise<ServedNode> {
  checkCertificate(config)
  if (!choices.insecure) checkExposure(config)
  await refuseSecond(config.data)
  if (existsSync(dataFolder(config).rootChange))
    throw new CommandError(`a change of the root secret was begun in ${shownPath(config.data)}; finish it: tresor root change`)
  for (const address of [...config.listen.kmip, ...config.listen.https]) await checkFree(address)
  const node = await startNode(withListenedHosts(config), { askPassphrase })
  let admin: AdminServer
  try {
    admin = await administer(node)
  } catch (error) {
    await node.stop(0)
    throw error
  }
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= admin.close().then(() => node.stop())
    return stopping
  }
  const kmip = config.listen.kmip.map((address, index) =>
    addressText({ host: address.host, port: node.processes.ports[index === 0 ? 'kmip' : `kmip${index + 1}`] ?? address.port }),
  )
  return { node, kmip, stop, ended: untilSignal().then(stop) }
}

/** The certificate that Tresor issues names the addresses that it listens at, too. */
function withListenedHosts(config: Config): Config {
  const listened = [...config.listen.kmip, ...config.listen.https]
    .map(({ host }) => host)
    .filter((host) => host !== '0.0.0.0' && host !== '::')
  return { ...config, tls: { ...config.tls, hosts: [...new Set([...config.tls.hosts, ...listened])] } }
}

/** @throws CommandError when a node runs on this folder */
export async function refuseSecond(data: string): Promise<void> {
  const running = await (callAdmin(data, 'node.status') as Promise<NodeStatus>).catch(() => undefined)
  if (running === undefined) return
  const where = running.kmip[0] ?? 'no address'
  throw new CommandError(
    `a node runs on ${shownPath(data)} already: process ${running.pid}, at ${where}. Use that one, stop it, or name another folder: --data DIR`,
  )
}

/** @throws CommandError when the address cannot be had, saying what to do */
export async function checkFree(address: HostPort): Promise<void> {
  const code = await whyTaken(address)
  if (code === undefined) return
  const shown = addressText(address)
  switch (code) {
    case 'EADDRINUSE':
      throw new CommandError(
        `${shown} is in use by another program; stop that one, or choose another: --listen ${addressText({ ...address, port: address.port + 4 })}`,
      )
    case 'EACCES':
      throw new CommandError(
        `${shown} may not be used by this user (ports below 1024 are the superuser's); choose another: --listen ${address.host}:5696`,
      )
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      throw new CommandError(`${shown} is no address of this machine; choose another: --listen 127.0.0.1:5696`)
    default:
      throw new CommandError(`${shown} cannot be listened at (${code}); choose another: --listen HOST:PORT`)
  }
}

/** The error's code when an address cannot be listened at now. */
export function whyTaken({ host, port }: HostPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}

/** The second signal ends the process at once. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      process.once('SIGINT', () => process.exit(130))
      process.once('SIGTERM', () => process.exit(143))
      resolve()
    }
    process.once('SIGTERM', end)
    process.once('SIGINT', end)
  })
}
