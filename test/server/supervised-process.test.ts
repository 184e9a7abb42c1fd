import { fork, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { silentLog } from '../../src/server/log.ts'
import { renderMetrics } from '../../src/server/metrics.ts'
import { SupervisedProcess } from '../../src/server/supervised-process.ts'

const child = fileURLToPath(new URL('../support/child.js', import.meta.url))

function supervise(t: ExecutionContext, name: string, setup: object = {}): SupervisedProcess {
  const supervised = new SupervisedProcess({ name, log: silentLog(), spawn: () => fork(child), setup: () => ({ name, ...setup }) })
  t.teardown(() => supervised.stop(500))
  return supervised
}

async function answer(port: number | undefined): Promise<string> {
  const socket = connect(port ?? 0, '127.0.0.1')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('a child that is killed is started again', async (t) => {
  const supervised = supervise(t, 'one')
  await supervised.start()
  const { pid } = supervised
  t.is(await answer(supervised.ports?.test), 'one')
  process.kill(pid ?? 0, 'SIGKILL')
  while (supervised.pid === pid || supervised.ports === undefined) await sleep(20)
  t.is(await answer(supervised.ports?.test), 'one')
})

test('a child that cannot begin says why, and is not tried again', async (t) => {
  const supervised = supervise(t, 'two', { fail: 'the port is taken' })
  await t.throwsAsync(supervised.start(), { message: 'the port is taken' })
  await sleep(300)
  t.is(supervised.pid, undefined)
})

test('a child that is asked to stop is not started again', async (t) => {
  const supervised = supervise(t, 'three')
  await supervised.start()
  await supervised.stop(500)
  await sleep(300)
  t.is(supervised.pid, undefined)
})

test('the numbers of several processes make one page', async (t) => {
  const children = [supervise(t, 'a'), supervise(t, 'b')]
  await Promise.all(children.map((one) => one.start()))
  const snapshots = await Promise.all(children.map((one) => one.metrics()))
  const page = await renderMetrics(snapshots.flatMap((snapshot) => (snapshot === undefined ? [] : [snapshot])))
  t.regex(page, /^tresor_test_total 4$/m)
  t.regex(page, /^tresor_connections\{process="a"\} 1$/m)
  t.regex(page, /^process_resident_memory_bytes\{process="b"\} \d+$/m)
  t.regex(page, /^# TYPE tresor_barrier_seconds histogram$/m)
  t.regex(page, /^tresor_barrier_seconds_bucket\{le="\+Inf"\} 0$/m)
})

test('a child whose process the system cannot make is tried again', async (t) => {
  const attempts = [
    () => fork(child),
    () => spawn('/no/such/program', { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
    () => {
      throw new Error('spawn EAGAIN')
    },
  ]
  const supervised = new SupervisedProcess({
    name: 'unmade',
    log: silentLog(),
    spawn: () => (attempts.shift() ?? (() => fork(child)))(),
    setup: () => ({ name: 'unmade' }),
  })
  t.teardown(() => supervised.stop(500))
  await supervised.start()
  const { pid } = supervised
  process.kill(pid ?? 0, 'SIGKILL')
  for (const end = performance.now() + 60_000; supervised.pid === pid || supervised.ports === undefined; await sleep(20))
    if (performance.now() > end) throw new Error('in a minute it was not started again')
  t.deepEqual(attempts, [])
  t.is(await answer(supervised.ports?.test), 'unmade')
})

test('a process that cannot be made at the first start says why', async (t) => {
  const options = { name: 'none', log: silentLog(), setup: () => ({}) }
  const absent = new SupervisedProcess({
    ...options,
    spawn: () => spawn('/no/such/program', { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
  })
  await t.throwsAsync(absent.start(), { message: /ENOENT/ })
})
