import type { Aim } from './cluster-table.ts'
import type { HsmReport, HsmRow, Measured } from './hsm.bench.ts'

const headings = [
  'operation',
  'connections',
  'software ops/s',
  'token ops/s',
  'of software',
  'module ops/s',
  'of module',
  'software p50, p99 ms',
  'token p50, p99 ms',
  'software CPU us',
  'token CPU us, worker + hsm',
]
const rate = (value: number) => Math.round(value).toLocaleString('en-US')
const times = ({ p50, p99 }: { readonly p50: number; readonly p99: number }) => `${p50.toFixed(2)}, ${p99.toFixed(2)}`
const cpu = (value: number) => value.toFixed(0)
const tokenCpu = ({ workerCpu, hsmCpu }: Measured) => `${cpu(workerCpu)} + ${cpu(hsmCpu)}`

function cellsOf({ operation, connections, software, token, module }: HsmRow): string[] {
  return [
    operation,
    String(connections),
    rate(software.rate),
    rate(token.rate),
    (token.rate / software.rate).toFixed(2),
    rate(module.rate),
    (token.rate / module.rate).toFixed(2),
    times(software),
    times(token),
    cpu(software.workerCpu),
    tokenCpu(token),
  ]
}

export function plainHsmRow(row: HsmRow | 'headings'): string {
  const [operation = '', ...cells] = row === 'headings' ? headings : cellsOf(row)
  return `${operation.padEnd(14)}${cells.map((cell, index) => cell.padStart((headings[index + 1] as string).length + 2)).join('')}`
}

export function hsmMarkdown(rows: readonly HsmRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map((row) => line(cellsOf(row)))].join(
    '\n',
  )
}

/** What is asked of a partition on a token, as ratios within one run. */
export function hsmAims({ rows, held, slow }: HsmReport): readonly Aim[] {
  const { sessions, many, single, module, softwareAlone, softwareBeside } = slow
  return [
    ...rows
      .filter(({ operation }) => operation === 'Encrypt 64 B')
      .map(({ connections, software, token }) => ({
        what: `Encrypt 64 B rate at ${connections} connections, of the software partition`,
        wanted: 'at least 0.5',
        measured: token.rate / software.rate,
      })),
    {
      what: `with 1 ms added to each call: calls a second at 64 connections, of ${sessions} sessions / 1 ms`,
      wanted: 'at least 0.8',
      measured: (many.rate * 2) / (sessions * 1000),
    },
    {
      what: 'the same, of sessions / what a call of the module took by itself',
      wanted: 'no aim',
      measured: many.rate / (sessions * module.rate),
    },
    {
      what: 'p99 of Encrypt with a held key, in the hsm process, of the module',
      wanted: 'at most 2',
      measured: held.partition.p99 / held.module.p99,
    },
    { what: 'the same, 1 ms added to each call, over KMIP', wanted: 'at most 2', measured: single.p99 / module.p99 },
    {
      what: 'p50 of a software tenant beside 64 connections of that device, of p50 alone',
      wanted: 'at most 2',
      measured: softwareBeside.p50 / softwareAlone.p50,
    },
    { what: 'the same, p99', wanted: 'no aim', measured: softwareBeside.p99 / softwareAlone.p99 },
  ]
}
