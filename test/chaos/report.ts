import type { Event, History } from '../support/history.ts'
import type { FaultSeen } from './chaos-run.ts'
import type { KeyInput } from './key-model.ts'

/** All faults of one kind. Milliseconds; undefined where nothing tells. */
export interface FaultRow {
  readonly kind: string
  readonly times: number
  /** The longest time without an answer from a node that the fault was not to concern. */
  readonly elsewhere: number | undefined
  /** The longest time without an answer to the clients that fail over among the nodes. */
  readonly failingOver: number
  /** From the end of the fault until the last node answered again, at most. */
  readonly back: number
}

/** How one operation ended, over all of a run. */
export interface OperationRow {
  readonly operation: string
  readonly granted: number
  readonly refused: number
  /** Certainly without effect: a node that could not serve said so, or was not reached. */
  readonly nothing: number
  readonly unknown: number
}

export function faultRows(faults: readonly FaultSeen[], history: History<KeyInput>, nodes: readonly number[]): FaultRow[] {
  const answers = history.events.filter(({ outcome }) => outcome === 'answered')
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort()
  return kinds.map((kind) => {
    const all = faults.filter((fault) => fault.kind === kind)
    const elsewhere = all.flatMap((fault) =>
      nodes
        .filter((node) => !fault.affected.includes(node))
        .map((node) =>
          longestGap(
            answers.filter((event) => event.node === node),
            fault,
          ),
        ),
    )
    return {
      kind,
      times: all.length,
      elsewhere: elsewhere.length === 0 ? undefined : Math.max(...elsewhere),
      failingOver: Math.max(
        ...all.map((fault) =>
          longestGap(
            answers.filter(({ node }) => node === undefined),
            fault,
          ),
        ),
      ),
      back: Math.max(...all.map(({ healed, over }) => over - healed)),
    }
  })
}

/** The longest time between two answers while a fault lasted or had not been got over. */
function longestGap(answers: readonly Event<KeyInput>[], { began, over }: FaultSeen): number {
  const times = answers.map(({ completed }) => completed).filter((time) => time >= began && time <= over)
  const marks = [began, ...times.sort((a, b) => a - b), over]
  return Math.max(...marks.slice(1).map((time, index) => time - (marks[index] as number)))
}

/** Result Reasons and states are words of capitals and small letters without blanks; a grant is what is none of the refusals. */
export function operationRows({ events }: History<KeyInput>): OperationRow[] {
  const operations = [...new Set(events.map(({ input }) => input.do))].sort()
  return operations.map((operation) => {
    const own = events.filter(({ input }) => input.do === operation)
    const count = (test: (event: Event<KeyInput>) => boolean) => own.filter(test).length
    const isRefusal = ({ answer = '' }: Event<KeyInput>) => refusals.has(answer)
    return {
      operation,
      granted: count((event) => event.outcome === 'answered' && !isRefusal(event)),
      refused: count((event) => event.outcome === 'answered' && isRefusal(event)),
      nothing: count(({ outcome }) => outcome === 'nothing'),
      unknown: count(({ outcome }) => outcome === 'unknown'),
    }
  })
}

const refusals = new Set(['NonUniqueNameAttribute', 'ObjectDestroyed', 'ObjectNotFound', 'PermissionDenied', 'WrongKeyLifecycleState'])

/** As a Markdown table, which also reads well on a terminal. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const all = [headings, ...rows.map((row) => row.map(String))]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(headings), rule, ...rows.map((row) => line(row.map(String)))].join('\n')
}

export function faultTable(rows: readonly FaultRow[]): string {
  const shown = (milliseconds: number | undefined) => (milliseconds === undefined ? '-' : (milliseconds / 1000).toFixed(1))
  return table(
    ['fault', 'times', 'no answer at another node, s', 'no answer to who fails over, s', 'all back after its end, s'],
    rows.map(({ kind, times, elsewhere, failingOver, back }) => [kind, times, shown(elsewhere), shown(failingOver), shown(back)]),
  )
}

export function operationTable(rows: readonly OperationRow[]): string {
  return table(
    ['operation', 'granted', 'refused', 'without effect', 'outcome unknown'],
    rows.map(({ operation, granted, refused, nothing, unknown }) => [operation, granted, refused, nothing, unknown]),
  )
}
