import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { running, temporaryFolder, tresor, tresorJson } from '../support/command-line.ts'

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

test('a token that was cut is told from one that is wrong', async (t) => {
  const { code, stderr } = await tresor(['cluster', 'join', 'AQAAa', '--data', join(folder.path, 'cut')])
  t.is(code, 1)
  t.regex(stderr, /the join token is incomplete or was altered/)
})
