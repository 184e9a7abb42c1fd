import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { servedVersions } from '../../spec/versions.ts'
import { Client, Connection, type Credentials, type Endpoint } from '../client/index.ts'
import { type Result, readFolder, runCases, type SeriesClient } from '../conformance/index.ts'
import { CommandError, flagOption, type Invocation, textOption, UsageError } from './command.ts'
import type { Output } from './output.ts'
import { startScratchNode } from './scratch-node.ts'

/** The server under test, and how a client of it is had. */
interface Target {
  readonly endpoint: Endpoint
  /** Credentials for a key space of their own where the server can be asked for one. */
  readonly credentialsFor: (series: string) => Promise<Credentials>
  close(): Promise<void>
}

/** What `conformance` does. */
export async function runConformance(invocation: Invocation): Promise<void> {
  const { output } = invocation
  const folder = resolve(textOption(invocation, 'cases') ?? './shared/oasis')
  if (!existsSync(folder))
    throw new CommandError(`the cases are not at ${folder}; get OASIS's XML cases and say where they are: --cases DIR`)
  const { cases, unreadable } = readFolder(folder, new Set<string>(servedVersions))
  const only = textOption(invocation, 'only') ?? ''
  const chosen = cases.filter(({ name }) => name.includes(only))
  if (chosen.length === 0) throw new CommandError(`no case at ${folder} has a path that holds "${only}"`)
  for (const { name, problem } of unreadable) output.step('unreadable', problem, { name, problem })
  const target = await targetOf(invocation)
  try {
    const served = await servedOperations(target)
    const results = await runCases(chosen, {
      served,
      open: (series) => openClient(target, series),
      onResult: (result) => show(output, result, flagOption(invocation, 'responses')),
    })
    conclude(output, results)
  } finally {
    await target.close()
  }
}

async function targetOf(invocation: Invocation): Promise<Target> {
  const server = textOption(invocation, 'server')
  const bundle = textOption(invocation, 'bundle')
  if (server === undefined) return scratchTarget()
  if (bundle === undefined) throw new UsageError('--server needs --bundle DIR: whom the server believes')
  const [host, port] = splitAddress(server)
  const read = (file: string) => readFileSync(join(bundle, file))
  const credentials = { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
  return { endpoint: { host, port }, credentialsFor: async () => credentials, close: async () => {} }
}

async function scratchTarget(): Promise<Target> {
  const node = await startScratchNode()
  let tenants = 0
  return { endpoint: node.endpoint, credentialsFor: () => node.addTenant(`series-${++tenants}`), close: () => node.remove() }
}

function splitAddress(text: string): [string, number] {
  const at = text.lastIndexOf(':')
  const port = Number(text.slice(at + 1))
  if (at <= 0 || !Number.isInteger(port)) throw new UsageError(`--server takes HOST:PORT, not ${text}`)
  return [text.slice(0, at), port]
}

async function servedOperations(target: Target): Promise<ReadonlySet<string>> {
  const client = new Client({ endpoints: [target.endpoint], ...(await target.credentialsFor('query')) })
  try {
    const { operations } = await client.call('Query', { queryFunctions: ['QueryOperations'] })
    return new Set<string>(operations)
  } finally {
    client.close()
  }
}

async function openClient(target: Target, series: string): Promise<SeriesClient> {
  const connection = await Connection.open(target.endpoint, await target.credentialsFor(series))
  return { exchange: (frame) => connection.exchange(frame), close: () => connection.close() }
}

function show(output: Output, result: Result, isWithResponse: boolean): void {
  if (result.outcome === 'passed') output.step('passed', result.name, { name: result.name })
  else if (result.outcome === 'waiting') output.step('waits', `${result.name} for ${result.operations.join(', ')}`, { ...result })
  else {
    output.step('FAILED', `${result.name}, step ${result.step}`, { ...result })
    for (const difference of result.differences) output.line(`              ${difference}`)
    if (isWithResponse && result.response !== undefined) output.line(result.response)
  }
}

function conclude(output: Output, results: readonly Result[]): void {
  const count = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome).length
  const counts = { passed: count('passed'), failed: count('failed'), waiting: count('waiting') }
  output.line()
  output.line(`${counts.passed} passed, ${counts.failed} failed, ${counts.waiting} wait for operations that the server does not have`)
  output.json({ event: 'done', ...counts })
  if (counts.failed > 0) process.exitCode = 1
}
