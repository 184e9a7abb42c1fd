import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { enrollAt } from '../../src/cli/scratch-cluster.ts'
import { Client } from '../../src/client/index.ts'
import { type RunningProgram, running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'
import { nssTokens } from '../support/nss-softokn.ts'
import { aesKey } from '../support/requests.ts'

const nss = nssTokens(['bank', 'shop'])
const folder = temporaryFolder()
const data = join(folder.path, 'data')
let node: RunningProgram

const ask = <T = Record<string, unknown>>(...args: readonly string[]) => tresorJson<T>(...args, '--data', data)
const serve = async () => {
  node = await running('serve', '--data', data)
}

test.before(async () => {
  await tresor(['init', '--data', data])
  writeFileSync(join(data, 'tresor.yaml'), "workers: 1\nlisten: { kmip: ['127.0.0.1:0'] }\noperator: { port: 0 }\nlog: { level: error }\n")
  await serve()
})
test.after.always(async () => {
  await node.end()
  folder.remove()
  nss.remove()
})

/** As an operator does it whose module wants to be told where its database is. */
const add = (name: string, { module, parameters, token, pinFile }: ReturnType<typeof nss.token>) =>
  ask('partition', 'add', name, '--module', module, '--module-parameters', parameters, '--token', token, '--pin-file', pinFile)

async function clientOf(t: ExecutionContext, tenant: string): Promise<Client> {
  const endpoints = [{ host: '127.0.0.1', port: Number(node.kmip.split(':')[1]) }]
  const client = new Client({ endpoints, ...(await enrollAt(data, tenant, 'app')), failover: { patience: 0 } })
  t.teardown(() => client.close())
  return client
}

const data64 = Buffer.alloc(64, 'nss')
const gcm = { blockCipherMode: 'GCM', tagLength: 16, randomIv: true } as const

test.serial('a module with parameters is taken as a partition, and serves again after a restart', async (t) => {
  await add('bank', nss.alone('bank'))
  await ask('tenant', 'add', 'bank', '--partition', 'bank')
  t.like(await ask('partition', 'show', 'bank'), { partition: 'bank', kind: 'pkcs11', token: 'bank', epoch: 1 })
  const before = await clientOf(t, 'bank')
  const { uniqueIdentifier } = await before.call('Create', aesKey)
  const key = String(uniqueIdentifier)
  const sealed = await before.call('Encrypt', { uniqueIdentifier: key, cryptographicParameters: gcm, data: data64 })
  await node.end()
  await serve()
  const after = await clientOf(t, 'bank')
  const { ivCounterNonce, tag, data: ciphertext } = sealed
  const opened = await after.call('Decrypt', { uniqueIdentifier: key, cryptographicParameters: gcm, data: ciphertext, ivCounterNonce, tag })
  t.deepEqual(Buffer.from(opened.data ?? []), data64)
})

test.serial('a second one with other parameters is refused; with the same for both, which name both tokens, both serve', async (t) => {
  await t.throwsAsync(add('shop', nss.alone('shop')), {
    message: /this node starts .* with configdir='sql:.*bank' .* for partition bank, and starts a module once/,
  })
  t.like(await ask('partition', 'show', 'bank'), { token: 'bank' })
  await node.end()
  appendFileSync(join(data, 'tresor.yaml'), `partitions: { bank: { parameters: ${JSON.stringify(nss.token('bank').parameters)} } }\n`)
  await serve()
  await add('shop', nss.token('shop'))
  await ask('tenant', 'add', 'shop', '--partition', 'shop')
  for (const tenant of ['bank', 'shop']) {
    const client = await clientOf(t, tenant)
    const { uniqueIdentifier } = await client.call('Create', aesKey)
    await client.call('Encrypt', { uniqueIdentifier: String(uniqueIdentifier), cryptographicParameters: gcm, data: data64 })
    t.like(await ask('partition', 'show', tenant), { token: tenant })
  }
})
