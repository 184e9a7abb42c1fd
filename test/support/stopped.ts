import { readdirSync, readFileSync } from 'node:fs'

/**
 * Resolves when every thread of these processes has stopped for a SIGSTOP. The signal alone says little: one thread takes it, and until that
 * one had its turn of a processor the others run on.
 */
export async function untilStopped(pids: readonly number[]): Promise<void> {
  while (!pids.every((pid) => threadStates(pid).every((state) => state === 'T'))) await new Promise((resolve) => setImmediate(resolve))
}

/** The processes of a group, as `kill(-group)` reaches them. */
export function processesOf(group: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && statOf(`/proc/${pid}/stat`)?.[2] === `${group}`)
}

function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => statOf(`/proc/${pid}/task/${thread}/stat`)?.[0] ?? [])
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
