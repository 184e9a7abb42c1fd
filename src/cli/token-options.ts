import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileProblem } from '../config.ts'
import type { TokenOptions } from '../partitions/index.ts'
import { CommandError, type Invocation, type OptionHelp, textOption, UsageError } from './command.ts'

/** Options of commands that open a token. */
export const tokenOptions = {
  module: { type: 'string', value: 'PATH', help: "the vendor's PKCS #11 library" },
  token: { type: 'string', value: 'LABEL', help: "the token's label" },
  'pin-file': { type: 'string', value: 'FILE', help: "holds the user's PIN, mode 0600" },
  serial: { type: 'string', value: 'S', help: "the token's serial number, where two have one label" },
  'module-parameters': { type: 'string', value: 'TEXT', help: "what the library is told at its start; NSS: configdir='sql:DIR' and so on" },
} as const satisfies Record<string, OptionHelp>

/** In a command's usage. */
export const tokenUsage = '--module PATH --token LABEL --pin-file FILE'

/** Which token the options name. @throws CommandError, UsageError that say what is missing or wrong */
export async function tokenOf(invocation: Invocation, usage: string): Promise<Omit<TokenOptions, 'name'>> {
  const required = (name: string, value: string) => {
    const text = textOption(invocation, name)
    if (text === undefined) throw new UsageError(`--${name} ${value} is missing\nusage: tresor ${usage}`)
    return text
  }
  const module = resolve(required('module', 'PATH'))
  const token = required('token', 'LABEL')
  const pinFile = resolve(required('pin-file', 'FILE'))
  const problem = await fileProblem(pinFile, 'secret')
  if (problem !== undefined) throw new CommandError(`--pin-file: ${problem}`)
  if (!existsSync(module)) throw new CommandError(`--module: ${module} does not exist; ${moduleHint}`)
  const serial = textOption(invocation, 'serial')
  const parameters = textOption(invocation, 'module-parameters')
  return { module, token, pinFile, ...(serial !== undefined && { serial }), ...(parameters !== undefined && { parameters }) }
}

const moduleHint = "it is the library that came with the HSM (SoftHSM's: /usr/lib/softhsm/libsofthsm2.so, from apt-get install softhsm2)"
