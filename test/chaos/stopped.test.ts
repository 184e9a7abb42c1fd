import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { processesOf, untilStopped } from '../support/stopped.ts'

/** A group of processes, killed with the test. */
async function group(...command: readonly [string, ...string[]]) {
  const child = spawn(command[0], command.slice(1), { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  const pid = child.pid as number
  return { pid, kill: () => process.kill(-pid, 'SIGKILL') }
}

test('a child that ended and that its stopped parent cannot take note of has stopped, too', async (t) => {
  // What the shell started ends at once, and the program that the shell becomes never asks for it.
  const { pid, kill } = await group('sh', '-c', 'true & echo; exec sleep 100')
  try {
    for (let all = processesOf(pid); all.length < 2; all = processesOf(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
    process.kill(-pid, 'SIGSTOP')
    await t.notThrowsAsync(untilStopped(processesOf(pid)))
  } finally {
    kill()
  }
})

test('what has gone has stopped', async (t) => {
  const { pid, kill } = await group('sh', '-c', 'echo; sleep 100')
  const all = processesOf(pid)
  kill()
  await t.notThrowsAsync(untilStopped(all))
})

test('what goes on is named after a while', async (t) => {
  const { pid, kill } = await group('sh', '-c', 'echo; sleep 100')
  try {
    await t.throwsAsync(untilStopped([pid], 50), { message: new RegExp(`^process ${pid} did not stop: its threads are S$`) })
  } finally {
    kill()
  }
})
