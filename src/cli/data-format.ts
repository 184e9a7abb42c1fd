import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFileName } from '../config.ts'
import { CommandError } from './command.ts'
import { shownPath } from './place.ts'

/** The layout of the data folder that this program makes and reads; `format` in the folder says which one it has. */
export const dataFormat = 1
export const formatFile = 'format'

/** What Tresor keeps in a data folder: with anything else in it, it is somebody else's. */
const ours = new Set([
  formatFile,
  configFileName,
  'pki',
  'root.key',
  'root.sealed',
  'root.change',
  'epoch-secrets',
  'store',
  'clients',
  'cluster',
  'run',
  'log',
  'pins',
  'lost+found',
])

/** `new` when there is nothing yet, `begun` when a person put the configuration or a PKI there first, `made` when it is complete. */
export type FolderState = 'new' | 'begun' | 'made'

/** @throws CommandError when the folder cannot be read, is somebody else's, or was made by a newer Tresor */
export function folderState(folder: string): FolderState {
  const names = namesIn(folder)
  if (names.length === 0) return 'new'
  if (names.includes(formatFile)) {
    checkFormat(folder)
    return 'made'
  }
  const foreign = names.filter((name) => !ours.has(name))
  if (foreign.length > 0) {
    const some = foreign.slice(0, 3).join(', ')
    throw new CommandError(
      `${shownPath(folder)} holds things that are not Tresor's (${some}${foreign.length > 3 ? ', ...' : ''}); name a new or an empty folder: --data DIR`,
    )
  }
  return 'begun'
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code === 'ENOTDIR') throw new CommandError(`${shownPath(folder)} is a file, not a folder; name another place: --data DIR`)
    if (code === 'EACCES')
      throw new CommandError(
        `${shownPath(folder)} cannot be read by this user (${code}); start Tresor as its owner, or name another folder: --data DIR`,
      )
    throw error
  }
}

function checkFormat(folder: string): void {
  const found = readFileSync(join(folder, formatFile), 'utf8').trim()
  if (found === String(dataFormat)) return
  throw new CommandError(
    /^\d+$/.test(found) && Number(found) > dataFormat
      ? `${shownPath(folder)} has format ${found}, this Tresor knows format ${dataFormat}: a newer Tresor made it; start that one, or name another folder: --data DIR`
      : `${shownPath(join(folder, formatFile))} says ${JSON.stringify(found)}, which is no format of a data folder; restore it from a backup`,
  )
}
