import type { Command, Invocation } from './command.ts'
import { createOutput } from './output.ts'

/** What a command told, by its steps' names. */
export type Told = Readonly<Record<string, unknown>>

/** Runs a command on a data folder within this process, printing nothing. Answers what it would have printed with `--json`. */
export async function runQuietly(
  command: Command,
  data: string,
  args: readonly string[] = [],
  options: Invocation['options'] = {},
): Promise<readonly Told[]> {
  const told: Told[] = []
  const output = createOutput(true, (text) => void told.push(JSON.parse(text) as Told))
  await command.run({ dataGiven: data, configFile: undefined, output, arguments: args, options })
  return told
}
