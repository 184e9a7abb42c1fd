import { createServer } from 'node:net'
import { Metrics } from '../../src/server/metrics.ts'
import { serveAsChild } from '../../src/server/process-messages.ts'

/** A child process for the tests of supervision: listens on a port of its own, and does what its setup says. */
interface Setup {
  readonly fail?: string
  readonly name: string
}

serveAsChild(async (given) => {
  const setup = given as Setup
  if (setup.fail !== undefined) throw new Error(setup.fail)
  const metrics = new Metrics(setup.name)
  metrics.source(() => ({ counters: { test_total: 2 }, gauges: { connections: 1 } }))
  const server = createServer((socket) => socket.end(setup.name))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  return {
    ports: { test: typeof address === 'object' && address !== null ? address.port : 0 },
    problems: () => ({}),
    snapshot: () => metrics.snapshot(),
    setTicketKeys: () => undefined,
    reload: async () => undefined,
    setLogLevel: () => undefined,
    stop: async () => void server.close(),
  }
})
