import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { silentLog } from '../../src/server/log.ts'
import { listenOperator } from '../../src/server/operator.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { aesKey, clientAt } from '../support/requests.ts'

for (const [name, readiness, status, text] of [
  ['nothing is wrong', { blocking: [], notices: [], partitions: {} }, 200, 'ready\n'],
  [
    'the ledger cannot write',
    { blocking: ['the disk of the store is full'], notices: [], partitions: {} },
    503,
    'the disk of the store is full\n',
  ],
  [
    "one tenant's partition is not to be had",
    { blocking: [], notices: [], partitions: { bank: 'no token "bank"' } },
    200,
    'ready\npartition bank: no token "bank"\n',
  ],
  [
    'both',
    { blocking: ['no worker process serves'], notices: ['the clocks differ'], partitions: { bank: 'no token "bank"' } },
    503,
    'no worker process serves\nthe clocks differ\npartition bank: no token "bank"\n',
  ],
] as const) {
  test(`/readyz in JSON: ${name}`, async (t) => {
    const view = { health: () => undefined, readiness: async () => readiness, metrics: async () => '' }
    const operator = await listenOperator('127.0.0.1', 0, view, silentLog())
    t.teardown(() => operator.close())
    const response = await fetch(`http://127.0.0.1:${operator.port}/readyz`, { headers: { accept: 'application/json' } })
    t.is(response.status, status)
    t.deepEqual(await response.json(), { ready: status === 200, ...readiness })
  })

  test(`/readyz: ${name}`, async (t) => {
    const view = { health: () => undefined, readiness: async () => readiness, metrics: async () => '' }
    const operator = await listenOperator('127.0.0.1', 0, view, silentLog())
    t.teardown(() => operator.close())
    const response = await fetch(`http://127.0.0.1:${operator.port}/readyz`)
    t.deepEqual({ status: response.status, text: await response.text() }, { status, text })
  })
}

async function readyz({ operatorPort }: TestNode): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${operatorPort}/readyz`)).text()
}

async function until(t: ExecutionContext, node: TestNode, wanted: RegExp): Promise<void> {
  let text = ''
  for (const end = performance.now() + 60_000; performance.now() < end && !wanted.test(text); ) {
    text = await readyz(node)
    await sleep(20)
  }
  t.regex(text, wanted)
}

for (const workers of [0, 1]) {
  test(`${workers} workers: a key file that is another's, or is not there, is named before a client asks; the right one cures it without a restart`, async (t) => {
    const first = await startTestNode({ workers })
    const before = clientAt(first.port, first.client)
    const { uniqueIdentifier } = await before.call('Create', aesKey)
    t.is(await readyz(first), 'ready\n')
    before.close()
    await first.stop()
    const { keyFile } = first.node.folder
    await rename(keyFile, `${keyFile}.kept`)
    const second = await startTestNode({ workers, data: first.data })
    t.teardown(() => second.remove())
    await until(t, second, new RegExp(`^ready\npartition software: .*${keyFile}`))
    await writeFile(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    await until(t, second, /^ready\npartition software: /)
    const client = clientAt(second.port, second.client)
    t.teardown(() => client.close())
    await t.throwsAsync(client.call('Get', { uniqueIdentifier }), { message: /./ })
    await rename(`${keyFile}.kept`, keyFile)
    await until(t, second, /^ready\n$/)
    await client.call('Get', { uniqueIdentifier })
  })
}
