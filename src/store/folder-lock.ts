import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The layout of the ledger's folder that this program writes and reads. */
const folderFormat = 1

/**
 * Makes the folder ready and takes it for this process. Two processes that write one ledger would lose commits.
 * @returns what gives the folder back
 * @throws Error that names the process that has it, or the program that wrote a newer format
 */
export function takeFolder(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  checkFormat(directory)
  const lock = join(directory, 'writer.pid')
  const mine = `${process.pid} ${startOf(process.pid) ?? ''}`
  for (;;) {
    try {
      writeFileSync(lock, mine, { flag: 'wx', mode: 0o600 })
      return () => rmSync(lock, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const [pid, start] = readFileSync(lock, 'utf8').split(' ')
      if (Number(pid) !== process.pid && isAlive(Number(pid), start)) {
        throw new Error(`${directory}: process ${pid} has this ledger open; stop it first, or use another folder (--data DIR)`)
      }
      rmSync(lock, { force: true })
    }
  }
}

function checkFormat(directory: string): void {
  const file = join(directory, 'format')
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, `${folderFormat}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
    return
  }
  const found = readFileSync(file, 'utf8').trim()
  if (found !== String(folderFormat)) {
    throw new Error(`${directory}: its format is ${found}, this program knows format ${folderFormat}; run the Tresor release that wrote it`)
  }
}

/** A process number may have been given to another program since: where the system tells, its start time is compared too. */
function isAlive(pid: number, start: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const now = startOf(pid)
  return now === undefined || start === undefined || start === '' || now === start
}

/** When a process started, in the kernel's ticks since boot; undefined where /proc does not say. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
