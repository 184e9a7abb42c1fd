import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChangeSet, CommitOutcome, Found, Place, Space, Stored, TermMatch } from '../../src/store/index.ts'

/** What another process is asked about a ledger; reads come after a barrier of its own. */
export interface LedgerCalls {
  commit(changes: ChangeSet): Promise<CommitOutcome>
  read(place: Place): Promise<Stored | undefined>
  find(space: Space, matches: readonly TermMatch[], page: { readonly offset: number; readonly limit: number }): Promise<Found>
}

export interface LedgerProcess extends LedgerCalls {
  readonly child: ChildProcess
  /** SIGKILL. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export type Asked = { readonly id: number; readonly method: keyof LedgerCalls; readonly args: readonly unknown[] }
export type Answered = { readonly id: number; readonly result?: unknown; readonly error?: string }

/** A folder for a ledger and the socket that it is served on. */
export async function ledgerFolder(): Promise<{ readonly directory: string; readonly socketPath: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-store-'))
  return {
    directory: join(folder, 'ledger'),
    socketPath: join(folder, 'socket'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Starts a process that has the ledger open (`ledger`, serving it), or a worker connected to it (`worker`); resolves when it serves. */
export async function startLedgerProcess(role: 'ledger' | 'worker', directory: string, socketPath: string): Promise<LedgerProcess> {
  const script = fileURLToPath(new URL('./ledger-child.js', import.meta.url))
  const child = fork(script, [role, directory, socketPath], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const ready = Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the ${role} process ended before it served`))),
  ])
  await ready
  child.on('message', ({ id, result, error }: Answered) => {
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process ended'))
  })
  let asked = 0
  const ask = <T>(method: keyof LedgerCalls, ...args: unknown[]) =>
    new Promise<T>((resolve, reject) => {
      const id = ++asked
      waiting.set(id, { resolve: (value) => resolve(value as T), reject })
      child.send({ id, method, args } satisfies Asked)
    })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  return {
    child,
    commit: (changes) => ask('commit', changes),
    read: (place) => ask('read', place),
    find: (space, matches, page) => ask('find', space, matches, page),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}
