import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Config, configFileName, loadConfig } from '../config.ts'
import { rootSource } from '../configured-root.ts'
import { type DataFolder, dataFolder, makeDataFolder, ownAuthority, renewServerCertificate } from '../node-files.ts'
import { createRoot, hasRoot, readRoot } from '../partitions/index.ts'
import { askPassphrase } from './ask-passphrase.ts'
import { CommandError } from './command.ts'
import { dataFormat, type FolderState, folderState, formatFile } from './data-format.ts'
import { initialConfig } from './initial-config.ts'
import { shownPath } from './place.ts'

export interface MakeChoices {
  /** HOST:PORT for the configuration file, where it is made here. */
  readonly listen?: string | undefined
  /** Makes the secrets, where they are missing: `makeDevelopmentSecrets`, `makeNoSecrets`, or those of a cluster. */
  readonly secrets: MakeSecrets
}

export type MakeSecrets = (config: Config, folder: DataFolder) => Promise<void>

/**
 * Makes the data folder complete; what is there stays as it is. A new one appears whole or not at all.
 * @returns what it was before
 */
export async function makeData(config: Config, choices: MakeChoices): Promise<FolderState> {
  const root = config.data
  const before = folderState(root)
  if (before === 'made') return before
  if (before === 'begun' || isMountPoint(root)) {
    await fill(config, choices)
    return before
  }
  const draft = join(dirname(root), `.${basename(root)}.${randomBytes(6).toString('hex')}`)
  try {
    mkdirSync(draft, { recursive: true, mode: 0o700 })
    await fill({ ...config, data: draft }, choices)
    renameSync(draft, root)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw unwritable(root, error)
  }
  return before
}

/** Each part only where it is missing; the format last: a folder without it is made anew where it stopped. */
async function fill(config: Config, { listen, secrets }: MakeChoices): Promise<void> {
  const folder = dataFolder(config)
  try {
    await makeDataFolder(folder)
    writeNew(join(folder.root, configFileName), initialConfig(listen))
  } catch (error) {
    throw unwritable(folder.root, error)
  }
  await secrets(config, folder)
  await writeFile(join(folder.root, formatFile), `${dataFormat}\n`, { mode: 0o600 })
}

/** An authority that anybody who can read the folder may use, and a root secret: in a file, unless the configuration says otherwise. */
export const makeDevelopmentSecrets: MakeSecrets = async (config, folder) => {
  await ownAuthority(folder)
  await renewServerCertificate(config, folder, new Date())
  await makeRoot(config, folder)
}

/** Certificates and HSM partitions come from elsewhere; a root secret is made where the configuration says how it is kept. */
export const makeNoSecrets: MakeSecrets = async (config, folder) => {
  if (Object.keys(config.root).length > 0) await makeRoot(config, folder)
}

/** What is there already must open: better now than when the node is needed. */
async function makeRoot(config: Config, folder: DataFolder): Promise<void> {
  const source = rootSource(config, folder, askPassphrase)
  const secret = hasRoot(source) ? await readRoot(source) : await createRoot(source)
  secret.wipe()
}

function writeNew(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** An empty folder that is there already is replaced by the draft, but not where another file system begins (a container's volume). */
function isMountPoint(path: string): boolean {
  const here = statSync(path, { throwIfNoEntry: false })
  return here !== undefined && here.dev !== statSync(dirname(path)).dev
}

function unwritable(root: string, error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException
  if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') return error
  return new CommandError(
    `${shownPath(root)} cannot be made or written by this user (${code}${path === undefined ? '' : ` at ${shownPath(path)}`}); name another folder: --data DIR`,
    { cause: error },
  )
}

/** The configuration once more, from the folder that was just made. */
export async function reloadConfig({ file, data }: Config): Promise<Config> {
  return loadConfig({ ...(file === undefined ? {} : { config: file }), data })
}
