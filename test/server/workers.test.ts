import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { createCrl } from '../../certs/index.ts'
import { encodeRequest, parseResponse, type RequestItem } from '../../src/messages/index.ts'
import { ownAuthority } from '../../src/node-files.ts'
import { serialOf } from '../support/listener.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { RawClient } from '../support/tls-client.ts'

let node: TestNode

test.before(async () => {
  node = await startTestNode({ workers: 2 })
})

test.after.always(() => node?.remove())

const header = { version: '1.4', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' } as const

async function ask(client: RawClient, operation: string, payload: object): Promise<Readonly<Record<string, unknown>>> {
  const frame = encodeRequest({ header, items: [{ operation, payload } as unknown as RequestItem] })
  const [item] = parseResponse(await client.request(frame)).items
  if (item === undefined || !('payload' in item)) throw new Error(`${operation}: ${JSON.stringify(item)}`)
  return item.payload as unknown as Readonly<Record<string, unknown>>
}

const newKey = {
  objectType: 'SymmetricKey',
  attributes: [
    { name: 'CryptographicAlgorithm', value: 'AES' },
    { name: 'CryptographicLength', value: 128 },
    { name: 'CryptographicUsageMask', value: 0x0c },
  ],
}

test.serial('what one worker answered, every other one sees at once', async (t) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.open(node.port, node.client)))
  t.teardown(() => clients.forEach((client) => void client.close()))
  const [first, ...others] = clients as [RawClient, ...RawClient[]]
  for (let round = 0; round < 20; round++) {
    const { uniqueIdentifier } = await ask(first, 'Create', newKey)
    await Promise.all(others.map((client) => ask(client, 'GetAttributes', { uniqueIdentifier, references: [] })))
    await ask(others[round % others.length] as RawClient, 'Destroy', { uniqueIdentifier })
    for (const client of clients) await t.throwsAsync(ask(client, 'Get', { uniqueIdentifier }), { message: /Get: / })
  }
})

test.serial('a worker that is killed takes its connections with it; the others serve on, and it comes back', async (t) => {
  const before = node.node.processes.pids()
  const survivors = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(node.port, node.client)))
  t.teardown(() => survivors.forEach((client) => void client.close()))
  process.kill(before['worker-1'] ?? 0, 'SIGKILL')
  const answers = await Promise.allSettled(survivors.map((client) => ask(client, 'Query', { queryFunctions: ['QueryOperations'] })))
  t.true(answers.some(({ status }) => status === 'fulfilled'))
  // Until the death is noticed a new connection may be handed to the dead: it is then the client's time-out that ends it.
  while (node.node.processes.pids()['worker-1'] === before['worker-1']) await sleep(20)
  const next = await RawClient.open(node.port, node.client)
  t.teardown(() => next.close())
  await ask(next, 'Create', newKey)
  while (node.node.processes.pids()['worker-1'] === undefined || node.node.processes.pids()['worker-1'] === before['worker-1'])
    await sleep(20)
  t.not(node.node.processes.pids()['worker-1'], before['worker-1'])
})

test.serial('the page of numbers has every process', async (t) => {
  const page = await node.node.processes.metrics()
  for (const name of ['ledger', 'worker-2']) t.regex(page, new RegExp(`process_cpu_seconds_total\\{process="${name}"\\}`))
  // What the killed worker had counted went with it.
  t.regex(page, /^tresor_operations_total\{operation="Create",result="Success"\} [1-9]/m)
})

test.serial('a new revocation list closes the connections that it concerns, at every worker, and no others', async (t) => {
  const revoked = await node.enroll('demo', 'revoked')
  const goes = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(node.port, revoked)))
  const stays = await RawClient.open(node.port, node.client)
  t.teardown(() => [...goes, stays].forEach((client) => void client.close()))
  await Promise.all(goes.map((client) => ask(client, 'Query', { queryFunctions: ['QueryOperations'] })))
  const list = await createCrl(await ownAuthority(node.node.folder), [serialOf(revoked)])
  await writeFile(join(node.node.folder.crls, 'own.pem'), list)
  await node.node.processes.reload()
  await Promise.all(goes.map((client) => client.closed()))
  await ask(stays, 'Query', { queryFunctions: ['QueryOperations'] })
  const again = await RawClient.open(node.port, revoked, { session: goes[0]?.session })
  again.send(
    encodeRequest({ header, items: [{ operation: 'Query', payload: { queryFunctions: ['QueryOperations'] } } as unknown as RequestItem] }),
  )
  t.is(await again.receive(), undefined)
})

test.serial('a session made at one worker is resumed at any other', async (t) => {
  const first = await RawClient.open(node.port, node.client)
  await ask(first, 'Query', { queryFunctions: ['QueryOperations'] })
  first.close()
  const resumed = await Promise.all(Array.from({ length: 6 }, () => RawClient.open(node.port, node.client, { session: first.session })))
  t.teardown(() => resumed.forEach((client) => void client.close()))
  t.true(resumed.every((client) => client.socket.isSessionReused()))
})
