import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'
import { freePorts } from '../support/etcd-cluster.ts'

const folder = temporaryFolder()
test.after.always(() => folder.remove())

test('cluster init, join, status: what is made on one node is there on the other', async (t) => {
  const [peer1, client1, join1, peer2, client2, join2] = (await freePorts(6)).map((port) => `127.0.0.1:${port}`) as [string, ...string[]]
  const [one, two] = [join(folder.path, 'one'), join(folder.path, 'two')]
  const addresses = (peer?: string, client?: string, joinAt?: string) => [
    '--peer',
    peer ?? '',
    '--client',
    client ?? '',
    '--join',
    joinAt ?? '',
  ]
  const quiet = (data: string) => appendFileSync(join(data, 'tresor.yaml'), 'workers: 0\noperator: { port: 0 }\nlog: { level: error }\n')

  const { token } = await tresorJson<{ token: string }>(
    'cluster',
    'init',
    '--name',
    'n1',
    ...addresses(peer1, client1, join1),
    '--data',
    one,
  )
  quiet(one)
  const first = await running('serve', '--listen', '127.0.0.1:0', '--data', one)
  t.teardown(() => first.end())
  await tresorJson('tenant', 'add', 'bank', '--data', one)

  const joined = await tresor(['cluster', 'join', token, '--name', 'n2', ...addresses(peer2, client2, join2), '--data', two])
  t.is(joined.code, 0, joined.stderr)
  quiet(two)
  const second = await running('serve', '--listen', '127.0.0.1:0', '--data', two)
  t.teardown(() => second.end())
  const { node, majority, members } = await tresorJson<{ node: string; majority: boolean; members: { name: string; problem?: string }[] }>(
    'cluster',
    'status',
    '--data',
    two,
  )
  t.is(node, 'n2')
  t.true(majority)
  t.deepEqual(members.map(({ name, problem }) => [name, problem]).sort(), [
    ['n1', undefined],
    ['n2', undefined],
  ])

  const { bundle } = await tresorJson<{ bundle: string }>('tenant', 'enroll', 'bank', 'app', '--data', two)
  const { id } = await tresorJson<{ id: string }>('client', 'create', '--name', 'shared', '--bundle', bundle, '--data', one)
  const { keys } = await tresorJson<{ keys: { id: string }[] }>('key', 'list', 'bank', '--data', two)
  t.deepEqual(
    keys.map((key) => key.id),
    [id],
  )

  const again = await tresor(['cluster', 'join', token, '--data', two])
  t.is(again.code, 1)
  t.regex(again.stderr, /has certificates and keys of its own; join with a new folder/)
  const used = await tresor(['cluster', 'init', '--data', join(folder.path, 'used')])
  t.is(used.code, 0, used.stderr)
  t.regex((await tresor(['cluster', 'init', '--data', join(folder.path, 'used')])).stderr, /this node is in a cluster already/)
})

test('a node that stood alone becomes the first of a cluster with all its data, and never stands alone again', async (t) => {
  const data = join(folder.path, 'alone')
  const [peer, client, joinAt] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`) as [string, string, string]
  await tresor(['init', '--data', data])
  appendFileSync(join(data, 'tresor.yaml'), 'workers: 0\noperator: { port: 0 }\nlog: { level: error }\n')
  const alone = await running('serve', '--data', data, '--listen', '127.0.0.1:0')
  t.teardown(() => alone.end())
  await tresorJson('tenant', 'add', 'bank', '--data', data)
  const { bundle } = await tresorJson<{ bundle: string }>('tenant', 'enroll', 'bank', 'app', '--data', data)
  for (const name of ['first', 'second']) await tresorJson('client', 'create', '--name', name, '--bundle', bundle, '--data', data)
  const listed = () => tresorJson<{ keys: unknown[] }>('key', 'list', 'bank', '--data', data)
  const { keys } = await listed()
  t.is(keys.length, 2)
  t.regex((await tresor(['cluster', 'init', '--data', data])).stderr, /has this ledger open; stop it first/)
  t.is(await alone.end(), 0)

  const { code, stdout, stderr } = await tresor(['cluster', 'init', '--data', data, '--peer', peer, '--client', client, '--join', joinAt])
  t.is(code, 0, stderr)
  t.regex(stdout, /data +\d+ values brought into the cluster and compared/)
  const member = await running('serve', '--data', data, '--listen', '127.0.0.1:0')
  t.teardown(() => member.end())
  t.deepEqual((await listed()).keys, keys)
  const again = await tresor(['client', 'create', '--name', 'second', '--bundle', bundle, '--data', data])
  t.is(again.code, 1, 'a name that was taken stays taken')
  t.is(await member.end(), 0)

  const file = join(data, 'tresor.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^cluster:\n(?: .*\n)*/m, ''))
  const copy = join(folder.path, 'copy')
  cpSync(data, copy, { recursive: true })
  for (const where of [data, copy]) {
    const refused = await tresor(['serve', '--data', where, '--listen', '127.0.0.1:0'])
    t.is(refused.code, 1)
    t.regex(refused.stderr, /have moved on: it belongs to a node of a cluster.* does not serve alone again/)
  }
})

test('a token that was cut is told from one that is wrong', async (t) => {
  const { code, stderr } = await tresor(['cluster', 'join', 'AQAAa', '--data', join(folder.path, 'cut')])
  t.is(code, 1)
  t.regex(stderr, /the join token is incomplete or was altered/)
})
