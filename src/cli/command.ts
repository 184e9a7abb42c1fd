import type { ParseArgsConfig } from 'node:util'
import type { Output } from './output.ts'

export type OptionTable = NonNullable<ParseArgsConfig['options']>

/** One option as its command documents it. */
export interface OptionHelp {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** The placeholder in help: `DIR`, `HOST:PORT`. */
  readonly value?: string
  readonly help: string
}

/** What a command gets: where the data lies, where to print, and what the person gave. */
export interface Invocation {
  /** `--data` as it was typed; undefined when it was not. */
  readonly dataGiven: string | undefined
  /** `--config`, absolute. */
  readonly configFile: string | undefined
  readonly output: Output
  readonly arguments: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>
}

/** A command of the command line. Resolves when it is done; throws {@link UsageError} or any error with a message for people. */
export interface Command {
  /** As typed: `tenant add`. */
  readonly name: string
  /** What follows the name: `NAME [--partition P]`. */
  readonly usage: string
  readonly summary: string
  /** A paragraph that teaches: what it does, what comes next. */
  readonly details?: string
  /** Least and most number of arguments. */
  readonly arity: readonly [number, number]
  readonly options: Readonly<Record<string, OptionHelp>>
  run(invocation: Invocation): Promise<void>
}

/** The command line was not understood; exit code 2, with the command's usage. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** A problem that the person can mend: printed as `tresor: message`, exit code 1. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
  }
}

export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export function flagOption({ options }: Invocation, name: string): boolean {
  return options[name] === true
}

export function numberOption(invocation: Invocation, name: string): number | undefined {
  const text = textOption(invocation, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isFinite(value)) throw new UsageError(`--${name} takes a number, not ${text}`)
  return value
}
