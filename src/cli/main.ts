import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, CommandError, type OptionTable, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { createOutput } from './output.ts'
import { version } from './version.ts'

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
  if (argv.includes('--version')) {
    process.stdout.write(`tresor ${version}\n`)
    return 0
  }
  const words = argv.map((word, index) => ({ word, index })).filter(({ word, index }) => !word.startsWith('-') && !isValue(argv, index))
  const [stray] = words.length === 0 ? argv.filter((word) => word !== '--help' && word !== '-h') : []
  if (stray !== undefined) throw new UsageError(`${stray} stands without a command; tresor help lists the commands`)
  if (words[0]?.word === 'help' || words.length === 0) return help(words.slice(words.length === 0 ? 0 : 1).map(({ word }) => word))
  const found = findCommand(words)
  if (found === undefined)
    return refuse(
      words.map(({ word }) => word),
      argv.includes('--help') || argv.includes('-h'),
    )
  const { command, taken } = found
  const { values, positionals } = parse(
    command,
    argv.filter((_, index) => !taken.includes(index)),
  )
  if (values.help === true) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  const [least, most] = command.arity
  if (positionals.length < least || positionals.length > most)
    throw new UsageError(`usage: tresor ${command.name} ${command.usage}`.trimEnd())
  await command.run({
    dataGiven: typeof values.data === 'string' ? values.data : undefined,
    configFile: typeof values.config === 'string' ? resolve(values.config) : undefined,
    output: createOutput(values.json === true),
    arguments: positionals,
    options: values,
  })
  return typeof process.exitCode === 'number' ? process.exitCode : 0
}

/** `tresor help`, `tresor help tenant`, `tresor help tenant add`. */
function help(words: readonly string[]): number {
  const name = words.join(' ')
  const command = commands.find((candidate) => candidate.name === name)
  if (command !== undefined) {
    process.stdout.write(commandHelp(command))
    return 0
  }
  const group = words.length === 0 ? commands : commands.filter((candidate) => candidate.name.startsWith(`${name} `))
  if (group.length === 0) return refuse(words, false)
  process.stdout.write(overview(group))
  return 0
}

/** No command has this name: those that begin like it are shown. @throws UsageError */
function refuse(words: readonly string[], wantsHelp: boolean): number {
  const [first = ''] = words
  const group = commands.filter((candidate) => candidate.name.startsWith(`${first} `))
  if (group.length === 0) throw new UsageError(`there is no command ${words.join(' ')}; tresor help lists the commands`)
  if (wantsHelp) return help([first])
  throw new UsageError(`${first} what? There are: ${group.map(({ name }) => name).join(', ')}. See: tresor help ${first}`)
}

interface Word {
  readonly word: string
  readonly index: number
}

/** The longest name that the words begin with; options may stand before, between and after them. */
function findCommand(words: readonly Word[]): { readonly command: Command; readonly taken: readonly number[] } | undefined {
  for (const length of [2, 1]) {
    const taken = words.slice(0, length)
    const name = taken.map(({ word }) => word).join(' ')
    const command = taken.length === length ? commands.find((candidate) => candidate.name === name) : undefined
    if (command !== undefined) return { command, taken: taken.map(({ index }) => index) }
  }
  return undefined
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
