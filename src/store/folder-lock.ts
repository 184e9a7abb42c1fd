import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { replicaFile } from './database.ts'

/** The layout of the ledger's folder that this program writes and reads. */
const folderFormat = 1

/**
 * Makes the folder ready and takes it for this process. Two processes that write one ledger would lose commits.
 * @returns what gives the folder back
 * @throws Error that names the process that has it, or the format that this program does not know
 */
export function takeFolder(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  checkFormat(directory)
  const lock = join(directory, 'writer.pid')
  const mine = `${process.pid} ${startOf(process.pid) ?? ''} ${++taken}`
  const draft = `${lock}.${process.pid}.${taken}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      // A link is made by one process alone, and has its content from the first moment on.
      if (isLinked(draft, lock)) return () => giveBack(lock, mine)
      const held = textOf(lock)
      if (held === undefined) continue
      const [pid, start] = held.split(' ')
      if (isAlive(Number(pid), start))
        throw new Error(`${directory}: process ${pid} has this ledger open; stop it first, or use another folder (--data DIR)`)
      removeStale(lock, held, `${draft}.stale`)
    }
    throw new Error(`${lock}: other processes keep taking it; start one only`)
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * What is never synced cannot be trusted after the machine stopped: then it is removed, to be had again from the cluster.
 * Only for who has taken the folder.
 */
export function dropReplicaAfterReboot(directory: string): void {
  if (isOfThisBoot(directory)) return
  const boot = textOf(bootId) ?? `${Date.now()}`
  for (const file of [replicaFile, `${replicaFile}-lock`]) rmSync(join(directory, file), { force: true })
  writeFileSync(join(directory, bootMark), boot, { mode: 0o600 })
}

/** Whether the machine ran on since the replica was begun. */
export function isOfThisBoot(directory: string): boolean {
  const boot = textOf(bootId)
  return boot !== undefined && textOf(join(directory, bootMark)) === boot
}

const bootId = '/proc/sys/kernel/random/boot_id'
const bootMark = 'boot'

let taken = 0
const attempts = 10

function checkFormat(directory: string): void {
  const file = join(directory, 'format')
  const found = textOf(file)?.trim()
  if (found === String(folderFormat)) return
  if (found !== undefined)
    throw new Error(`${directory}: its format is ${found}, this program knows format ${folderFormat}; run the Tresor release that wrote it`)
  if (existsSync(join(directory, replicaFile)))
    throw new Error(`${directory}: it has a ${replicaFile} but no file that tells its format; restore the whole folder from a backup`)
  writeFileSync(`${file}.new`, `${folderFormat}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

function isLinked(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Takes a dead process's lock away. When another process was quicker, what came away is its new lock: that is put back. */
function removeStale(lock: string, held: string, aside: string): void {
  try {
    renameSync(lock, aside)
  } catch {
    return
  }
  if (textOf(aside) !== held) isLinked(aside, lock)
  rmSync(aside, { force: true })
}

function giveBack(lock: string, mine: string): void {
  if (textOf(lock) === mine) rmSync(lock, { force: true })
}

/** A process number may have been given to another program since: where the system tells, its start time is compared too. */
function isAlive(pid: number, start: string | undefined): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
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
  const stat = textOf(`/proc/${pid}/stat`)
  // The command's name in parentheses may hold anything; the start is the 20th field behind it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
