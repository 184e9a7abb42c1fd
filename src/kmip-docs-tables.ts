import { isWithin, servedVersions, type Version } from '../spec/versions.ts'

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** `all`, `1.2 on`, `1.0 to 1.4`: the versions served that know a row. */
export function span({ since, until }: { readonly since: Version; readonly until?: Version }): string {
  const [newest] = servedVersions
  const last = until === undefined || !isWithin(until, '1.0', newest) ? newest : until
  if (last !== newest) return since === last ? since : `${since} to ${last}`
  if (since === newest) return newest
  return since === servedVersions.at(-1) ? 'all' : `${since} on`
}
