import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Network } from '../support/network-faults.ts'
import { makeNamespaces, NamespaceNetwork, whyNoNamespaces } from '../support/network-namespaces.ts'
import { ProxyNetwork } from '../support/network-proxies.ts'

/** How a program gets its network: `namespaces` unless said, and `proxies` where those are not allowed. */
export type NetworkKind = Network['kind']

/**
 * Runs a compiled program of this project inside a network of its own, and answers its exit code. The program gets its arguments, and opens
 * the network by `networkHere`.
 * @param size nodes in it
 * @param say told in a sentence when the network is another one than was asked for
 */
export async function runInNetwork(
  kind: NetworkKind,
  size: number,
  program: URL,
  args: readonly string[],
  say: (text: string) => void,
): Promise<number> {
  const command = [process.execPath, fileURLToPath(program), ...args]
  const why = kind === 'namespaces' ? whyNoNamespaces() : undefined
  if (why !== undefined) say(`network namespaces are not allowed here (${why}): the nodes run on loopback, with TCP proxies between them`)
  if (kind === 'proxies' || why !== undefined) return await run(command, [])
  const namespaces = makeNamespaces(size)
  try {
    return await run(['ip', 'netns', 'exec', `${namespaces.prefix}-hub`, ...command], ['--inside', namespaces.prefix])
  } finally {
    namespaces.remove()
  }
}

/** The network that `runInNetwork` put this program into. */
export async function networkHere(size: number, args: readonly string[]): Promise<Network> {
  const { values } = parseArgs({ args: [...args], options: { inside: { type: 'string' } }, strict: false })
  return typeof values.inside === 'string' ? new NamespaceNetwork(values.inside, size) : await ProxyNetwork.open()
}

/** Signals reach the program, which ends in good order; what is made around it goes when it has ended. */
async function run([command = '', ...args]: readonly string[], more: readonly string[]): Promise<number> {
  const child = spawn(command, [...args, ...more], { stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 1
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass)
  }
}
