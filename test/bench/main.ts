import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type ScratchNode, startScratchNode } from '../../src/cli/scratch-node.ts'
import { Connection, type Credentials, type Endpoint } from '../../src/client/index.ts'
import { parseResponse } from '../../src/messages/index.ts'
import { type Cell, changeCells, keyCells, locateCell, success } from './cells.ts'
import { benchCluster } from './cluster.bench.ts'
import { type Aim, aimsOf, clusterMarkdown, plainClusterRow } from './cluster-table.ts'
import { benchCodec } from './codec.bench.ts'
import { fill } from './fill.ts'
import { benchHsm } from './hsm.bench.ts'
import { hsmAims, hsmMarkdown, plainHsmRow } from './hsm-table.ts'
import type { LoadResult } from './load.ts'
import { privateMemory, runLoad, startEcho } from './processes.ts'
import { pykmipCells, pykmipProblem, startPykmip } from './pykmip.ts'
import { benchStore } from './store.bench.ts'
import { cellsOf, headings, markdown, plain, type Row } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
    only: { type: 'string' },
    cluster: { type: 'boolean' },
    hsm: { type: 'boolean' },
  },
})
const isQuick = values.quick === true
const duration = isQuick ? 1_000 : 2_000
const warmUp = 700
const connectionCounts = isQuick ? [1, 16] : [1, 16, 64]
const populations = isQuick ? [1_000, 100_000] : [1_000, 100_000, 1_000_000]

const rows: Row[] = []
const facts: Record<string, unknown> = {}
const say = (text: string) => {
  if (values.json !== true && values.markdown !== true) process.stdout.write(`${text}\n`)
}

if (values.cluster === true) {
  await runCluster()
  process.exit(0)
}
if (values.hsm === true) {
  await runHsm()
  process.exit(0)
}

const folder = mkdtempSync(join(tmpdir(), 'tresor-bench-'))
const node = await startScratchNode(1)
try {
  await run(node)
} finally {
  await node.remove()
  rmSync(folder, { recursive: true, force: true })
}
if (values.json === true) process.stdout.write(`${JSON.stringify({ rows, facts })}\n`)
if (values.markdown === true) process.stdout.write(`${markdown(rows)}\n`)
process.exit(0)

async function runCluster(): Promise<void> {
  say(plainClusterRow('headings'))
  const measured = await benchCluster({ connections: isQuick ? [1, 64] : [1, 16, 64], duration, onRow: (row) => say(plainClusterRow(row)) })
  const aims = aimsOf(measured)
  sayAims(aims)
  if (values.json === true) process.stdout.write(`${JSON.stringify({ rows: measured, aims })}\n`)
  if (values.markdown === true) process.stdout.write(`${clusterMarkdown(measured)}\n`)
}

async function runHsm(): Promise<void> {
  say(plainHsmRow('headings'))
  const report = await benchHsm({
    connections: connectionCounts,
    duration,
    only: values.only ?? '',
    onRow: (row) => say(plainHsmRow(row)),
  })
  const aims = hsmAims(report)
  sayAims(aims)
  if (values.json === true) process.stdout.write(`${JSON.stringify({ ...report, aims })}\n`)
  if (values.markdown === true) process.stdout.write(`${hsmMarkdown(report.rows)}\n`)
}

function sayAims(aims: readonly Aim[]): void {
  say('')
  for (const { what, wanted, measured } of aims) say(`  ${measured.toFixed(2).padStart(7)}  ${what} (${wanted})`)
}

async function run(server: ScratchNode): Promise<void> {
  facts.startSeconds = await startTime()
  facts.memoryEmpty = memory(server)
  say(`start ${facts.startSeconds} s; private memory, MiB: ${JSON.stringify(facts.memoryEmpty)}\n`)
  say(plain(headings))
  const credentials = await server.addTenant('bench')
  await measure(server, credentials, [...(await keyCells(server.endpoint, credentials)), ...changeCells()])

  const many = await server.addTenant('many')
  let made = 0
  for (const count of populations) {
    say(`filling the store to ${count} keys`)
    await fill(server.node, 'many', made, count, () => {})
    made = count
    await measure(server, many, [locateCell(count)])
  }
  facts.memoryFull = { keys: made, ...memory(server) }
  say(`\nprivate memory at ${made} keys, MiB: ${JSON.stringify(memory(server))}`)
  facts.store = (await benchStore(1, [1_000])).filter(({ name }) => /commit|write|sync/i.test(name))
  say('\nthe ledger alone')
  for (const row of facts.store as { name: string; opsPerSecond: number }[])
    say(`  ${row.name.padEnd(48)}${Math.round(row.opsPerSecond)}/s`)
  facts.codec = benchCodec()
  say('\nthe codec alone')
  for (const row of facts.codec as { name: string; microseconds: number }[])
    say(`  ${row.name.padEnd(48)}${row.microseconds.toFixed(2)} us`)
}

/** Every cell at every number of connections: server, echo of the same sizes, PyKMIP where it has the operation. */
async function measure(server: ScratchNode, credentials: Credentials, cells: readonly Cell[]): Promise<void> {
  const chosen = cells.filter(({ name }) => name.includes(values.only ?? ''))
  if (chosen.length === 0) return
  const pykmip = await pykmipResults(server, credentials, chosen)
  for (const cell of chosen) {
    const echo = await startEcho(serverFiles(server, credentials), await answerLength(server.endpoint, credentials, cell))
    for (const connections of connectionCounts) {
      const floor = await loadOf({ host: '127.0.0.1', port: echo.port }, credentials, { ...cell, mark: Buffer.alloc(0) }, connections)
      const measured = await loadOf(server.endpoint, credentials, cell, connections)
      if (measured.failures > 0) throw new Error(`${cell.name}: ${measured.failures} of ${measured.requests} answers were no success`)
      const row = { operation: cell.name, connections, server: measured, echo: floor, pykmip: pykmip.get(`${cell.name} ${connections}`) }
      rows.push(row)
      say(plain(cellsOf(row)))
    }
    echo.stop()
  }
}

async function pykmipResults(server: ScratchNode, credentials: Credentials, cells: readonly Cell[]): Promise<Map<string, LoadResult>> {
  const results = new Map<string, LoadResult>()
  const problem = pykmipProblem()
  if (problem !== undefined) {
    say(`without PyKMIP: ${problem}`)
    return results
  }
  const peer = await startPykmip(serverFiles(server, credentials))
  try {
    for (const cell of await pykmipCells(peer.endpoint, credentials, new Set(cells.map(({ name }) => name)))) {
      for (const connections of connectionCounts.filter((count) => count <= 16)) {
        results.set(`${cell.name} ${connections}`, await loadOf(peer.endpoint, credentials, cell, connections))
      }
    }
  } catch (error) {
    say(`without PyKMIP: ${(error as Error).message}`)
  } finally {
    peer.stop()
  }
  return results
}

function loadOf(endpoint: Endpoint, { ca, cert, key }: Credentials, cell: Cell, connections: number): Promise<LoadResult> {
  const bundle = { authority: String(ca), certificate: String(cert), privateKey: String(key) }
  const frames = cell.frames.map((frame) => Buffer.from(frame).toString('base64'))
  const mark = cell.mark.length === 0 ? {} : { mark: Buffer.from(cell.mark).toString('base64') }
  return runLoad({ port: endpoint.port, bundle, frames, ...mark, connections, warmUp, duration })
}

async function answerLength(endpoint: Endpoint, credentials: Credentials, cell: Cell): Promise<number> {
  const connection = await Connection.open(endpoint, credentials)
  try {
    const answer = await connection.exchange(cell.frames[0] as Uint8Array)
    if (!Buffer.from(answer).includes(success)) throw new Error(`${cell.name}: ${JSON.stringify(parseResponse(answer).items)}`)
    return answer.length
  } finally {
    connection.close()
  }
}

function serverFiles(server: ScratchNode, { ca }: Credentials): [string, string, string] {
  const authority = join(folder, 'ca.pem')
  writeFileSync(authority, ca)
  const own = join(server.data, 'pki', 'server')
  return [join(own, 'cert.pem'), join(own, 'key.pem'), authority]
}

function memory(server: ScratchNode): Record<string, number> {
  const pids = { ...server.pids() }
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, privateMemory(pid)]))
}

/** Seconds from the start of a second `tresor start` on a folder to its ready line: the first makes what the second finds. */
async function startTime(): Promise<number> {
  const data = join(folder, 'start')
  await started(data)
  return started(data)
}

function started(data: string): Promise<number> {
  const began = performance.now()
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../support/tresor-program.js', import.meta.url)), 'start', '--data', data, '--listen', '127.0.0.1:0', '--json'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return new Promise((resolve, reject) => {
    let text = ''
    let seconds: number | undefined
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (seconds !== undefined || !text.includes('"ready"')) return
      seconds = Math.round((performance.now() - began) / 10) / 100
      child.kill('SIGTERM')
    })
    child.on('exit', () => (seconds === undefined ? reject(new Error(`tresor start did not become ready: ${text}`)) : resolve(seconds)))
  })
}
