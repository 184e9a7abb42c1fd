import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { type OperationName, operations } from '../../spec/operations.ts'
import type { AttributeInstance, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { callAdmin, type NodeStatus } from '../../src/admin/index.ts'
import { partitionAdd } from '../../src/cli/commands/partition.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { encodeRequest } from '../../src/messages/index.ts'
import { type Asked, ask, outcomes } from '../support/requests.ts'
import { type ServedNode, startServedNode } from '../support/served-node.ts'
import { type SoftHsm, softHsm } from '../support/softhsm.ts'
import { type ClientBundle, RawClient } from '../support/tls-client.ts'

/*
 * A node at its most talkative, in processes of its own, with a tenant in a software partition and one in a token. Everything is done to it
 * that clients can do, well and badly, with bytes that are known here; then they are looked for in all that it wrote.
 */

let node: ServedNode
let hsm: SoftHsm
/** What clients were told: messages of refusals. */
const told: string[] = []
const done = new Set<OperationName>()

/** Bytes that no log may show, by what they are. */
const secrets = new Map<string, Uint8Array>()

function secret(what: string, bytes: Uint8Array = randomBytes(32)): Buffer {
  secrets.set(`${what} (${secrets.size})`, bytes)
  return Buffer.from(bytes)
}

const password = `password-${randomBytes(12).toString('hex')}`
const wrongPassword = `wrong-${randomBytes(12).toString('hex')}`

test.before(async () => {
  hsm = softHsm()
  node = await startServedNode({ workers: 1, log: { level: 'debug', format: 'json', file: 'log.json' } })
  const { module, token, pinFile } = hsm.token('token')
  await runQuietly(partitionAdd, node.data, ['token'], { module, token, 'pin-file': pinFile })
  await callAdmin(node.data, 'tenant.add', { tenant: 'token', partition: 'token' })
  for (const tenant of ['demo', 'token']) {
    const credentials = await enrollAt(node.data, tenant, 'app')
    await callAdmin(node.data, 'tenant.password', { tenant, user: 'app', password })
    await useEverything(new Client({ ...place(), ...credentials, user: { username: 'app', password } }), bundleOf(credentials))
    await meetRefusals(new Client({ ...place(), ...credentials }), credentials)
    const wrong = new Client({ ...place(), ...credentials, user: { username: 'app', password: wrongPassword } })
    await refused(wrong.call('Query', { queryFunctions: ['QueryOperations'] }))
    wrong.close()
  }
})

test.after.always(async () => {
  await node?.remove()
  hsm?.remove()
})

const place = () => ({ endpoints: [node.endpoint] })

function bundleOf({ ca, cert, key }: ServedNode['credentials']): ClientBundle {
  return { authority: String(ca), certificate: String(cert), privateKey: String(key) }
}
const anyUse: AttributeInstance = { name: 'CryptographicUsageMask', value: 0xfff }
const active: AttributeInstance = { name: 'ActivationDate', value: 1 }
const aes: AttributeInstance = { name: 'CryptographicAlgorithm', value: 'AES' }
const bits = (length: number): AttributeInstance => ({ name: 'CryptographicLength', value: length })
const gcm = { blockCipherMode: 'GCM', tagLength: 16 } as const
const pkcs1 = { paddingMethod: 'PKCS1V1_5', hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'RSA' } as const
const hmac = { cryptographicAlgorithm: 'HMAC_SHA256' } as const

async function refused(call: Promise<unknown>): Promise<void> {
  await call.then(
    () => {
      throw new Error('what should have been refused was not')
    },
    (error: Error) => told.push(error.message),
  )
}

function raw(algorithm: 'AES' | 'HMAC_SHA256', bytes: Uint8Array) {
  return {
    keyBlock: {
      keyFormatType: 'Raw',
      keyValue: { keyMaterial: bytes, attributes: [] },
      cryptographicAlgorithm: algorithm,
      cryptographicLength: bytes.length * 8,
    },
  } as const
}

type Call = <O extends OperationName>(operation: O, payload: RequestPayload<O>) => Promise<ResponsePayload<O>>

/** Every operation there is, with success. */
async function useEverything(client: Client, bundle: ClientBundle): Promise<void> {
  const call: Call = async (operation, payload) => {
    const answer = await client.call(operation, payload)
    done.add(operation)
    return answer
  }
  const register = async (payload: Omit<RequestPayload<'Register'>, 'attributes' | 'templates'>, ...attributes: AttributeInstance[]) =>
    String(
      (await call('Register', { attributes: [anyUse, active, ...attributes], ...payload } as RequestPayload<'Register'>)).uniqueIdentifier,
    )
  await call('DiscoverVersions', { protocolVersions: [] })
  await call('Query', { queryFunctions: ['QueryOperations', 'QueryObjects'] })
  secret('random bytes', (await call('RNGRetrieve', { dataLength: 32 })).data)

  const made = String((await call('Create', { objectType: 'SymmetricKey', attributes: [aes, bits(256), anyUse] })).uniqueIdentifier)
  const { symmetricKey } = await call('Get', { uniqueIdentifier: made })
  const value = symmetricKey?.keyBlock.keyValue
  if (value !== undefined && 'keyMaterial' in value && value.keyMaterial instanceof Uint8Array) secret('generated key', value.keyMaterial)
  await call('Activate', { uniqueIdentifier: made })
  await useTickets(call, bundle)

  const key = await register({ objectType: 'SymmetricKey', symmetricKey: raw('AES', secret('registered AES key')) })
  const data = secret('plaintext')
  const sealed = await call('Encrypt', { uniqueIdentifier: key, cryptographicParameters: { ...gcm, randomIv: true }, data })
  await call('Decrypt', {
    uniqueIdentifier: key,
    cryptographicParameters: gcm,
    data: sealed.data,
    ivCounterNonce: sealed.ivCounterNonce,
    tag: sealed.tag,
  })
  await derive(call, key)
  await useLater(call, bundle, key)
  const macKey = await register({ objectType: 'SymmetricKey', symmetricKey: raw('HMAC_SHA256', secret('registered HMAC key')) })
  const macRequest = { uniqueIdentifier: macKey, cryptographicParameters: hmac, data: secret('data of a MAC') }
  const { macData } = await call('MAC', macRequest)
  await call('MACVerify', { ...macRequest, macData })
  await call('Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data: secret('data of a hash') })
  await register({
    objectType: 'SecretData',
    secretData: {
      secretDataType: 'Password',
      keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: secret('secret data'), attributes: [] } },
    },
  })
  await register({
    objectType: 'OpaqueObject',
    opaqueObject: { opaqueDataType: 0x80000001 as never, opaqueDataValue: secret('opaque data') },
  })
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  const { d = '', p = '' } = privateKey.export({ format: 'jwk' })
  secret('private exponent', Buffer.from(d, 'base64url'))
  secret('prime', Buffer.from(p, 'base64url'))
  await register({
    objectType: 'PrivateKey',
    privateKey: {
      keyBlock: {
        keyFormatType: 'PKCS_8',
        keyValue: { keyMaterial: pkcs8, attributes: [] },
        cryptographicAlgorithm: 'RSA',
        cryptographicLength: 2048,
      },
    },
  })
  const pair = await call('CreateKeyPair', {
    commonAttributes: [{ name: 'CryptographicAlgorithm', value: 'RSA' }, bits(2048), active],
    privateKeyAttributes: [anyUse],
    publicKeyAttributes: [anyUse],
  } as unknown as RequestPayload<'CreateKeyPair'>)
  const signed = secret('signed data')
  const { signatureData } = await call('Sign', {
    uniqueIdentifier: String(pair.privateKeyUniqueIdentifier),
    cryptographicParameters: pkcs1,
    data: signed,
  })
  await call('SignatureVerify', {
    uniqueIdentifier: String(pair.publicKeyUniqueIdentifier),
    cryptographicParameters: pkcs1,
    data: signed,
    signatureData,
  })
  await call('AddAttribute', { uniqueIdentifier: made, newAttribute: { name: 'Description', value: 'one' } })
  await call('ModifyAttribute', {
    uniqueIdentifier: made,
    currentAttribute: { name: 'Description', value: 'one' },
    newAttribute: { name: 'Description', value: 'two' },
  })
  await call('GetAttributes', { uniqueIdentifier: made, references: [] })
  await call('GetAttributeList', { uniqueIdentifier: made })
  await call('DeleteAttribute', { uniqueIdentifier: made, currentAttribute: { name: 'Description', value: 'two' } })
  await call('Locate', { attributes: [aes] })
  await call('Revoke', { uniqueIdentifier: made, revocationReason: { code: 'CessationOfOperation' } })
  await call('Destroy', { uniqueIdentifier: made })
  client.close()
}

/** A key from a key, by a method that tokens have too. */
async function derive(call: Call, base: string): Promise<void> {
  const { uniqueIdentifier } = await call('DeriveKey', {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: [base],
    derivationMethod: 'ENCRYPT',
    derivationParameters: {
      cryptographicParameters: { blockCipherMode: 'CBC' },
      initializationVector: randomBytes(16),
      derivationData: [secret('derivation data')],
    },
    templates: [],
    attributes: [aes, bits(256), anyUse],
  })
  const keyValue = (await call('Get', { uniqueIdentifier })).symmetricKey?.keyBlock.keyValue
  if (keyValue === undefined || !('keyMaterial' in keyValue) || !(keyValue.keyMaterial instanceof Uint8Array))
    throw new Error('Get answered no bytes of the derived key')
  secret('derived key', keyValue.keyMaterial)
}

/** A ticket, with which a request is let in, and its end. */
async function useTickets(call: Call, bundle: ClientBundle): Promise<void> {
  const { ticket } = await call('Login', {})
  // Its date comes first, which is none.
  secret('ticket', ticket.ticketValue.subarray(8))
  const credentials = [{ credentialType: 'Ticket', credentialValue: { ticket } }] as const
  const client = await RawClient.open(node.endpoint.port, bundle)
  const locate: Asked = ['Locate', { attributes: [] }]
  const answer = outcomes(await ask(client, [locate], { credentials }))
  if (answer.join() !== 'Success') throw new Error(`with a ticket: ${answer}`)
  await call('Logout', { ticket })
  const [item] = (await ask(client, [locate], { credentials })).items
  if (item?.status !== 'OperationFailed') throw new Error('a ticket outlived its Logout')
  told.push(item.error.message)
  client.close()
}

/** Requests that are answered later: what they carry, and what is answered, is secret. */
async function useLater(call: Call, bundle: ClientBundle, key: string): Promise<void> {
  const client = await RawClient.open(node.endpoint.port, bundle)
  const submit = async (item: Asked): Promise<Uint8Array> => {
    const answer = await ask(client, [item], { asynchronousIndicator: 'Mandatory', credentials: [passwordCredential] })
    const [pending] = answer.items
    if (pending?.status !== 'OperationPending') throw new Error(`${item[0]} was not left to later: ${outcomes(answer)}`)
    return pending.asynchronousCorrelationValue
  }
  const registered = { objectType: 'SymmetricKey', attributes: [anyUse], templates: [] } as const
  const canceled = await submit(['Register', { ...registered, symmetricKey: raw('AES', secret('key registered later, or never')) }])
  await call('Cancel', { asynchronousCorrelationValue: canceled })
  const carriedOut = await submit(['Register', { ...registered, symmetricKey: raw('AES', secret('key registered later')) }])
  const { asynchronousRequests } = await call('QueryAsynchronousRequests', {})
  if (asynchronousRequests.length === 0) throw new Error('no request that waits for its answer is listed')
  await processed(call, carriedOut)
  await call('Poll', { asynchronousCorrelationValue: carriedOut })
  const sealed = await call('Encrypt', {
    uniqueIdentifier: key,
    cryptographicParameters: { ...gcm, randomIv: true },
    data: secret('plaintext that is answered later'),
  })
  const decrypted = await submit([
    'Decrypt',
    { uniqueIdentifier: key, cryptographicParameters: gcm, data: sealed.data, ivCounterNonce: sealed.ivCounterNonce, tag: sealed.tag },
  ])
  await processed(call, decrypted)
  await call('Poll', { asynchronousCorrelationValue: decrypted })
  client.close()
}

const passwordCredential = { credentialType: 'UsernameAndPassword', credentialValue: { username: 'app', password } } as const

/** Hurried along, unless its turn came first. */
async function processed(call: Call, asynchronousCorrelationValue: Uint8Array): Promise<void> {
  await call('Process', { asynchronousCorrelationValue }).catch((error: unknown) => {
    if (!(error instanceof KmipError) || error.reason !== 'DuplicateProcessRequest') throw error
  })
}

/** Requests that carry secrets and are refused, for as many reasons as there are. */
async function meetRefusals(client: Client, credentials: ServedNode['credentials']): Promise<void> {
  const attributes = [anyUse, active]
  const register = (bytes: Uint8Array, more: Partial<RequestPayload<'Register'>> = {}) =>
    client.call('Register', {
      objectType: 'SymmetricKey',
      attributes,
      symmetricKey: raw('AES', bytes),
      ...more,
    } as unknown as RequestPayload<'Register'>)
  const key = String((await register(secret('key for refusals'))).uniqueIdentifier)
  await refused(register(secret('key of a wrong length', randomBytes(29))))
  await refused(register(secret('key of a wrong kind'), { objectType: 'PrivateKey', symmetricKey: undefined } as object))
  const der = secret('what is no PKCS #8', randomBytes(64))
  const noKey = { keyFormatType: 'PKCS_8', keyValue: { keyMaterial: der, attributes: [] }, cryptographicAlgorithm: 'RSA' } as const
  await refused(
    client.call('Register', {
      objectType: 'PrivateKey',
      attributes,
      privateKey: { keyBlock: noKey },
    } as unknown as RequestPayload<'Register'>),
  )
  const data = secret('plaintext that is refused', randomBytes(33))
  const use = (cryptographicParameters: object, uniqueIdentifier = key) =>
    client.call('Encrypt', { uniqueIdentifier, cryptographicParameters, data } as RequestPayload<'Encrypt'>)
  await refused(use({ blockCipherMode: 'ECB', paddingMethod: 'None' }))
  await refused(use({ blockCipherMode: 'PCBC' }))
  await refused(use({ blockCipherMode: 'CCM' }))
  await refused(use(gcm, 'no-such-key'))
  await refused(
    client.call('Decrypt', {
      uniqueIdentifier: key,
      cryptographicParameters: gcm,
      data,
      ivCounterNonce: Buffer.alloc(12),
      tag: Buffer.alloc(16),
    }),
  )
  // What cannot be read as a message at all, and what can only be read in part.
  const frame = encodeRequest({
    header: { version: '2.1', asynchronousIndicator: 'Prohibited', credentials: [], batchErrorContinuation: 'Stop' },
    items: [
      {
        operation: 'Register',
        payload: { objectType: 'SymmetricKey', attributes, symmetricKey: raw('AES', secret('key in a broken message')) } as never,
      },
    ],
  })
  const bundle = bundleOf(credentials)
  for (const at of [1, 2, 12, 40, 60, 100, 140, 180, 200].filter((offset) => offset < frame.length)) {
    const broken = Buffer.from(frame)
    broken[at] = (broken[at] as number) ^ 0x55
    const rawClient = await RawClient.open(node.endpoint.port, bundle)
    rawClient.send(broken)
    const timer = setTimeout(() => rawClient.close(), 500)
    const answer = await rawClient.receive()
    clearTimeout(timer)
    if (answer !== undefined) told.push(answer.toString('latin1'))
    rawClient.close()
  }
  client.close()
}

/** The forms in which bytes are shown: as they are, and the beginning of each as text, so that a shortened one is met too. */
function formsOf(bytes: Uint8Array): string[] {
  const whole = Buffer.from(bytes)
  const start = whole.subarray(0, 12)
  return [
    start.toString('latin1'),
    start.toString('hex'),
    start.toString('hex').toUpperCase(),
    start.toString('base64').slice(0, 16),
    start.toString('base64url').slice(0, 16),
    [...start].join(','),
    [...start].join(', '),
    [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
  ]
}

/** What of the secrets is in a text; `text` is latin1 where it is bytes. */
function found(text: string): string[] {
  return [...secrets].filter(([, bytes]) => formsOf(bytes).some((form) => text.includes(form))).map(([what]) => what)
}

async function everyFile(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test.serial('the run has done everything that there is to do', (t) => {
  t.deepEqual(
    Object.keys(operations).filter((name) => !done.has(name as OperationName)),
    [],
  )
})

test.serial('the search finds a secret in each of its forms', (t) => {
  const [[what, bytes]] = [...secrets] as [[string, Uint8Array]]
  for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
    t.deepEqual(found(`before ${Buffer.from(bytes).toString(form)} after`), [what], form)
})

test.serial('no log line, no message to a client and no number for the operator shows a secret', async (t) => {
  const log = await readFile(join(node.data, 'log.json'), 'latin1')
  t.regex(log, /"level":"debug"/)
  t.true(log.split('\n').length > 2 * done.size, 'a line a request')
  const status = (await callAdmin(node.data, 'node.status')) as NodeStatus
  const metrics = await (await fetch(`http://${status.operator}/metrics`)).text()
  t.regex(metrics, /tresor_operations_total/)
  const words = node.process.words.join('\n')
  for (const [what, text] of Object.entries({ log, metrics, words, told: told.join('\n') })) {
    t.deepEqual(found(text), [], what)
    for (const phrase of [password, wrongPassword, '12345678', '87654321'])
      t.false(text.includes(phrase) || text.includes(Buffer.from(phrase).toString('base64').slice(0, 10)), `${phrase} in ${what}`)
  }
  t.log(`${log.split('\n').length} log lines, ${told.length} refusals, ${secrets.size} secrets`)
})

test.serial('the data folder holds no plain key, no plaintext and no password', async (t) => {
  await node.process.stop()
  const files = await everyFile(node.data)
  t.true(files.some((file) => file.endsWith('replica.lmdb')))
  for (const file of files) {
    const text = await readFile(file, 'latin1')
    t.deepEqual(found(text), [], file)
    t.false(text.includes(password), file)
  }
})
