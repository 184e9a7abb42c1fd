import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type Authority, createAuthority, issuePeer } from '../../certs/index.ts'
import { freePorts } from '../../src/cli/scratch-cluster.ts'
import { type CertifyPeer, clusterPaths, initCluster, startClusterNode } from '../../src/cluster/index.ts'
import { objectChange } from '../support/change-sets.ts'
import { untilHealthy } from '../support/etcd-cluster.ts'
import { memoryReplica } from '../support/memory-replica.ts'

let folder: string
let authority: Authority
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tresor-renewal-'))
  authority = await createAuthority({ name: 'test cluster' })
})
test.after.always(() => rm(folder, { recursive: true, force: true }))

const day = 24 * 3600_000

test('a certificate that ends is renewed under load, and connections made after its end are taken', async (t) => {
  const [peer, client] = await freePorts(2)
  const hosts = ['127.0.0.1', 'localhost']
  const node = { name: 'n1', peerUrl: `https://127.0.0.1:${peer}`, clientUrl: `https://127.0.0.1:${client}`, hosts }
  const { tls } = clusterPaths(folder)
  const ends = Date.now() + 20_000
  const issue = (request: Parameters<CertifyPeer>[0], now: number) => issuePeer(authority, { ...request, days: 1, now: new Date(now) })
  await initCluster(folder, node, (request) => issue(request, ends - day))
  const key = await readFile(tls.privateKey, 'utf8')
  let isAuthorityThere = false
  const certify: CertifyPeer = async (request) => {
    if (!isAuthorityThere) throw new Error('the authority is away')
    return issue(request, Date.now())
  }
  const told: string[] = []
  const log = (_level: string, message: string) => void told.push(message)
  const running = await startClusterNode({ folder, replica: memoryReplica(), log, renewal: { certify, interval: 200 } })
  t.teardown(() => running.close())
  await untilHealthy(running.member)
  t.true(told.some((message) => /certificate cannot be renewed: the authority is away/.test(message)))

  let [answered, failed] = [0, 0]
  let isOver = false
  const load = (async () => {
    while (!isOver) {
      await running.ledger.commit(objectChange(`object-${answered + failed}`, 'v', 0)).then(
        () => answered++,
        () => failed++,
      )
    }
  })()
  isAuthorityThere = true
  while (Date.now() < ends + 1500) await new Promise((resolve) => setTimeout(resolve, 100))
  isOver = true
  await load
  t.true(answered > 0)
  t.is(failed, 0)
  t.is(told.filter((message) => /certificate was renewed/.test(message)).length, 1)
  const last = new X509Certificate(await readFile(tls.certificate))
  t.true(new Date(last.validTo).getTime() > Date.now() + day / 2)
  t.regex(last.subjectAltName ?? '', /IP Address:127\.0\.0\.1.*DNS:localhost/)
  t.is(await readFile(tls.privateKey, 'utf8'), key)

  // Every connection is made anew: both sides show what is in the files now.
  process.kill(running.member.pid!, 'SIGKILL')
  t.is((await running.ledger.commit(objectChange('after', 'v', 0))).outcome, 'committed')
  await untilHealthy(running.member)
})
