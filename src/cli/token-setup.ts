import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileProblem } from '../config.ts'
import {
  type Carrying,
  createPkcs11Partition,
  listTokens,
  mayBeCarried,
  openPkcs11Partition,
  type Partition,
  readPrivateFile,
  type TokenOptions,
  typedPin,
} from '../partitions/index.ts'
import { CommandError, type Invocation, textOption } from './command.ts'
import { configOf, shownPath } from './place.ts'

/**
 * Makes the partition's keys. A token that has them keeps them: another node made them, or an earlier attempt.
 * @returns whether they had to be made, and the serial number of the one token that has them; undefined where they may be carried to others
 */
export async function makeKeys(
  name: string,
  definition: Omit<TokenOptions, 'name'>,
  carrying: Carrying,
): Promise<{ readonly made: boolean; readonly serial: string | undefined }> {
  const { module, parameters, token } = definition
  const tokens = listTokens(module, parameters)
  if (!tokens.some(({ label }) => label === token)) {
    const labels = tokens.filter(({ initialized }) => initialized).map(({ label }) => label)
    throw new CommandError(
      `${module} has no token ${token}; ${labels.length === 0 ? 'it has none yet' : `it has: ${labels.join(', ')}`}. To make it from a blank one: --init`,
    )
  }
  const open = () => openPkcs11Partition({ name, ...definition })
  const there = await open().catch(() => undefined)
  if (there !== undefined) return { made: false, serial: await onlySerialOf(there) }
  try {
    // Whatever else is wrong than missing keys is met again here, and told.
    await createPkcs11Partition({ name, ...definition }, carrying)
  } catch (error) {
    // At another node they may have been made in the same moment.
    const others = await open().catch(() => undefined)
    if (others === undefined) throw error
    return { made: false, serial: await onlySerialOf(others) }
  }
  return { made: true, serial: await onlySerialOf(await open()) }
}

/** Closes the partition. */
async function onlySerialOf(partition: Partition): Promise<string | undefined> {
  try {
    const { details } = await partition.describe()
    return mayBeCarried(details) || details.serial === '' ? undefined : details.serial
  } finally {
    await partition.close()
  }
}

export function pinOf(file: string): string {
  const pin = readPrivateFile(file)
  const typed = typedPin(pin)
  pin.wipe()
  if (typed === '') throw new CommandError(`${shownPath(file)} is empty; write the PIN into it`)
  return typed
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
