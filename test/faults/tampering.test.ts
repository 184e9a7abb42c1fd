import { Writable } from 'node:stream'
import test from 'ava'
import type { AttributeInstance } from '../../spec/values.ts'
import { Client } from '../../src/client/index.ts'
import { createLog } from '../../src/server/log.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import type { Place, Space } from '../../src/store/index.ts'
import { valueKey } from '../../src/store/keys.ts'
import { decodeEntry, encodeEntry, type StoredEntry } from '../../src/store/stored-entry.ts'
import { newKey, refusalOf } from '../support/key-lives.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import type { ClientBundle } from '../support/tls-client.ts'

/** Lines of the log since the last look. */
let lines: string[] = []
const log = createLog({
  level: 'warn',
  form: 'json',
  to: new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  }),
})

let node: TestNode
let other: ClientBundle

test.before(async () => {
  node = await startTestNode({ log })
  other = await node.enroll('other', 'app')
})

test.after.always(() => node?.remove())

const clientOf = ({ authority, certificate, privateKey }: ClientBundle) =>
  new Client({ endpoints: [{ host: '127.0.0.1', port: node.port }], ca: authority, cert: certificate, key: privateKey })

async function makeKeys(client: Client, count: number, prefix: string): Promise<string[]> {
  const active: AttributeInstance = { name: 'ActivationDate', value: 1 }
  const answers = Array.from({ length: count }, async (_, index) => {
    const key = newKey(`${prefix}-${index}`)
    return (await client.call('Create', { ...key, attributes: [...key.attributes, active] })).uniqueIdentifier as string
  })
  return await Promise.all(answers)
}

const place = (id: string, tenant = 'demo'): Place => ({ space: `t/${tenant}` as Space, kind: 'object', id })

/** Stops the node, changes what lies in its database, and starts it again on the same folder. */
async function whileDown(change: (database: Database) => Promise<void>): Promise<void> {
  await node.stop()
  const database = openDatabase(node.node.folder.store, 'durable')
  await change(database)
  await database.close()
  lines = []
  const { data } = node
  node = await startTestNode({ log, data })
}

function entryOf(database: Database, where: Place): StoredEntry {
  const stored = database.get(valueKey(where))
  if (stored === undefined) throw new Error(`nothing is stored for ${where.id}`)
  return decodeEntry(Buffer.from(stored))
}

async function put(database: Database, where: Place, entry: StoredEntry): Promise<void> {
  await database.put(valueKey(where), encodeEntry(entry))
}

/** What reads, uses or changes a key. */
const uses: readonly ((client: Client, uniqueIdentifier: string) => Promise<unknown>)[] = [
  (client, uniqueIdentifier) => client.call('Get', { uniqueIdentifier }),
  (client, uniqueIdentifier) => client.call('GetAttributes', { uniqueIdentifier, references: [] }),
  (client, uniqueIdentifier) =>
    client.call('Encrypt', { uniqueIdentifier, data: Buffer.alloc(16), cryptographicParameters: { blockCipherMode: 'ECB' } }),
  (client, uniqueIdentifier) => client.call('AddAttribute', { uniqueIdentifier, newAttribute: { name: 'Description', value: 'x' } }),
  (client, uniqueIdentifier) => client.call('Revoke', { uniqueIdentifier, revocationReason: { code: 'KeyCompromise' } }),
]
const all = <T>(what: T): T[] => uses.map(() => what)

/** What each of the uses is answered, one after the other; undefined for success. */
async function refusals(client: Client, id: string): Promise<(string | undefined)[]> {
  const reasons: (string | undefined)[] = []
  for (const use of uses) reasons.push(await refusalOf(use(client, id)))
  return reasons
}

test.serial('a byte changed anywhere in a record is found out at every use of it; the other keys are as they were', async (t) => {
  const count = 64
  const before = clientOf(node.client)
  const edited = await makeKeys(before, count, 'edited')
  const untouched = await makeKeys(before, 8, 'untouched')
  before.close()
  await whileDown(async (database) => {
    for (const [index, id] of edited.entries()) {
      const entry = entryOf(database, place(id))
      const value = Buffer.from(entry.value)
      const at = Math.floor((index * value.length) / count)
      value[at] = (value[at] as number) ^ (1 << (index % 8))
      await put(database, place(id), { ...entry, value })
    }
  })
  const client = clientOf(node.client)
  t.teardown(() => client.close())
  for (const id of edited) {
    lines = []
    t.deepEqual(await refusals(client, id), all('GeneralFailure'), id)
    t.regex(lines.join(''), new RegExp(`the stored record of ${id} in t/demo (is damaged|does not bear its partition's seal)`))
  }
  for (const id of untouched) t.deepEqual(await refusals(client, id), all(undefined))
})

test.serial('records that change places are found out', async (t) => {
  const before = clientOf(node.client)
  const [one, two, three] = (await makeKeys(before, 3, 'swapped')) as [string, string, string]
  before.close()
  await whileDown(async (database) => {
    const [first, second] = [entryOf(database, place(one)), entryOf(database, place(two))]
    await put(database, place(one), { ...first, value: second.value })
    await put(database, place(two), { ...second, value: first.value })
  })
  const client = clientOf(node.client)
  t.teardown(() => client.close())
  for (const id of [one, two]) {
    lines = []
    t.deepEqual(await refusals(client, id), all('GeneralFailure'), id)
    t.regex(lines.join(''), new RegExp(id), 'the log tells')
  }
  t.deepEqual(await refusals(client, three), all(undefined))
})

test.serial("a record put into another tenant's space is no key of that tenant", async (t) => {
  const before = clientOf(node.client)
  const [stolen, kept] = (await makeKeys(before, 2, 'stolen')) as [string, string]
  before.close()
  await whileDown(async (database) => {
    await put(database, place(stolen, 'other'), entryOf(database, place(stolen)))
  })
  const [owner, thief] = [clientOf(node.client), clientOf(other)]
  t.teardown(() => [owner, thief].forEach((client) => void client.close()))
  lines = []
  t.deepEqual(await refusals(thief, stolen), all('GeneralFailure'))
  t.regex(lines.join(''), new RegExp(stolen), 'the log tells')
  t.is(await refusalOf(thief.call('Get', { uniqueIdentifier: kept })), 'ObjectNotFound')
  t.deepEqual(await refusals(owner, stolen), all(undefined))
})
