import { type CaseResult, type Exchange, Memory, runCase } from './run-case.ts'
import { seriesOf, type TestCase } from './test-case.ts'

/** A case that was not run: it uses operations that the server does not list in Query. */
export interface WaitingCase {
  readonly name: string
  readonly outcome: 'waiting'
  readonly operations: readonly string[]
}

export type Result = CaseResult | WaitingCase

/** A client of the server under test, in a key space of its own. */
export interface SeriesClient {
  readonly exchange: Exchange
  close(): void
}

export interface RunOptions {
  /** What the server says it can do, as Query names it. */
  readonly served: ReadonlySet<string>
  /** A client for a series of cases; series do not see each other's objects where the server can keep them apart. */
  readonly open: (series: string) => Promise<SeriesClient>
  readonly onResult: (result: Result) => void
}

/** Runs cases series by series, in the order of their numbers. */
export async function runCases(cases: readonly TestCase[], { served, open, onResult }: RunOptions): Promise<Result[]> {
  const results: Result[] = []
  const report = (result: Result) => {
    results.push(result)
    onResult(result)
  }
  for (const [series, members] of bySeries(cases)) {
    const missing = (each: TestCase) => [...each.operations].filter((operation) => !served.has(operation))
    const runnable = members.filter((each) => missing(each).length === 0)
    for (const each of members) if (!runnable.includes(each)) report({ name: each.name, outcome: 'waiting', operations: missing(each) })
    if (runnable.length === 0) continue
    const client = await open(series)
    const memory = new Memory()
    for (const each of runnable) report(await runCase(each, client.exchange, memory))
    client.close()
  }
  return results
}

function bySeries(cases: readonly TestCase[]): Map<string, TestCase[]> {
  const groups = new Map<string, TestCase[]>()
  for (const each of cases) {
    const { series } = seriesOf(each.name)
    const group = groups.get(series) ?? []
    group.push(each)
    groups.set(series, group)
  }
  for (const group of groups.values()) group.sort((a, b) => seriesOf(a.name).number - seriesOf(b.name).number)
  return groups
}
