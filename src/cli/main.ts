import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, CommandError, type OptionTable, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { createOutput } from './output.ts'

const globalOptions = {
  data: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies OptionTable

/** Runs one command. Answers the exit code: 0 done, 1 refused or failed, 2 the command line was not understood. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await run(argv)
  } catch (error) {
    for (const line of (error as Error).message.split('\n')) process.stderr.write(`tresor: ${line}\n`)
    if (error instanceof UsageError) return 2
    if (!(error instanceof CommandError) && process.env.TRESOR_DEBUG !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
    return 1
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const { command, rest } = findCommand(argv)
  if (command === undefined) {
    const asked = rest.find((word) => !word.startsWith('-'))
    if (asked !== undefined && asked !== 'help') throw new UsageError(`there is no command ${asked}; tresor help lists the commands`)
    process.stdout.write(overview(commands))
    return 0
  }
  const { values, positionals } = parse(command, rest)
  if (values.help === true) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  const [least, most] = command.arity
  if (positionals.length < least || positionals.length > most) throw new UsageError(`usage: tresor ${command.name} ${command.usage}`)
  await command.run({
    dataGiven: typeof values.data === 'string' ? values.data : undefined,
    configFile: typeof values.config === 'string' ? resolve(values.config) : undefined,
    output: createOutput(values.json === true),
    arguments: positionals,
    options: values,
  })
  return typeof process.exitCode === 'number' ? process.exitCode : 0
}

/** The longest name that the words begin with; options may stand before, between and after them. */
function findCommand(argv: readonly string[]): { command: Command | undefined; rest: string[] } {
  const words = argv.map((word, index) => ({ word, index })).filter(({ word, index }) => !word.startsWith('-') && !isValue(argv, index))
  for (const length of [2, 1]) {
    const taken = words.slice(0, length)
    const name = taken.map(({ word }) => word).join(' ')
    const command = taken.length === length ? commands.find((candidate) => candidate.name === name) : undefined
    if (command !== undefined) return { command, rest: argv.filter((_, index) => !taken.some((word) => word.index === index)) }
  }
  return { command: undefined, rest: [...argv] }
}

function isValue(argv: readonly string[], index: number): boolean {
  return ['--data', '--config'].includes(argv[index - 1] ?? '')
}

function parse(command: Command, rest: string[]) {
  const own = Object.fromEntries(
    Object.entries(command.options).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
    ]),
  )
  try {
    return parseArgs({ args: rest, options: { ...globalOptions, ...own } as OptionTable, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nusage: tresor ${command.name} ${command.usage}`)
  }
}
