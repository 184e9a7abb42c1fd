import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { between, type LinkRule, type Network } from '../support/network-faults.ts'
import { makeNamespaces, NamespaceNetwork, whyNoNamespaces } from '../support/network-namespaces.ts'
import { ProxyNetwork } from '../support/network-proxies.ts'

const everyNode = [0, 1, 2] as const
const everyLine = everyNode.flatMap((from) => everyNode.filter((to) => to !== from).map((to) => `${from}>${to}`))

const cases: readonly { readonly name: string; readonly rules: readonly LinkRule[]; readonly lost: readonly string[] }[] = [
  { name: 'no rule', rules: [], lost: [] },
  { name: 'one node cut off', rules: between([1], [0, 2], { loss: 1 }), lost: ['1>0', '1>2', '0>1', '2>1'] },
  { name: 'one direction of one line', rules: [{ from: 0, to: 2, loss: 1 }], lost: ['0>2'] },
  { name: 'two at once', rules: [{ from: 0, to: 2, loss: 1 }, ...between([1], [2], { loss: 1 })], lost: ['0>2', '1>2', '2>1'] },
]

test.serial('what a run has for a network loses what the rules say, and nothing else', async (t) => {
  const why = whyNoNamespaces()
  if (why === undefined) return await overNamespaces(t)
  t.log(`network namespaces are not allowed here (${why}): a run has relays in their place`)
  await overRelays(t)
})

test.serial('relays on loopback lose what the rules say, and nothing else', overRelays)

async function overNamespaces(t: ExecutionContext): Promise<void> {
  const namespaces = makeNamespaces(everyNode.length)
  t.teardown(() => namespaces.remove())
  const network = new NamespaceNetwork(namespaces.prefix, everyNode.length)
  await loseByRules(t, network, 'udp', (index) => ({ host: network.place(index).host, port: 7000 }))
}

async function overRelays(t: ExecutionContext): Promise<void> {
  const ports = await freePorts(everyNode.length)
  const network = await ProxyNetwork.open()
  t.teardown(() => network.close())
  await loseByRules(t, network, 'tcp', (index) => ({ host: '127.0.0.1', port: ports[index] as number }))
}

interface Address {
  readonly host: string
  readonly port: number
}

async function loseByRules(t: ExecutionContext, network: Network, protocol: 'udp' | 'tcp', addressOf: (index: number) => Address) {
  const heard = new Set<string>()
  const children = await Promise.all(
    everyNode.map(async (index) => {
      const peers = everyNode.filter((other) => other !== index).map(addressOf)
      const child = startChild(network, index, { protocol, name: String(index), ...addressOf(index), peers })
      t.teardown(() => child.kill('SIGKILL'))
      child.on('message', (message: { readonly heard?: string }) => {
        const [from, round] = message.heard?.split(' ') ?? []
        if (from !== undefined) heard.add(`${round} ${from}>${index}`)
      })
      await once(child, 'message')
      return child
    }),
  )
  /** The lines on which a word came through. */
  const linesIn = async (round: string, expected: readonly string[]) => {
    for (const child of children) child.send(round)
    const came = () => everyLine.filter((line) => heard.has(`${round} ${line}`))
    for (let tries = 0; tries < 1200 && came().length < expected.length; tries++) await sleep(50)
    // What should be lost is given time to come all the same.
    await sleep(100)
    return came()
  }
  // Connections are made, and relays are there.
  t.deepEqual(await linesIn('first', everyLine), everyLine)
  for (const [index, { name, rules, lost }] of cases.entries()) {
    const heal = await network.impose(rules)
    const expected = everyLine.filter((line) => !lost.includes(line))
    t.deepEqual(await linesIn(`during-${index}`, expected), expected, name)
    await heal()
    t.deepEqual(await linesIn(`after-${index}`, everyLine), everyLine, `after: ${name}`)
  }
}

const program = fileURLToPath(new URL('../support/hearing-child.js', import.meta.url))

function startChild(network: Network, index: number, setup: object): ChildProcess {
  const { launch } = network.place(index) as { launch: { under?: readonly string[]; environment?: Record<string, string> } }
  const [command = process.execPath, ...args] = [...(launch.under ?? []), process.execPath]
  return spawn(command, [...args.slice(launch.under === undefined ? 1 : 0), program, JSON.stringify(setup)], {
    env: { ...process.env, ...launch.environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}
