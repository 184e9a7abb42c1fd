import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { HsmProcess } from '../../src/server/hsm-process.ts'
import { silentLog } from '../../src/server/log.ts'
import { SupervisedProcess } from '../../src/server/supervised-process.ts'

const program = fileURLToPath(new URL('../support/child.js', import.meta.url))

/** An hsm process of which each start is known. */
function hsmProcess(setups: object[] = []): { readonly hsm: HsmProcess; readonly made: readonly ChildProcess[] } {
  const made: ChildProcess[] = []
  const spawn = () => {
    const child = fork(program)
    made.push(child)
    return child
  }
  const setupOf = (told: object) => ({ name: 'hsm', ...told, ...setups.shift() })
  const hsm = new HsmProcess((setup) => new SupervisedProcess({ name: 'hsm', log: silentLog(), spawn, setup: () => setupOf(setup()) }))
  return { hsm, made }
}

const isRunning = (child: ChildProcess) => child.exitCode === null && child.signalCode === null
const partitions = [{ name: 'bank' }]

test('of changes that come while it is started anew only one process is left', async (t) => {
  const { hsm, made } = hsmProcess()
  t.teardown(() => hsm.stop())
  await hsm.set(partitions)
  await Promise.all([hsm.restart(), hsm.set(partitions), hsm.restart(), hsm.set(partitions)])
  t.is(made.filter(isRunning).length, 1)
  t.is(hsm.process?.pid, made.find(isRunning)?.pid)
  await hsm.stop()
  t.deepEqual(made.filter(isRunning), [])
})

test('one that is stopped while it is started anew stays stopped', async (t) => {
  const { hsm, made } = hsmProcess()
  await hsm.set(partitions)
  const restarted = hsm.restart()
  await hsm.stop()
  await restarted
  t.deepEqual(made.filter(isRunning), [])
})

test('one that could not begin is said to be down, and begun by the next change', async (t) => {
  const { hsm } = hsmProcess([{ fail: 'no module' }])
  t.teardown(() => hsm.stop())
  await t.throwsAsync(hsm.set(partitions), { message: 'no module' })
  t.deepEqual(await hsm.problems(), { bank: 'the hsm process is down; it is being started again' })
  await hsm.set(partitions)
  t.truthy(hsm.process?.ports)
})
