import { KmipError } from '../spec/kmip-error.ts'
import type { Config } from './config.ts'
import { type DataFolder, serverFilesMark } from './node-files.ts'
import type { Log } from './server/log.ts'
import type { Processes } from './server/processes.ts'
import type { Ledger } from './store/index.ts'
import type { Settings } from './tenants/index.ts'

export interface Watched {
  readonly settings: Settings
  readonly ledger: Ledger
  readonly processes: Processes
  readonly log: Log
  /** Called when a setting has changed. */
  readonly takeOver: () => Promise<void>
}

/** Looks every two seconds for changed files, and for changed settings, which `takeOver` makes known where they are not seen by themselves. */
export function watchChanges(
  config: Config,
  folder: DataFolder,
  filesAtStart: string,
  { settings, ledger, processes, log, takeOver }: Watched,
): NodeJS.Timeout {
  let files = filesAtStart
  let generation = settings.view().generation
  const look = async () => {
    const mark = await serverFilesMark(config, folder)
    if (mark !== files) await processes.reload()
    files = mark
    await ledger.barrier()
    const view = settings.view()
    if (view.generation === generation) return
    generation = view.generation
    await takeOver()
  }
  // A node that cannot look, such as one without a majority, says why once and not at every look.
  let told: string | undefined
  const tell = (error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    if (why !== told)
      log.warn('changes on disk or in the settings could not be taken over', { error: error instanceof KmipError ? why : error })
    told = why
  }
  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    look()
      .then(() => {
        told = undefined
      }, tell)
      .finally(() => {
        looking = false
      })
  }, watchEvery)
  timer.unref()
  return timer
}

/** Milliseconds. */
const watchEvery = 2000
