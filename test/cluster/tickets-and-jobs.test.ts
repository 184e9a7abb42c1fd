import test from 'ava'
import { callAdmin } from '../../src/admin/index.ts'
import { type ScratchCluster, type ScratchClusterNode, startScratchCluster } from '../../src/cli/scratch-cluster.ts'
import type { Credentials } from '../../src/client/index.ts'
import type { RequestHeader, ResponseItem } from '../../src/messages/index.ts'
import { type Asked, aesKey, ask, outcomes } from '../support/requests.ts'
import { RawClient } from '../support/tls-client.ts'

/*
 * Tickets and asynchronous requests are one on all nodes, and outlive the node that gave them. The last test kills a node.
 */

let cluster: ScratchCluster
let clients: RawClient[]
let stranger: RawClient

test.before(async () => {
  cluster = await startScratchCluster({ settings: { workers: 1, log: { level: 'error' } } })
  const [first] = cluster.nodes as [ScratchClusterNode]
  const at = async ({ endpoint }: ScratchClusterNode, { ca, cert, key }: Credentials) =>
    RawClient.open(endpoint.port, { authority: String(ca), certificate: String(cert), privateKey: String(key) })
  for (const tenant of ['demo', 'other']) await callAdmin(first.data, 'tenant.add', { tenant })
  const credentials = await cluster.enroll('demo', 'app')
  clients = await Promise.all(cluster.nodes.map((node) => at(node, credentials)))
  stranger = await at(first, await cluster.enroll('other', 'app'))
})
test.after.always(async () => {
  for (const client of [...(clients ?? []), ...(stranger === undefined ? [] : [stranger])]) client.close()
  await cluster?.remove()
})

const node = (index: number) => clients[index] as RawClient
const create: Asked = ['Create', aesKey]
const locate: Asked = ['Locate', { attributes: [] }]

async function login(client: RawClient, terms: object = {}): Promise<Uint8Array> {
  const [item] = (await ask(client, [['Login', terms]])).items
  if (item?.status !== 'Success' || item.operation !== 'Login') throw new Error(JSON.stringify(item))
  return item.payload.ticket.ticketValue
}

function withTicket(ticketValue: Uint8Array): Partial<RequestHeader> {
  return { credentials: [{ credentialType: 'Ticket', credentialValue: { ticket: { ticketType: 'Login', ticketValue } } }] }
}

const tried = async (client: RawClient, ticket: Uint8Array) => outcomes(await ask(client, [locate], withTicket(ticket))).join()
const logout = (ticketValue: Uint8Array): Asked => ['Logout', { ticket: { ticketType: 'Login', ticketValue } }]

async function submitted(client: RawClient, item: Asked): Promise<Uint8Array> {
  const [answer] = (await ask(client, [item], { asynchronousIndicator: 'Mandatory' })).items
  if (answer?.status !== 'OperationPending') throw new Error(JSON.stringify(answer))
  return answer.asynchronousCorrelationValue
}

async function polled(client: RawClient, asynchronousCorrelationValue: Uint8Array): Promise<ResponseItem> {
  for (;;) {
    const [answer] = (await ask(client, [['Poll', { asynchronousCorrelationValue }]])).items as [ResponseItem]
    if (answer.status !== 'OperationPending') return answer
  }
}

async function located(client: RawClient): Promise<readonly unknown[]> {
  const [item] = (await ask(client, [locate])).items
  return item?.status === 'Success' && item.operation === 'Locate' ? item.payload.uniqueIdentifiers : []
}

test.serial('a ticket of one node lets in at all, and at none once its Logout was answered at any', async (t) => {
  for (let round = 0; round < 6; round++) {
    const ticket = await login(node(round % 3))
    for (const client of clients) t.is(await tried(client, ticket), 'Success')
    t.deepEqual(outcomes(await ask(node((round + 1) % 3), [logout(ticket)])), ['Success'])
    t.deepEqual(await Promise.all(clients.map((client) => tried(client, ticket))), Array(3).fill('InvalidTicket'))
  }
})

test.serial('a Request Count is not passed by requests at three nodes at once', async (t) => {
  const ticket = await login(node(0), { requestCount: 9 })
  const answers = await Promise.all(Array.from({ length: 18 }, (_, index) => tried(node(index % 3), ticket)))
  t.deepEqual(answers.sort(), [...Array(9).fill('InvalidTicket'), ...Array(9).fill('Success')])
})

test.serial('what one node was asked is polled at another; of a Cancel there and the carrying out, one wins', async (t) => {
  const values = await Promise.all(Array.from({ length: 6 }, (_, index) => submitted(node(index % 3), create)))
  const results: string[] = []
  for (const [index, value] of values.entries()) {
    const other = node((index + 1) % 3)
    // Half of them are carried out where they are at the same time.
    const process = index % 2 === 0 ? ask(node(index % 3), [['Process', { asynchronousCorrelationValue: value }]]) : undefined
    const [item] = (await ask(other, [['Cancel', { asynchronousCorrelationValue: value }]])).items
    const result = item?.status === 'Success' && item.operation === 'Cancel' ? item.payload.cancellationResult : 'none'
    await process
    const answer = await polled(node((index + 2) % 3), value)
    results.push(`${result} ${answer.status === 'OperationFailed' ? answer.error.reason : answer.status}`)
  }
  for (const result of results) t.true(['Canceled OperationCanceledByRequester', 'Completed Success'].includes(result), result)
  t.is((await located(node(0))).length, results.filter((result) => result.startsWith('Completed')).length)
})

test.serial('a node is killed: what it was asked to do later is done once, and its tickets go on', async (t) => {
  const before = (await located(node(0))).length
  const ticket = await login(node(2))
  const values = await Promise.all(Array.from({ length: 8 }, () => submitted(node(2), create)))
  await (cluster.nodes[2] as ScratchClusterNode).process.kill()
  const [value] = values as [Uint8Array]
  t.deepEqual(outcomes(await ask(stranger, [['Poll', { asynchronousCorrelationValue: value }]])), ['InvalidAsynchronousCorrelationValue'])
  const answers = await Promise.all(values.map((each, index) => polled(node(index % 2), each)))
  t.true(answers.every(({ status }) => status === 'Success'))
  t.is((await located(node(1))).length, before + 8)
  t.is(await tried(node(0), ticket), 'Success')
  t.deepEqual(outcomes(await ask(node(0), [logout(ticket)])), ['Success'])
  t.is(await tried(node(1), ticket), 'InvalidTicket')
})
