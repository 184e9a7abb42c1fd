/** Where commands print: for people, or with `--json` one JSON object a line. */
export interface Output {
  readonly isJson: boolean
  /** One fact: `  name   value` for people, `{"event": name, ...facts}` for programs. */
  step(name: string, text: string, facts?: Readonly<Record<string, unknown>>): void
  /** Rows under headings; for programs an array. */
  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[], facts: unknown): void
  /** Several facts of one thing. */
  details(facts: Readonly<Record<string, unknown>>): void
  /** A plain line for people; nothing for programs. */
  line(text?: string): void
  /** The final object for programs; nothing for people. */
  json(value: unknown): void
}

export function createOutput(isJson: boolean, write: (text: string) => void = (text) => process.stdout.write(text)): Output {
  return isJson ? jsonOutput(write) : humanOutput(write)
}

function humanOutput(write: (text: string) => void): Output {
  return {
    isJson: false,
    step: (name, text) => write(`  ${name.padEnd(12)}${text}\n`),
    table: (headings, rows) => {
      if (rows.length === 0) return
      const all = [headings, ...rows].map((row) => row.map(String))
      const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
      for (const row of all)
        write(`  ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join('  ')}`.trimEnd().concat('\n'))
    },
    details: (facts) => {
      const width = Math.max(...Object.keys(facts).map((name) => name.length)) + 2
      for (const [name, value] of Object.entries(facts)) write(`  ${name.padEnd(width)}${shown(value)}\n`)
    },
    line: (text = '') => write(`${text}\n`),
    json: () => {},
  }
}

function jsonOutput(write: (text: string) => void): Output {
  const print = (value: unknown) => write(`${JSON.stringify(value)}\n`)
  return {
    isJson: true,
    step: (name, _text, facts = {}) => print({ event: name, ...facts }),
    table: (_headings, _rows, facts) => print(facts),
    details: (facts) => print(facts),
    line: () => {},
    json: print,
  }
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join(', ')
  if (value !== null && typeof value === 'object') return JSON.stringify(value)
  return value === undefined || value === null ? 'none' : String(value)
}
