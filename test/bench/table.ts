import type { LoadResult } from './load.ts'

/** One measured row at one number of connections. */
export interface Row {
  readonly operation: string
  readonly connections: number
  readonly server: LoadResult
  /** The bare echo of the same frame sizes. */
  readonly echo: LoadResult
  /** PyKMIP's server, where it has the operation. */
  readonly pykmip?: LoadResult | undefined
}

const thousands = (value: number) => (value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1))

/** The table of a run: rates are operations a second, times milliseconds. */
export function cellsOf(row: Row): string[] {
  const ratio = row.server.rate / row.echo.rate
  return [
    row.operation,
    String(row.connections),
    thousands(row.server.rate),
    row.server.p50.toFixed(2),
    row.server.p99.toFixed(2),
    thousands(row.echo.rate),
    ratio.toFixed(2),
    row.pykmip === undefined ? '' : `${Math.round(row.server.rate / row.pykmip.rate)}x`,
  ]
}

export const headings = ['operation', 'connections', 'ops/s', 'p50 ms', 'p99 ms', 'echo ops/s', 'of echo', 'PyKMIP']

export function markdown(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map((row) => line(cellsOf(row)))].join(
    '\n',
  )
}

export function plain(cells: readonly string[]): string {
  const widths = [22, 11, 9, 8, 8, 11, 8, 7]
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] as number) : cell.padStart(widths[index] as number))).join(' ')
}
