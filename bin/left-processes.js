// Processes that a run of the tests started and did not end. Each is told by a mark in its environment, which children have from their parents.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const [name, value] = ['TRESOR_TEST_RUN', `${process.pid}-${Date.now()}`]

/** For the environment of what is run. */
export const runMark = { [name]: value }

/** Those that have not ended after a while, which end now. Empty where a system does not show its processes. */
export async function leftProcesses() {
  // One that was told to end may need a moment.
  const left = await stillThere()
  // In good order, so that what they have made around themselves goes with them.
  signal(left, 'SIGTERM')
  signal(await stillThere(), 'SIGKILL')
  return left
}

async function stillThere() {
  let left = marked()
  for (const end = performance.now() + 10_000; left.length > 0 && performance.now() < end; left = marked()) await sleep(100)
  return left
}

function signal(processes, name) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, name)
    } catch {
      // It ended by itself.
    }
  }
}

function marked() {
  return everyProcess().flatMap((pid) => {
    const words = wordsIn(`/proc/${pid}/environ`)
    return words.includes(`${name}=${value}`) ? [{ pid, command: wordsIn(`/proc/${pid}/cmdline`).join(' ').trim() }] : []
  })
}

function everyProcess() {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

function wordsIn(file) {
  try {
    return readFileSync(file, 'utf8').split('\0')
  } catch {
    return []
  }
}
