import { readdirSync, readFileSync } from 'node:fs'

/**
 * Resolves when no thread of these processes runs any more after a SIGSTOP. The signal alone says little: one thread takes it, and until that
 * one had its turn of a processor the others run on. What has ended has stopped, too: a child of a stopped process stays in the process
 * table.
 * @param patience milliseconds; far above what a signal takes on a busy machine unless said
 * @throws Error that names the process when one still runs then
 */
export async function untilStopped(pids: readonly number[], patience = 10_000): Promise<void> {
  const end = performance.now() + patience
  for (let running = pids.find(runs); running !== undefined; running = pids.find(runs)) {
    if (performance.now() > end) throw new Error(`process ${running} did not stop: its threads are ${threadStates(running).join('')}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Stopped, stopped by a tracer, a zombie, dead. */
const still: ReadonlySet<string> = new Set(['T', 't', 'Z', 'X'])
const runs = (pid: number) => threadStates(pid).some((state) => !still.has(state))

/** The processes of a group, as `kill(-group)` reaches them. */
export function processesOf(group: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && statOf(`/proc/${pid}/stat`)?.[2] === `${group}`)
}

function threadStates(pid: number): string[] {
  return threadsOf(pid).flatMap((thread) => statOf(`/proc/${pid}/task/${thread}/stat`)?.[0] ?? [])
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** The fields after the name, which may hold anything: state, parent, group ...; undefined for one that has ended. */
function statOf(file: string): readonly string[] | undefined {
  try {
    return readFileSync(file, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  } catch {
    return undefined
  }
}
