import { verify } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { RequestPayload } from '../../spec/values.ts'
import type { Client, KmipError } from '../../src/client/index.ts'
import { addHsmTenant } from '../support/hsm-tenant.ts'
import { startTestNode, type TestNode } from '../support/node.ts'
import { type Asked, aesKeyWith, ask, clientAt, named, outcomes } from '../support/requests.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'
import { RawClient } from '../support/tls-client.ts'

let hsm: SoftHsm

test.before(() => {
  hsm = softHsm()
})

test.after.always(() => hsm?.remove())

async function clientOf(t: ExecutionContext, node: TestNode, tenant: string): Promise<Client> {
  const client = clientAt(node.port, await node.enroll(tenant, 'app'))
  t.teardown(() => client.close())
  return client
}

async function hsmNode(t: ExecutionContext, workers: number, tenants: readonly string[]): Promise<TestNode> {
  const node = await startTestNode({ workers })
  t.teardown(() => node.remove())
  for (const tenant of tenants) await addHsmTenant(node, hsm, tenant)
  return node
}

const gcm = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const
const data = Buffer.from('kept in a token')
const isRefused = (t: ExecutionContext, work: Promise<unknown>, reason: string) =>
  t.throwsAsync<KmipError>(work).then((error) => t.is(error?.reason, reason as never))

async function sealed(client: Client, uniqueIdentifier: string) {
  const { ivCounterNonce, tag, data: ciphertext } = await client.call('Encrypt', { uniqueIdentifier, cryptographicParameters: gcm, data })
  return { uniqueIdentifier, cryptographicParameters: gcm, data: ciphertext, ivCounterNonce, tag } satisfies RequestPayload<'Decrypt'>
}

/** Decrypts in three parts, which come to whatever worker: the stream is in the hsm process. */
async function openedInParts(client: Client, box: Awaited<ReturnType<typeof sealed>>): Promise<Uint8Array> {
  const { uniqueIdentifier } = box
  const { correlationValue } = await client.call('Decrypt', { ...box, data: box.data?.subarray(0, 4), initIndicator: true })
  await client.call('Decrypt', { uniqueIdentifier, data: box.data?.subarray(4, 9), correlationValue })
  const last = await client.call('Decrypt', { uniqueIdentifier, data: box.data?.subarray(9), correlationValue, finalIndicator: true })
  return last.data ?? new Uint8Array()
}

const rsaPair: RequestPayload<'CreateKeyPair'> = {
  commonTemplates: [],
  privateKeyTemplates: [],
  publicKeyTemplates: [],
  commonAttributes: [
    { name: 'CryptographicAlgorithm', value: 'RSA' },
    { name: 'CryptographicLength', value: 2048 },
    { name: 'ActivationDate', value: 1_000_000_000 },
  ],
  privateKeyAttributes: [
    { name: 'CryptographicUsageMask', value: 1 },
    { name: 'Sensitive', value: true },
  ],
  publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
}

for (const workers of [1, 2]) {
  test.serial(`${workers} workers: keys of two tenants in two tokens, from Create to Destroy`, async (t) => {
    const [bank, shop] = [`bank${workers}`, `shop${workers}`]
    const node = await hsmNode(t, workers, [bank, shop])
    const clients = await Promise.all([bank, shop].map((tenant) => clientOf(t, node, tenant)))
    const made = await Promise.all(
      clients.map(async (client) => {
        const { uniqueIdentifier } = await client.call('Create', aesKeyWith(named('in a token'), { name: 'Sensitive', value: true }))
        const id = String(uniqueIdentifier)
        const box = await sealed(client, id)
        t.deepEqual(Buffer.from((await client.call('Decrypt', box)).data ?? []), data)
        await isRefused(t, client.call('Get', { uniqueIdentifier: id }), 'Sensitive')
        t.deepEqual(Buffer.from(await openedInParts(client, box)), data)
        const { capabilityInformation } = await client.call('Query', { queryFunctions: ['QueryCapabilities'] })
        t.is(capabilityInformation[0]?.streamingCapability, true)
        return { client, id, box }
      }),
    )
    t.true(node.node.processes.pids().hsm !== undefined)
    const [first, second] = made as [(typeof made)[0], (typeof made)[0]]
    await isRefused(t, second.client.call('Decrypt', first.box), 'ObjectNotFound')
    await isRefused(t, second.client.call('Decrypt', { ...first.box, uniqueIdentifier: second.id }), 'CryptographicFailure')

    const pair = await first.client.call('CreateKeyPair', rsaPair)
    const [privateKey, publicKey] = [String(pair.privateKeyUniqueIdentifier), String(pair.publicKeyUniqueIdentifier)]
    const parameters = { paddingMethod: 'PKCS1V1_5', hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'RSA' } as const
    const { signatureData } = await first.client.call('Sign', { uniqueIdentifier: privateKey, cryptographicParameters: parameters, data })
    const got = await first.client.call('Get', { uniqueIdentifier: publicKey, keyFormatType: 'X_509' })
    const spki = got.publicKey?.keyBlock.keyValue as { readonly keyMaterial: Uint8Array }
    t.true(verify('sha256', data, { key: Buffer.from(spki.keyMaterial), format: 'der', type: 'spki' }, signatureData as Uint8Array))
    for (const [signed, validity] of [
      [data, 'Valid'],
      [Buffer.from('altered'), 'Invalid'],
    ] as const) {
      const answer = await first.client.call('SignatureVerify', {
        uniqueIdentifier: publicKey,
        cryptographicParameters: parameters,
        data: signed,
        signatureData,
      })
      t.is(answer.validityIndicator, validity)
    }
    await isRefused(t, first.client.call('Get', { uniqueIdentifier: privateKey }), 'Sensitive')

    for (const { client, id, box } of made) {
      await client.call('Revoke', { uniqueIdentifier: id, revocationReason: { code: 'CessationOfOperation' } })
      await client.call('Destroy', { uniqueIdentifier: id })
      await isRefused(t, client.call('Decrypt', box), 'ObjectDestroyed')
    }
  })
}

test.serial(
  'the hsm process is killed: its calls fail with General Failure meanwhile, software tenants go on, afterwards all is well',
  async (t) => {
    const node = await hsmNode(t, 2, ['killed'])
    const client = await clientOf(t, node, 'killed')
    const software = await clientOf(t, node, 'demo')
    const { uniqueIdentifier } = await client.call('Create', aesKeyWith())
    const soft = String((await software.call('Create', aesKeyWith())).uniqueIdentifier)
    const box = await sealed(client, String(uniqueIdentifier))
    const before = node.node.processes.pids().hsm as number
    process.kill(before, 'SIGKILL')
    const seen = new Set<string>()
    const until = Date.now() + 60_000
    let works = false
    while (!works && Date.now() < until) {
      // First of all, while a new process is only being started.
      works = await client.call('Decrypt', box).then(
        ({ data: opened }) => Buffer.from(opened ?? []).equals(data) && (node.node.processes.pids().hsm ?? before) !== before,
        (error: KmipError) => {
          seen.add(error.reason)
          return false
        },
      )
      await software.call('Encrypt', { uniqueIdentifier: soft, cryptographicParameters: gcm, data })
    }
    t.true(works)
    t.deepEqual([...seen], ['GeneralFailure'])
    await sealed(client, String(uniqueIdentifier))
    await client.call('Create', aesKeyWith())
  },
)

test.serial('a PIN that is wrong: requests fail, /readyz names the partition and the cure, and other tenants are served', async (t) => {
  const first = await hsmNode(t, 1, ['mislaid'])
  const client = await clientOf(t, first, 'mislaid')
  const id = String((await client.call('Create', aesKeyWith())).uniqueIdentifier)
  const box = await sealed(client, id)
  client.close()
  await first.stop()
  const pinFile = `${hsm.folder}/mislaid.pin`
  writeFileSync(pinFile, '00000000\n', { mode: 0o600 })
  const second = await startTestNode({ workers: 1, data: first.data })
  t.teardown(() => second.stop())
  const again = await clientOf(t, second, 'mislaid')
  await isRefused(t, again.call('Decrypt', box), 'GeneralFailure')
  const other = await clientOf(t, second, 'demo')
  await other.call('Create', aesKeyWith())
  const ready = await fetch(`http://127.0.0.1:${second.operatorPort}/readyz`)
  t.is(ready.status, 200)
  const text = await ready.text()
  t.regex(text, /^ready\n/)
  t.regex(text, /partition mislaid: .*PIN/)
  t.true(text.includes(pinFile), text)
  // The cure: the right PIN, and a new start of the hsm process.
  writeFileSync(pinFile, '12345678\n', { mode: 0o600 })
  await second.node.processes.restartHsm()
  let opened: Uint8Array | undefined
  while (opened === undefined) {
    opened = (await again.call('Decrypt', box).catch(() => ({ data: undefined }))).data
    if (opened === undefined) await sleep(100)
  }
  t.deepEqual(Buffer.from(opened), data)
  t.is(await (await fetch(`http://127.0.0.1:${second.operatorPort}/readyz`)).text(), 'ready\n')
})

test.serial('a ticket, and a key pair that is made later in a token though the worker that was to make it is killed: once', async (t) => {
  const node = await hsmNode(t, 2, ['later'])
  const bundle = await node.enroll('later', 'app')
  const connected = async () => {
    const client = await RawClient.open(node.port, bundle)
    t.teardown(() => client.close())
    return client
  }
  const first = await connected()
  const [login] = (await ask(first, [['Login', { requestCount: 3 }]])).items
  if (login?.status !== 'Success' || login.operation !== 'Login') return t.fail(JSON.stringify(login))
  const { ticket } = login.payload
  const header = { credentials: [{ credentialType: 'Ticket', credentialValue: { ticket } }] } as const
  const [pending] = (await ask(first, [['CreateKeyPair', rsaPair]], { ...header, asynchronousIndicator: 'Mandatory' })).items
  if (pending?.status !== 'OperationPending') return t.fail(JSON.stringify(pending))
  const holder = /jobs_(?:waiting|running)\{process="(worker-\d)"\} 1/.exec(await node.node.processes.metrics())?.[1] ?? 'none'
  const pid = node.node.processes.pids()[holder]
  if (pid === undefined) t.log('it was made before its worker could be killed')
  else {
    process.kill(pid, 'SIGKILL')
    while ([undefined, pid].includes(node.node.processes.pids()[holder])) await sleep(20)
  }
  const { asynchronousCorrelationValue } = pending
  const asked = async (item: Asked, more = {}) => await ask(await connected(), [item], more)
  let answer = await asked(['Poll', { asynchronousCorrelationValue }])
  while (answer.items[0]?.status === 'OperationPending') answer = await asked(['Poll', { asynchronousCorrelationValue }])
  t.like(answer.items[0], { operation: 'CreateKeyPair', status: 'Success' })
  const locate: Asked = ['Locate', { attributes: [] }]
  const [located] = (await asked(locate, header)).items
  t.like(located, { status: 'Success', payload: { locatedItems: 2 } })
  t.deepEqual(outcomes(await asked(locate, header)), ['Success'])
  t.deepEqual(outcomes(await asked(locate, header)), ['InvalidTicket'])
})
