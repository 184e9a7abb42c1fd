import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileProblem } from '../config.ts'
import {
  type Carrying,
  createPkcs11Partition,
  listTokens,
  openPkcs11Partition,
  readPrivateFile,
  type TokenOptions,
} from '../partitions/index.ts'
import { CommandError, type Invocation, textOption } from './command.ts'
import { configOf, shownPath } from './place.ts'

/** Whether the partition's keys had to be made. A token that has them keeps them: another node made them, or an earlier attempt. */
export async function makeKeys(name: string, definition: Omit<TokenOptions, 'name'>, carrying: Carrying): Promise<boolean> {
  const { module, parameters, token } = definition
  const tokens = listTokens(module, parameters)
  if (!tokens.some(({ label }) => label === token)) {
    const labels = tokens.filter(({ initialized }) => initialized).map(({ label }) => label)
    throw new CommandError(
      `${module} has no token ${token}; ${labels.length === 0 ? 'it has none yet' : `it has: ${labels.join(', ')}`}. To make it from a blank one: --init`,
    )
  }
  const opens = async () => {
    const partition = await openPkcs11Partition({ name, ...definition }).catch(() => undefined)
    await partition?.close()
    return partition !== undefined
  }
  if (await opens()) return false
  try {
    // Whatever else is wrong than missing keys is met again here, and told.
    await createPkcs11Partition({ name, ...definition }, carrying)
    return true
  } catch (error) {
    // At another node they may have been made in the same moment.
    if (await opens()) return false
    throw error
  }
}

export function pinOf(file: string): string {
  const pin = readPrivateFile(file)
  const [line = ''] = Buffer.from(pin.expose()).toString('utf8').split(/\r?\n/)
  pin.wipe()
  if (line === '') throw new CommandError(`${shownPath(file)} is empty; write the PIN into it`)
  return line
}

/** The security officer's PIN is needed to initialize, and later to set a forgotten PIN anew: it is kept, its owner's alone. */
export async function officerPin(invocation: Invocation, partition: string): Promise<string> {
  const given = textOption(invocation, 'so-pin-file')
  if (given !== undefined) {
    const problem = await fileProblem(resolve(given), 'secret')
    if (problem !== undefined) throw new CommandError(`--so-pin-file: ${problem}`)
    return pinOf(resolve(given))
  }
  const file = join((await configOf(invocation)).data, 'pins', `${partition}.so-pin`)
  if (existsSync(file)) return pinOf(file)
  const pin = randomBytes(12).toString('hex')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${pin}\n`, { flag: 'wx', mode: 0o600 })
  invocation.output.step('officer', `the security officer's PIN lies in ${shownPath(file)}: move it to a safe`, { soPinFile: file })
  return pin
}
