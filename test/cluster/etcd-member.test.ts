import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { createAuthority, issuePeer, writeBundle } from '../../certs/index.ts'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { EtcdClient, findEtcd, startMember } from '../../src/cluster/index.ts'
import { makePeerTls, startEtcdCluster, untilHealthy } from '../support/etcd-cluster.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-member-'))
})
test.after.always(() => rm(folder, { recursive: true, force: true }))

test('an etcd that is not there, is too old or is something else is told with the cure', async (t) => {
  await t.throwsAsync(findEtcd('/nonexistent/etcd'), {
    message: /cluster\.etcd\.path: \/nonexistent\/etcd is not an executable file.*apt-get install etcd-server/,
  })
  for (const [name, output, problem] of [
    ['old', 'etcd Version: 3.3.25', /is etcd 3\.3; Tresor needs etcd 3\.4/],
    ['other', 'hello', /did not answer as etcd does: hello/],
  ] as const) {
    const path = join(folder, name)
    await writeFile(path, `#!/bin/sh\necho '${output}'\n`)
    await chmod(path, 0o755)
    await t.throwsAsync(findEtcd(path), { message: problem })
  }
  t.regex((await findEtcd()).version, /^3\.\d+/)
})

test('a member that dies is started again, with its data; its words reach the log', async (t) => {
  const lines: string[] = []
  const cluster = await startEtcdCluster(1, (level, message) => lines.push(`${level} ${message}`))
  try {
    const [member] = cluster.members
    await cluster.client().put({ key: Buffer.from('a'), value: Buffer.from('b') }, { deadline: 20_000 })
    const before = member!.pid
    process.kill(before!, 'SIGKILL')
    while (member!.pid === undefined || member!.pid === before) await new Promise((resolve) => setTimeout(resolve, 20))
    await untilHealthy(member!)
    const { kvs } = await cluster.client().range({ key: Buffer.from('a') }, { deadline: 20_000 })
    t.is(kvs[0]?.value.toString(), 'b')
    t.true(lines.some((line) => /^error etcd was killed by SIGKILL after \d+ ms; it is started again/.test(line)))
  } finally {
    await cluster.close()
  }
})

test('a member that cannot start says why', async (t) => {
  const tls = await makePeerTls(join(folder, 'tls'))
  const [peer, client] = await freePorts(2)
  const peerUrl = `https://127.0.0.1:${peer}`
  const options = {
    binary: (await findEtcd()).path,
    name: 'a',
    dataDir: join(folder, 'broken'),
    peerUrl,
    clientUrl: `https://127.0.0.1:${client}`,
    tls,
  }
  const member = await startMember({ ...options, initialCluster: { b: peerUrl }, state: 'new', clusterToken: 'x' })
  let problem: string | undefined
  for (let wait = 0; wait < 600 && !/last words/.test(problem ?? ''); wait++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    problem = await member.problem()
  }
  t.regex(problem ?? '', /etcd is not running \(its last words: /)
  await member.stop()
})

test('a member ends with the process that supervises it, even one that is killed', async (t) => {
  const tls = join(folder, 'tls-of-process')
  await makePeerTls(tls)
  const ports = await freePorts(2)
  const script = fileURLToPath(new URL('../support/member-process.js', import.meta.url))
  const node = spawn(process.execPath, [script, join(folder, 'data'), tls, ...ports.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const etcd = await firstLine(node)
  t.true(isAlive(etcd))
  node.kill('SIGKILL')
  for (let wait = 0; wait < 600 && isAlive(etcd); wait++) await new Promise((resolve) => setTimeout(resolve, 50))
  t.false(isAlive(etcd))
})

test('a member shows itself only to who has a certificate of its cluster, and is only believed under its own address', async (t) => {
  const cluster = await startEtcdCluster(1)
  const authority = await createAuthority({ name: 'another cluster' })
  const elsewhere = join(folder, 'elsewhere')
  await writeBundle(elsewhere, await issuePeer(authority, { name: 'stranger', hosts: ['127.0.0.1'] }), { withoutPkcs12: true })
  const stranger = { ca: cluster.tls.ca, certificate: join(elsewhere, 'cert.pem'), privateKey: join(elsewhere, 'key.pem') }
  const outside = new EtcdClient({ endpoints: cluster.endpoints, tls: stranger })
  const proxy = await TcpProxy.start(Number(new URL(cluster.endpoints[0]!).port), '127.0.0.2')
  const renamed = new EtcdClient({ endpoints: [`https://127.0.0.2:${proxy.port}`], tls: cluster.tls })
  try {
    await t.throwsAsync(outside.status({ deadline: 2000 }))
    await t.throwsAsync(renamed.status({ deadline: 20_000 }), { message: /127\.0\.0\.2/ })
    t.truthy(await cluster.client().status({ deadline: 20_000 }))
  } finally {
    outside.close()
    renamed.close()
    await proxy.close()
    await cluster.close()
  }
})

function firstLine(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', (data: Buffer) => resolve(Number(data.toString())))
    child.once('exit', (code) => reject(new Error(`the supervising process ended with ${code}`)))
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
